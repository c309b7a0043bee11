"""ArrayRecord files of `tf.train.Example`: the records of `tfrecord`, read by number."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flan_tasks.engine.writers.tfrecord import serialized, token_columns
from flan_tasks.engine.writers.writer import RowWriter, TokenizedRow, WriteSettings

# Groups of one record, as Grain advises: a reader that shuffles unpacks no neighbors. Spelled out,
# as the library's defaults may change and the bytes of a build may not. Its writer works in one
# thread and gives the same bytes each time.
OPTIONS = "group_size:1,zstd:3"


class ArrayrecordWriter(RowWriter):
    """Writes `data/train-00000-of-00001.arrayrecord`: ids trimmed to the lengths, with EOS."""

    ending = ".arrayrecord"
    needs_vocabulary = True
    trims = True
    modules = ("array_record", "tensorflow")

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        writer = ArrayRecordWriter(str(path), OPTIONS)
        try:
            for record in serialized(
                token_columns(item, settings) for chunk in chunks for item in chunk
            ):
                writer.write(record)
        finally:
            writer.close()
