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
        # Without what is cached: workers read the store themselves.
        return {"path": self.path}

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
        # Not `to_numpy` of the whole: that one imports pandas, which takes longer than the rest.
        chunks = self.arrow.column("key_hash").chunks
        if len(chunks) == 1:
            return np.from_dlpack(chunks[0])
        return np.concatenate([np.zeros(0, np.uint64), *map(np.from_dlpack, chunks)])

    def take(self, columns: list[str] | None, places: np.ndarray) -> pa.Table:
        """Returns some rows, in the order asked for; None means all columns."""
        table = self.arrow if columns is None else self.arrow.select(columns)
        numbers = np.ascontiguousarray(places, np.int64)
        if len(numbers) and (np.diff(numbers) == 1).all():
            # Arrow's `take` looks at all chunks of a column each time.
            return table.slice(int(numbers[0]), len(numbers))
        # Not `pa.array`: given numpy's arrays it imports pandas.
        return table.take(
            pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
        )


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
        for name in (*names, "answer", "options", "references"):
            column = table.column(name).combine_chunks()
            owners = None
            if pa.types.is_list(column.type):
                owners, column = pc.list_parent_indices(column), column.flatten()
            holds = pc.indices_nonzero(pc.match_substring_regex(column, pattern))
            places.append(np.from_dlpack(holds if owners is None else owners.take(holds)))
        return np.unique(np.concatenate([found.astype(np.int64) for found in places]))

    @property
    def key_hashes(self) -> np.ndarray:
        """A number for each example's key: uint64[examples]."""
        hashes = self.table.key_hashes
        return hashes[self.start : self.stop] if self.chosen is None else hashes[self.chosen]

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
