"""The forms a build is written in, one module each: writers of rows, and of packed rows."""

from flan_tasks.engine.writers.arrayrecord import ArrayrecordWriter
from flan_tasks.engine.writers.arrays import ArraysWriter
from flan_tasks.engine.writers.jsonl import JsonlWriter
from flan_tasks.engine.writers.packed_tfrecord import PackedTfrecordWriter
from flan_tasks.engine.writers.parquet import ParquetWriter
from flan_tasks.engine.writers.seqio_cache import SeqioCacheWriter
from flan_tasks.engine.writers.tfrecord import TfrecordWriter
from flan_tasks.engine.writers.writer import PackedWriter, RowWriter

# What writes each format.
WRITERS: dict[str, RowWriter | PackedWriter] = {
    "jsonl": JsonlWriter(),
    "parquet": ParquetWriter(),
    "tfrecord": TfrecordWriter(),
    "arrayrecord": ArrayrecordWriter(),
    "seqio-cache": SeqioCacheWriter(),
    "arrays": ArraysWriter(),
    "packed-tfrecord": PackedTfrecordWriter(),
}

__all__ = ["WRITERS", "PackedWriter", "RowWriter"]
