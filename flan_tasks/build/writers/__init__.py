"""The forms a build is written in, one module each, one interface."""

from flan_tasks.build.writers.arrayrecord import ArrayrecordWriter
from flan_tasks.build.writers.arrays import ArraysWriter
from flan_tasks.build.writers.base import Writer
from flan_tasks.build.writers.jsonl import JsonlWriter
from flan_tasks.build.writers.packed_tfrecord import PackedTfrecordWriter
from flan_tasks.build.writers.parquet import ParquetWriter
from flan_tasks.build.writers.seqio_cache import SeqioCacheWriter
from flan_tasks.build.writers.tfrecord import TfrecordWriter

WRITERS: dict[str, Writer] = {
    "jsonl": JsonlWriter(),
    "parquet": ParquetWriter(),
    "tfrecord": TfrecordWriter(),
    "arrayrecord": ArrayrecordWriter(),
    "seqio-cache": SeqioCacheWriter(),
    "arrays": ArraysWriter(),
    "packed-tfrecord": PackedTfrecordWriter(),
}

__all__ = ["WRITERS", "Writer"]
