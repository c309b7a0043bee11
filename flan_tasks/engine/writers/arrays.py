"""Arrays: one `.npy` file for each feature and shard, memory-mappable; what our trainer reads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flan_tasks.engine.writers.base import Shard, Writer, WriteSettings
from flan_tasks.packing.packed_rows import PackedShard
from flan_tasks.specs.formats import DECODER

_ABOUT = ("offsets", "examples", "tasks")
FEATURES = {
    True: ("tokens", "segment_ids", "loss_mask", *_ABOUT),
    False: ("inputs", "inputs_segment_ids", "targets", "targets_segment_ids", *_ABOUT),
}


class ArraysWriter(Writer):
    """Writes `data/train-00000-of-00001.inputs.npy` and so on; positions and shifts are derived."""

    ending = ""
    needs_vocabulary = True
    trims = True
    is_packed = True
    rows_per_shard = 65_536

    def paths(self, shard: Shard, settings: WriteSettings) -> list[str]:
        return [f"{shard.path}.{name}.npy" for name in FEATURES[settings.arch == DECODER]]

    def write_packed(
        self, paths: Mapping[str, Path], packed: PackedShard, settings: WriteSettings
    ) -> None:
        for path, temporary in paths.items():
            name = path.removesuffix(".npy").rsplit(".", 1)[1]
            with temporary.open("wb") as file:
                array = np.ascontiguousarray(packed.arrays[name])
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_1_0(file, header)
                # Not numpy's `write_array`: it does not say why a write fell short.
                file.write(array.data)
