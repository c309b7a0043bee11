"""TFRecord files of `tf.train.Example`: ids with EOS, the texts, and where they come from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from flan_tasks.engine.styles import OPTION_STYLE
from flan_tasks.engine.writers.writer import RowWriter, TokenizedRow, WriteSettings, with_eos


class TfrecordWriter(RowWriter):
    """Writes `data/train-00000-of-00001.tfrecord`: ids trimmed to the lengths, with EOS."""

    ending = ".tfrecord"
    modules = ("tensorflow",)
    needs_vocabulary = True
    trims = True

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        write_examples(path, (token_columns(item, settings) for chunk in chunks for item in chunk))


def token_columns(item: TokenizedRow, settings: WriteSettings) -> dict[str, object]:
    """Returns what is written of a row: its ids, cut and closed by EOS, its texts, its origin."""
    assert settings.eos_id is not None
    assert item.inputs is not None and item.targets is not None
    eos_id, lengths = settings.eos_id, settings.lengths
    return {
        "inputs": with_eos(item.inputs, eos_id, lengths["inputs"]),
        "targets": with_eos(item.targets, eos_id, lengths["targets"]),
        "inputs_pretokenized": item.row.inputs,
        "targets_pretokenized": item.row.targets,
        **item.row.about,
        "split": settings.split,
        **({OPTION_STYLE: item.row.option_style} if settings.option_styles else {}),
    }


def write_examples(path: Path, rows: Iterator[Mapping[str, object]]) -> None:
    """Writes numbers, text, lists of text and int32 arrays as TFRecords of `tf.train.Example`."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized(rows):
            writer.write(record)


def serialized(rows: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
    """Yields rows of text, lists of text and int32 arrays as bytes of `tf.train.Example`."""
    import tensorflow as tf

    def feature(value: object) -> tf.train.Feature:
        if isinstance(value, np.ndarray):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        texts = value if isinstance(value, list) else [value]
        data = [str(text).encode() for text in texts]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=data))

    for row in rows:
        features = {name: feature(value) for name, value in row.items()}
        example = tf.train.Example(features=tf.train.Features(feature=features))
        # Features are a map; only deterministic serializing gives it one order.
        yield example.SerializeToString(deterministic=True)
