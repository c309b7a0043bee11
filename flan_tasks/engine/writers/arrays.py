"""Arrays: one `.npy` file for each feature and shard, memory-mappable; what our trainer reads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flan_tasks.engine.writers.writer import PackedWriter, Shard, WriteSettings
from flan_tasks.packing.features import array_names
from flan_tasks.packing.packed_rows import PackedShard


class ArraysWriter(PackedWriter):
    """Writes `data/train-00000-of-00001.inputs.npy` and so on; positions and shifts are derived."""

    ending = ""

    def paths(self, shard: Shard, settings: WriteSettings) -> list[str]:
        return [f"{shard.path}.{name}.npy" for name in array_names(settings.arch)]

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
