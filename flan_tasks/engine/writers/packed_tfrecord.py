"""Packed TFRecord files: rows ready for a T5X model, every feature spelled out."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flan_tasks.engine.writers.tfrecord import write_examples
from flan_tasks.engine.writers.writer import PackedWriter, WriteSettings
from flan_tasks.packing.features import STORED, features
from flan_tasks.packing.packed_rows import PackedShard

# Rows made at once: every feature of a row is a list of numbers while it is written.
_ROWS = 256


class PackedTfrecordWriter(PackedWriter):
    """Writes `data/train-00000-of-00001.tfrecord` of `tf.train.Example` with T5X's feature names.

    Names, values and lengths are those SeqIO's feature converters give with `pack=True`, so that a
    reader needs `tf.io.FixedLenFeature([length], tf.int64)` for each and no further step.
    """

    ending = ".tfrecord"
    modules = ("tensorflow",)

    def write_packed(
        self, paths: Mapping[str, Path], packed: PackedShard, settings: WriteSettings
    ) -> None:
        (path,) = paths.values()

        def rows():
            for first in range(0, packed.num_rows, _ROWS):
                stored = {
                    name: packed.arrays[name][first : first + _ROWS].astype(np.int32)
                    for name in STORED[settings.arch]
                }
                arrays = features(settings.arch, stored)
                for row in range(len(next(iter(arrays.values())))):
                    yield {name: array[row] for name, array in arrays.items()}

        write_examples(path, rows())
