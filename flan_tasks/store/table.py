"""Examples in an Arrow file of the store, read when something of them is asked for."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flan_tasks.core.errors import BuildError
from flan_tasks.core.example import Example
from flan_tasks.store.arrow_rows import BATCH


class Table:
    """The examples of one file: those of a dataset's split, or of all members of a family."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getstate__(self) -> dict[str, Any]:
        # Without what is cached: workers read the store themselves, whatever folder they are in.
        return {"path": self.path.absolute()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @cached_property
    def arrow(self) -> pa.Table:
        """All columns, memory-mapped.

        Raises:
          BuildError: the file cannot be read.
        """
        try:
            with pa.memory_map(str(self.path)) as mapped:
                return pa.ipc.open_file(mapped).read_all()
        except (pa.ArrowException, OSError) as error:
            raise BuildError(
                f"stored examples {self.path} cannot be read: {error}. Remove the file, if it is "
                "there, and run the same command again: it is made anew"
            ) from error

    @cached_property
    def key_hashes(self) -> np.ndarray:
        """A number for each example's key: uint64[examples]."""
        return np.concatenate([np.zeros(0, np.uint64), *self._hashes])

    def hashes_at(self, places: np.ndarray) -> np.ndarray:
        """Returns the numbers of some examples' keys, in the order asked for: uint64[n]."""
        if len(self._hashes) == 1:
            return self._hashes[0][places]
        order, cuts = self._by_batch(np.asarray(places, np.int64))
        hashes = np.empty(len(places), np.uint64)
        for batch, edge, start, stop in zip(
            self._hashes, self._edges, cuts, cuts[1:], strict=False
        ):
            if start < stop:
                here = order[start:stop]
                hashes[here] = batch[places[here] - edge]
        return hashes

    def take(self, columns: list[str] | None, places: np.ndarray) -> pa.Table:
        """Returns some rows, in the order asked for; None means all columns.

        Batch by batch: Arrow itself would first copy whole columns into one piece, which takes
        longer than the rest, and which no column of more than 2 GiB fits into.
        """
        numbers = np.asarray(places, np.int64)
        batches = self._batches(None if columns is None else tuple(columns))
        if len(batches) == 1:
            return pa.Table.from_batches([batches[0].take(_indices(numbers))])
        order, cuts = self._by_batch(numbers)
        taken = [
            batch.take(_indices(numbers[order[start:stop]] - edge))
            for batch, edge, start, stop in zip(batches, self._edges, cuts, cuts[1:], strict=False)
            if start < stop
        ]
        if not taken:
            table = self.arrow.slice(0, 0)
            return table if columns is None else table.select(columns)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.Table.from_batches(taken).combine_chunks().take(_indices(back))

    def _by_batch(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns an order of places that goes from batch to batch, and where each begins in it.

        Raises:
          IndexError: there is no such place.
        """
        order = np.argsort(places, kind="stable")
        cuts = np.searchsorted(places[order], self._edges)
        if cuts[0] > 0 or cuts[-1] < len(places):
            raise IndexError(f"{self.path} has {self._edges[-1]} examples, and no other")
        return order, cuts

    @cached_property
    def _edges(self) -> np.ndarray:
        """Where each batch begins, and after them where the last ends: int64[batches + 1]."""
        return np.cumsum([0, *(batch.num_rows for batch in self._batches(None))], dtype=np.int64)

    @cached_property
    def _hashes(self) -> list[np.ndarray]:
        # Not `to_numpy`, which imports pandas: that takes longer than the rest.
        return [np.from_dlpack(batch.column("key_hash")) for batch in self._batches(None)]

    def _batches(self, columns: tuple[str, ...] | None) -> list[pa.RecordBatch]:
        if columns not in self._selected:
            self._selected[columns] = (
                self.arrow.to_batches()
                if columns is None
                else [batch.select(list(columns)) for batch in self._batches(None)]
            )
        return self._selected[columns]

    @cached_property
    def _selected(self) -> dict[tuple[str, ...] | None, list[pa.RecordBatch]]:
        return {}


def _indices(numbers: np.ndarray) -> pa.Array:
    # Not `pa.array`: given numpy's arrays it imports pandas.
    numbers = np.ascontiguousarray(numbers, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


@dataclass(frozen=True)
class StoredExamples:
    """The examples of one task and split.

    `len` counts them and `[i]` reads one; nothing is loaded until it is asked for.
    """

    table: Table
    """The file they are in, alone or among those of a family."""
    key: str
    """Hash of everything they depend on."""
    parts: Mapping[str, Any]
    """What the key was made from, part by part."""
    rows: int
    """Rows that were read: rows = those that gave examples + those skipped whole."""
    rows_at_hand: int
    """Rows of the split, whether read or behind the limit."""
    skipped: Mapping[str, int]
    """Reason -> how many were skipped."""
    start: int = 0
    """Number of the first in the file."""
    stop: int | None = None
    """Number after the last; None is the end of the file."""
    chosen: np.ndarray | None = field(default=None, compare=False)
    """Numbers in the file of those that were not left out since: int64[n]; None is all."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Fields that are the same for all of them."""

    def __len__(self) -> int:
        if self.chosen is not None:
            return len(self.chosen)
        return (self.table.arrow.num_rows if self.stop is None else self.stop) - self.start

    def __getitem__(self, index: int) -> Example:
        return self.take([index])[0]

    @property
    def path(self) -> Path:
        """The file they are in."""
        return self.table.path

    def places(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns where examples stand in the file, by number: int64[n]."""
        numbers = np.asarray(indices, np.int64)
        return self.start + numbers if self.chosen is None else self.chosen[numbers]

    def take(self, indices: Sequence[int] | np.ndarray) -> list[Example]:
        """Reads examples by number, in the order asked for."""
        places = self.places(indices)
        return examples_at(self.table, places, [self.constants] * len(places))

    def texts(
        self, names: Sequence[str], indices: Sequence[int] | np.ndarray
    ) -> dict[str, list[Any]]:
        """Reads some columns of examples, in the order asked for: name -> value of each.

        Args:
          names: fields, `answer` or `options` (whose values are lists).
          indices: numbers of the examples.
        """
        places = self.places(indices)
        of_rows = texts_at(self.table, [n for n in names if n not in self.constants], places)
        return {
            name: [self.constants[name]] * len(places) if name in self.constants else of_rows[name]
            for name in names
        }

    def holding(self, pattern: str) -> np.ndarray:
        """Returns the numbers of the examples a pattern is found in, in any column: int64[n]."""
        if any(re.search(pattern, text) for text in self.constants.values()):
            return np.arange(len(self))
        table = self.table.arrow
        if self.chosen is not None:
            table = self.table.take(None, self.chosen)
        elif self.stop is not None:
            table = table.slice(self.start, self.stop - self.start)
        names = [name for name in table.column_names if name.startswith("f_")]
        places: list[np.ndarray] = [np.zeros(0, np.int64)]
        start = 0
        for batch in table.to_batches():
            for name in (*names, "answer", "options", "references"):
                column, owners = batch.column(name), None
                if pa.types.is_list(column.type):
                    owners, column = pc.list_parent_indices(column), column.flatten()
                holds = pc.indices_nonzero(pc.match_substring_regex(column, pattern))
                rows = np.from_dlpack(holds if owners is None else owners.take(holds))
                places.append(rows.astype(np.int64) + start)
            start += batch.num_rows
        return np.unique(np.concatenate(places))

    @property
    def key_hashes(self) -> np.ndarray:
        """A number for each example's key: uint64[examples]."""
        return self.hashes_of(np.arange(len(self)))

    def hashes_of(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns a number for the key of some examples, in the order asked for: uint64[n]."""
        return self.table.hashes_at(self.places(indices))

    def copy(self, numbers: np.ndarray, path: Path, *, metadata: Mapping[str, str]) -> None:
        """Writes some of the examples, in the order asked for, to another file."""
        schema = self.table.arrow.schema.with_metadata(metadata)
        with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
            for start in range(0, len(numbers), BATCH):
                chunk = self.table.take(None, self.places(numbers[start : start + BATCH]))
                for batch in chunk.replace_schema_metadata(metadata).to_batches():
                    writer.write_batch(batch)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the file."""
        return self.table.arrow.schema.remove_metadata()


def examples_at(
    table: Table, places: np.ndarray, constants: Sequence[Mapping[str, str]]
) -> list[Example]:
    """Reads examples of a file, in the order asked for.

    Args:
      table: the file.
      places: where they stand in it: int64[n].
      constants: of each example, the fields that belong to its task.
    """
    rows = table.take(None, places)
    columns = {name: rows.column(name).to_pylist() for name in rows.column_names}
    names = [name for name in columns if name.startswith("f_")]
    texts = zip(*(columns[name] for name in names), strict=True) if names else [()] * len(places)
    fields = [name[2:] for name in names]
    rest = zip(
        *(columns[name] for name in ("answer", "options", "references", "extra", "key")),
        strict=True,
    )
    return [
        Example.checked_before(
            fields={**dict(zip(fields, values, strict=True)), **more}
            if more
            else dict(zip(fields, values, strict=True)),
            answer=answer,
            options=tuple(options),
            references=tuple(references),
            extra=json.loads(extra) if extra else {},
            key=key,
        )
        for values, (answer, options, references, extra, key), more in zip(
            texts, rest, constants, strict=True
        )
    ]


def texts_at(table: Table, names: Sequence[str], places: np.ndarray) -> dict[str, list[Any]]:
    """Reads some columns of a file, in the order asked for: name -> value of each."""
    columns = [name if name in ("answer", "options") else f"f_{name}" for name in names]
    rows = table.take(columns, places)
    return {
        name: rows.column(column).to_pylist() for name, column in zip(names, columns, strict=True)
    }
