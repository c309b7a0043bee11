"""Examples on their way from a source into a file of the store, some at a time."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flan_tasks.core.choice import hash_text
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError
from flan_tasks.core.example import Example, Skip

BATCH = 1000
# Rows and bytes of a batch of a file: few batches, since looking into one costs as much as into
# dozens of rows, and none larger than what may be copied at once.
_FILE_ROWS, _FILE_BYTES = 1 << 18, 64 << 20
# Hashes of keys that are compared at a time: 16 MiB of them, and as much again while they are
# sorted.
_HASHES = 1 << 21


class Reading:
    """Examples of a split, and what is counted while they are read."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.rows = 0
        self.skipped: Counter[str] = Counter()

    def batches(
        self, rows: Iterator[tuple[int, tuple[Example | Skip, ...]]], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """Yields them up to the limit, a thousand or a few more at a time."""
        pending: list[Example] = []
        left = math.inf if self._limit is None else self._limit
        for _, items in rows:
            self.rows += 1
            for item in items:
                if isinstance(item, Skip):
                    self.skipped[item.reason] += 1
                elif left > 0:
                    pending.append(item)
                    left -= 1
            if len(pending) >= BATCH:
                yield _batch(pending, schema)
                pending = []
            if left <= 0:
                break
        if pending:
            yield _batch(pending, schema)


def check_unique(path: Path, name: str) -> None:
    """Compares the keys of all examples of a file, some millions of them in memory at a time.

    Args:
      path: the file.
      name: of the dataset, for the message.

    Raises:
      BuildError: two are the same.
    """
    with pa.memory_map(str(path)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
        columns = [np.from_dlpack(chunk) for chunk in table.column("key_hash").chunks]
        # Hashes are even, so that as many lie in each part of their range.
        passes = -(-table.num_rows // _HASHES)
        for number in range(passes):
            low, high = (2**64 * edge // passes for edge in (number, number + 1))
            inside = (column[(column >= low) & (column <= high - 1)] for column in columns)
            hashes = np.sort(np.concatenate([np.zeros(0, np.uint64), *inside]))
            twice = hashes[:-1][hashes[1:] == hashes[:-1]]
            if len(twice):
                place = table.column("key_hash").index(int(twice[0])).as_py()
                key = table.column("key")[place].as_py()
                raise BuildError(
                    f'{name}: two examples have the key "{key}"; '
                    "a normalizer that sets keys must give each example its own"
                )


def copy_file(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """Copies an Arrow file with few large batches in place of many, and gives it metadata."""
    with pa.memory_map(str(source)) as mapped:
        reader = pa.ipc.open_file(mapped)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        write_file(batches, target, reader.schema.with_metadata(metadata))


def write_file(batches: Iterable[pa.RecordBatch], target: Path, schema: pa.Schema) -> None:
    """Writes an Arrow file with few large batches in place of many.

    The metadata of a family has the texts of a thousand tasks, so batches do not have it as well.

    Args:
      batches: the many.
      target: the file.
      schema: its columns, with the metadata that it has.
    """
    with pa.OSFile(str(target), "wb") as out:
        with pa.ipc.new_file(out, schema) as writer:
            waiting: list[pa.RecordBatch] = []
            rows = size = 0
            for batch in batches:
                if rows + batch.num_rows > _FILE_ROWS or size + batch.nbytes > _FILE_BYTES:
                    _write_as_one(writer, waiting)
                    waiting, rows, size = [], 0, 0
                waiting.append(batch)
                rows, size = rows + batch.num_rows, size + batch.nbytes
            _write_as_one(writer, waiting)


def _write_as_one(writer: pa.ipc.RecordBatchFileWriter, batches: Sequence[pa.RecordBatch]) -> None:
    if batches:
        for batch in pa.Table.from_batches(batches).combine_chunks().to_batches():
            writer.write_batch(batch)


def store_schema(dataset: Dataset) -> pa.Schema:
    """Returns the columns of a dataset's examples."""
    return pa.schema(
        [
            ("key", pa.string()),
            ("key_hash", pa.uint64()),
            ("answer", pa.string()),
            ("options", pa.list_(pa.string())),
            ("references", pa.list_(pa.string())),
            ("extra", pa.string()),
            *((f"f_{name}", pa.string()) for name in dataset.row_fields),
        ]
    )


def _batch(examples: Sequence[Example], schema: pa.Schema) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        "key": [example.key for example in examples],
        "key_hash": [hash_text(example.key) for example in examples],
        "answer": [example.answer for example in examples],
        "options": [example.options for example in examples],
        "references": [example.references for example in examples],
        "extra": [
            json.dumps(example.extra, ensure_ascii=False, sort_keys=True) if example.extra else ""
            for example in examples
        ],
    }
    for field in schema:
        if field.name not in columns:
            name = field.name.removeprefix("f_")
            columns[field.name] = [example.fields[name] for example in examples]
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
