"""The forms a build is written in, one module each, one interface."""

from flan_tasks.engine.writers.arrayrecord import ArrayrecordWriter
from flan_tasks.engine.writers.arrays import ArraysWriter
from flan_tasks.engine.writers.base import Writer
from flan_tasks.engine.writers.jsonl import JsonlWriter
from flan_tasks.engine.writers.packed_tfrecord import PackedTfrecordWriter
from flan_tasks.engine.writers.parquet import ParquetWriter
from flan_tasks.engine.writers.seqio_cache import SeqioCacheWriter
from flan_tasks.engine.writers.tfrecord import TfrecordWriter

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
