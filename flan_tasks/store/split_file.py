"""The file of a dataset's split, written by one process, or by several that read some rows each.

What several wrote is joined to the bytes that one would have written.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flan_tasks.core import whole
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example, Skip
from flan_tasks.raw_rows.base import Source
from flan_tasks.raw_rows.reading import BadRows, positions, read_examples
from flan_tasks.store import checksum
from flan_tasks.store.arrow_rows import (
    BATCH,
    Reading,
    check_unique,
    copy_file,
    store_schema,
    write_file,
)
from flan_tasks.store.key import digest_of_parts, key_parts

Items = tuple[Example | Skip, ...]


@dataclass(frozen=True)
class Written:
    """What is known of a part that was written."""

    skipped: Mapping[str, int]
    """Reason -> how many were skipped."""
    counts: np.ndarray | None
    """Examples of each row that gave some: int64[rows]; None where none gave more than one."""


@dataclass(frozen=True)
class Part:
    """Some rows of a split, for a process of its own."""

    path: Path
    """Where their examples are written to."""
    start: int
    """Number of the first, in the order of the split."""
    stop: int
    """Number of the row after the last."""

    def write(self, dataset: Dataset, source: Source, split: str) -> Written:
        """Writes the examples of its rows.

        Raises:
          SourceUnavailableError: the rows are not available.
          RowError: a row cannot be used.
          OSError: the file cannot be written.
        """
        schema, reading, counts = store_schema(dataset), Reading(None), list[int]()
        rows = read_examples(dataset, source, split, places=slice(self.start, self.stop))
        with pa.OSFile(str(self.path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
            for batch in reading.batches(_counted(rows, counts), schema):
                writer.write_batch(batch)
        several = np.asarray(counts, np.int64) if max(counts, default=0) > 1 else None
        return Written(dict(reading.skipped), several)


class SplitFile:
    """The file of the store for one dataset's split.

    Raises:
      SourceUnavailableError: the rows are not available.
    """

    def __init__(
        self, root: Path, dataset: Dataset, source: Source, split: str, limit: int | None
    ) -> None:
        self._dataset, self._source = dataset, source
        self._split, self._limit = split, limit
        self.parts = key_parts(dataset, source, split, limit=limit)
        self.key = digest_of_parts(self.parts)
        self.path = root / f"{dataset.name}-{split}-{self.key[:16]}.arrow"
        self.schema = store_schema(dataset)

    @cached_property
    def num_rows(self) -> int:
        """Rows of the split, whether they are read or behind the limit."""
        return len(positions(self._dataset, self._source, self._split))

    def write(self) -> None:
        """Reads the rows, and writes their examples.

        Raises:
          SourceUnavailableError: the rows are not available.
          RowError: rows cannot be used; the first ten are named.
          BuildError: two examples have one key.
          OSError: the file cannot be written.
        """
        _ = self.num_rows
        reading, bad = Reading(self._limit), BadRows()
        # What was skipped stands before the rows and is known after them, so they are copied once:
        # a split may be larger than the memory.
        with whole.file_aside(self.path) as aside, whole.scratch_file(self.path) as rows_alone:
            schema = self.schema
            with pa.OSFile(str(rows_alone), "wb") as out, pa.ipc.new_file(out, schema) as writer:
                rows = read_examples(self._dataset, self._source, self._split, bad=bad)
                for batch in reading.batches(rows, schema):
                    writer.write_batch(batch)
            bad.check()
            check_unique(rows_alone, self._dataset.name)
            copy_file(rows_alone, aside, self._metadata(reading.rows, reading.skipped))
            # Before the file has its name, so that none is there without a checksum.
            checksum.write(aside, stands_for=self.path)

    def ranges(self, size: int) -> list[tuple[int, int]]:
        """Returns the rows of parts, as (start, stop); none where a limit may come before the end.

        Args:
          size: rows of a part.
        """
        if self._limit is not None and self._limit <= self.num_rows:
            return []
        starts = range(0, self.num_rows, size)
        return [(start, min(start + size, self.num_rows)) for start in starts]

    def join(self, parts: Sequence[Part], written: Sequence[Written]) -> bool:
        """Writes what parts have; says whether it did, as the limit may come before their end.

        Args:
          parts: all of the split, in their order.
          written: what is known of each.

        Raises:
          BuildError: two examples have one key.
          OSError: the file cannot be written.
        """
        tables = [_table(part.path) for part in parts]
        if self._limit is not None and sum(one.num_rows for one in tables) >= self._limit:
            return False
        skipped = sum((Counter(one.skipped) for one in written), Counter())
        schema = self.schema.with_metadata(self._metadata(self.num_rows, skipped))
        counts = (one.counts for one in written)
        with whole.file_aside(self.path) as aside:
            write_file(_as_read_by_one(zip(tables, counts, strict=True)), aside, schema)
            check_unique(aside, self._dataset.name)
            checksum.write(aside, stands_for=self.path)
        return True

    def _metadata(self, rows: int, skipped: Mapping[str, int]) -> dict[str, str]:
        about: dict[str, Any] = {
            "key": self.key,
            "parts": self.parts,
            "skipped": dict(sorted(skipped.items())),
            "rows": rows,
            "at_hand": self.num_rows,
        }
        return {"flan_tasks": json.dumps(about)}


class PartedSplit:
    """A split whose rows several processes read, part by part."""

    def __init__(self, file: SplitFile, parts: list[Part]) -> None:
        self._file = file
        self.key = file.key
        self.parts = parts
        self._written: dict[Part, Written] = {}

    def add(self, part: Part, written: Written) -> None:
        """Notes what is known of a part; with the last, the file is written.

        Nothing is where the limit comes before the end of the rows: `Store.open` reads them then.

        Raises:
          BuildError: two examples have one key.
          OSError: the file cannot be written.
        """
        self._written[part] = written
        if len(self._written) == len(self.parts):
            self._file.join(self.parts, [self._written[one] for one in self.parts])


def _counted(rows: Iterable[tuple[int, Items]], counts: list[int]) -> Iterator[tuple[int, Items]]:
    """Notes how many examples each row gives, of those that give some."""
    for number, items in rows:
        if count := sum(isinstance(item, Example) for item in items):
            counts.append(count)
        yield number, items


def _table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as mapped:
        return pa.ipc.open_file(mapped).read_all()


def _as_read_by_one(
    parts: Iterable[tuple[pa.Table, np.ndarray | None]],
) -> Iterator[pa.RecordBatch]:
    """Yields the examples of all parts in the batches that one process would have made of them.

    Args:
      parts: examples, and how many each row gave, as `Written.counts`.
    """
    before: list[pa.Table] = []
    waiting = 0
    for table, counts in parts:
        ends = np.arange(1, table.num_rows + 1) if counts is None else np.cumsum(counts)
        start = 0
        # A batch is full with the first row that makes it `BATCH` examples or more.
        while (row := np.searchsorted(ends, start + BATCH - waiting)) < len(ends):
            stop = int(ends[row])
            yield _one_batch([*before, table.slice(start, stop - start)])
            before, waiting, start = [], 0, stop
        if start < table.num_rows:
            before.append(table.slice(start))
            waiting += table.num_rows - start
    if before:
        yield _one_batch(before)


def _one_batch(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    (batch,) = pa.concat_tables(tables).combine_chunks().to_batches()
    return batch
