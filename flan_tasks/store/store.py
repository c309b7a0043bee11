"""The store: normalized examples, written once for each task and split, read memory-mapped.

A file's name holds the hash of everything its rows depend on: the source's identity, the split
rule, the normalizer's code, the schema and the limit. Whatever changes makes another file. A file
that is not what its checksum says is named and made anew.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flan_tasks.core import whole
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError, FlanTasksError
from flan_tasks.core.example import Example
from flan_tasks.core.home import under_home
from flan_tasks.raw_rows.base import Source
from flan_tasks.raw_rows.reading import VALIDATION_LIMIT, BadRows, positions, read_examples
from flan_tasks.store import checksum
from flan_tasks.store.arrow_rows import BATCH, Reading, copy_file, store_schema
from flan_tasks.store.key import digest_of_parts, key_parts

ENVIRONMENT = "FLAN_TASKS_STORE"
_log = logging.getLogger(__name__)


def default_store() -> Path:
    """Where examples are kept unless told otherwise.

    Raises:
      FlanTasksError: it would lie in the home folder, and none is known.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.environ.get(ENVIRONMENT) or Path(cache) / "flan_tasks" / "store"
    return under_home(folder, setting=ENVIRONMENT)


@dataclass(frozen=True)
class StoredExamples:
    """The examples of one task and split.

    `len` counts them and `[i]` reads one; nothing is loaded until it is asked for.
    """

    path: Path
    """File they are in."""
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

    def __len__(self) -> int:
        return self._table.num_rows

    def __getitem__(self, index: int) -> Example:
        return self.take([index])[0]

    def take(self, indices: Sequence[int] | np.ndarray) -> list[Example]:
        """Reads examples by number, in the order asked for."""
        found = self._table.take(_numbers(indices))
        columns = {name: found.column(name).to_pylist() for name in found.column_names}
        names = [name for name in columns if name.startswith("f_")]
        texts = zip(*(columns[name] for name in names), strict=True)
        fields = [name[2:] for name in names]
        rest = zip(
            *(columns[name] for name in ("answer", "options", "references", "extra", "key")),
            strict=True,
        )
        return [
            Example.checked_before(
                fields=dict(zip(fields, values, strict=True)),
                answer=answer,
                options=tuple(options),
                references=tuple(references),
                extra=json.loads(extra) if extra else {},
                key=key,
            )
            for values, (answer, options, references, extra, key) in zip(texts, rest, strict=True)
        ]

    def texts(
        self, names: Sequence[str], indices: Sequence[int] | np.ndarray
    ) -> dict[str, list[Any]]:
        """Reads some columns of examples, in the order asked for: name -> value of each.

        Args:
          names: fields, `answer` or `options` (whose values are lists).
          indices: numbers of the examples.
        """
        columns = [name if name in ("answer", "options") else f"f_{name}" for name in names]
        found = self._table.select(columns).take(_numbers(indices))
        return {
            name: found.column(column).to_pylist()
            for name, column in zip(names, columns, strict=True)
        }

    def holding(self, pattern: str) -> np.ndarray:
        """Returns the numbers of the examples a pattern is found in, in any column: int64[n]."""
        names = [name for name in self._table.column_names if name.startswith("f_")]
        places: list[np.ndarray] = [np.zeros(0, np.int64)]
        for name in (*names, "answer", "options", "references"):
            column = self._table.column(name).combine_chunks()
            owners = None
            if pa.types.is_list(column.type):
                owners, column = pc.list_parent_indices(column), column.flatten()
            holds = pc.indices_nonzero(pc.match_substring_regex(column, pattern))
            places.append(np.from_dlpack(holds if owners is None else owners.take(holds)))
        return np.unique(np.concatenate([found.astype(np.int64) for found in places]))

    @cached_property
    def key_hashes(self) -> np.ndarray:
        """A number for each example's key: uint64[examples]."""
        # Not `to_numpy` of the whole: that one imports pandas, which takes longer than the rest.
        chunks = self._table.column("key_hash").chunks
        return np.concatenate([np.zeros(0, np.uint64), *map(np.from_dlpack, chunks)])

    def copy(self, numbers: np.ndarray, path: Path, *, metadata: Mapping[str, str]) -> None:
        """Writes some of the examples, in the order asked for, to another file."""
        schema = self._table.schema.with_metadata(metadata)
        with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
            for start in range(0, len(numbers), BATCH):
                chunk = self._table.take(pa.array(numbers[start : start + BATCH], pa.int64()))
                for batch in chunk.replace_schema_metadata(metadata).to_batches():
                    writer.write_batch(batch)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the file."""
        return self._table.schema.remove_metadata()

    @cached_property
    def _table(self) -> pa.Table:
        try:
            with pa.memory_map(str(self.path)) as mapped:
                return pa.ipc.open_file(mapped).read_all()
        except (pa.ArrowException, OSError) as error:
            raise BuildError(
                f"stored examples {self.path} cannot be read: {error}. Remove the file, if it is "
                "there, and run the same command again: it is made anew"
            ) from error


class Store:
    """A folder of stored examples."""

    def __init__(self, root: Path) -> None:
        self.root = root
        whole.sweep(root)
        for pattern in ("*.arrow*.[0-9]*.tmp", "*.arrow.[0-9]*.rows"):
            whole.sweep_old(root, pattern)

    def open(
        self,
        dataset: Dataset,
        source: Source,
        split: str,
        *,
        limit: int | None,
        reading: Callable[[], None] | None = None,
    ) -> StoredExamples:
        """Returns the examples of a dataset's split, reading them from the source if need be.

        Args:
          dataset: whose examples.
          source: where its rows are.
          split: train, validation or test.
          limit: at most so many examples are read; None reads all. Validation has a limit of its
            own, 200.
          reading: called before rows are read; not where the store has their examples.

        Raises:
          SourceUnavailableError: the rows cannot be had.
          RowError: rows break the schema; the first ten are named.
          BuildError: the store cannot be written.
        """
        if split == "validation":
            limit = VALIDATION_LIMIT if limit is None else min(limit, VALIDATION_LIMIT)
        parts = key_parts(dataset, source, split, limit=limit)
        key = digest_of_parts(parts)
        path = self.root / f"{dataset.name}-{split}-{key[:16]}.arrow"
        schema = store_schema(dataset)
        found = _look(path, key, schema)
        if isinstance(found, StoredExamples):
            return found
        if reading:
            reading()
        try:
            self._write(path, key, parts, dataset, source, split, limit)
        except FlanTasksError as error:
            if not found:
                raise
            raise type(error)(
                f"{error}. Its stored examples {path} are damaged ({found}) and cannot be made "
                "anew without the rows"
            ) from error
        return _read_written(path, key, schema)

    def without(
        self, examples: StoredExamples, numbers: np.ndarray, *, reason: str
    ) -> StoredExamples:
        """Returns stored examples less some, in a file of their own; those count as skipped.

        Args:
          examples: all of them.
          numbers: which are left out: int64[n].
          reason: under which they are counted.

        Raises:
          BuildError: the store cannot be written.
        """
        if not len(numbers):
            return examples
        left_out = hashlib.sha256(np.sort(numbers).astype("<i8").tobytes()).hexdigest()
        parts = {**examples.parts, "without": [examples.key, reason, left_out]}
        key = digest_of_parts(parts)
        dataset_and_split = examples.path.stem.rsplit("-", 1)[0]
        path = self.root / f"{dataset_and_split}-{key[:16]}.arrow"
        schema = examples.schema
        found = _look(path, key, schema)
        if isinstance(found, StoredExamples):
            return found
        skipped = {**examples.skipped, reason: len(numbers)}
        about = {
            "key": key,
            "parts": parts,
            "skipped": dict(sorted(skipped.items())),
            "rows": examples.rows,
            "at_hand": examples.rows_at_hand,
        }
        keep = np.setdiff1d(np.arange(len(examples)), numbers)
        with self._writing(), whole.file_aside(path) as aside:
            examples.copy(keep, aside, metadata={"flan_tasks": json.dumps(about)})
            checksum.write(aside, stands_for=path)
        return _read_written(path, key, schema)

    def explain(
        self, dataset: Dataset, source: Source, split: str, *, limit: int | None
    ) -> list[str]:
        """Says which parts of the key differ from those of the files at hand, one line each."""
        parts = key_parts(dataset, source, split, limit=limit)
        key = digest_of_parts(parts)
        lines = []
        for path in sorted(self.root.glob(f"{dataset.name}-{split}-*.arrow")):
            try:
                found = _read(path)
            except BuildError:
                continue  # it is named when it is used
            if found.key == key or "without" in found.parts:  # the latter are made of others
                continue
            changed = [name for name, value in parts.items() if found.parts.get(name) != value]
            lines.append(f"{path.name}: differs in {', '.join(changed) or 'layout'}")
        return lines

    def _write(
        self,
        path: Path,
        key: str,
        parts: Mapping[str, Any],
        dataset: Dataset,
        source: Source,
        split: str,
        limit: int | None,
    ) -> None:
        at_hand = len(positions(dataset, source, split))
        reading, bad = Reading(dataset, limit), BadRows()
        # What was skipped stands before the rows and is known after them, so they are copied once:
        # a split may be larger than the memory.
        with (
            self._writing(),
            whole.file_aside(path) as aside,
            whole.scratch_file(path) as rows_alone,
        ):
            schema = store_schema(dataset)
            with pa.OSFile(str(rows_alone), "wb") as out, pa.ipc.new_file(out, schema) as writer:
                rows = read_examples(dataset, source, split, bad=bad)
                for batch in reading.batches(rows, schema):
                    writer.write_batch(batch)
            bad.check()
            reading.check_unique(rows_alone)
            about = {
                "key": key,
                "parts": parts,
                "skipped": dict(sorted(reading.skipped.items())),
                "rows": reading.rows,
                "at_hand": at_hand,
            }
            copy_file(rows_alone, aside, {"flan_tasks": json.dumps(about)})
            # Before the file has its name, so that none is there without a checksum.
            checksum.write(aside, stands_for=path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Makes the folder, and says in words what keeps a file from being written there."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise BuildError(
                    f"no space left for the store in {self.root}; free some, or name another place "
                    f"in {ENVIRONMENT}, and run the same command again"
                ) from error
            if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(self.root):
                raise  # a file of the source
            raise BuildError(
                f"the store {self.root} cannot be written: {error.strerror or error}"
            ) from error


def _numbers(indices: Sequence[int] | np.ndarray) -> pa.Array:
    # Not `pa.array`: given numpy's arrays it imports pandas.
    found = np.ascontiguousarray(indices, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(found), [None, pa.py_buffer(found)])


def _look(path: Path, key: str, schema: pa.Schema) -> StoredExamples | str:
    """Returns the examples of a file, or why they cannot be used: nothing where there is none."""
    if not path.exists():
        return ""
    wrong = checksum.damage(path)
    if not wrong:
        try:
            found = _read(path)
            if found.key == key and found.schema == schema:
                return found
            wrong = "it holds other examples than its name says"
        except BuildError as error:
            wrong = str(error)
    _log.warning("stored examples %s are damaged: %s; they are made anew", path, wrong)
    return wrong


def _read_written(path: Path, key: str, schema: pa.Schema) -> StoredExamples:
    found = _look(path, key, schema)
    if isinstance(found, StoredExamples):
        return found
    raise BuildError(f"{path} was just written and cannot be read: {found or 'it is not there'}")


def _read(path: Path) -> StoredExamples:
    try:
        with pa.memory_map(str(path)) as mapped:
            about = json.loads(pa.ipc.open_file(mapped).schema.metadata[b"flan_tasks"])
        names = ("key", "parts", "rows", "at_hand", "skipped")
        key, parts, rows, at_hand, skipped = (about[name] for name in names)
        counts = [rows, at_hand, *skipped.values()]
        if not (
            isinstance(key, str)
            and isinstance(parts["source"], dict)
            and all(type(count) is int and count >= 0 for count in counts)
        ):
            raise ValueError("values of its metadata are of other types")
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BuildError(f"stored examples {path} cannot be read: {error!r}") from error
    return StoredExamples(path, key, parts, rows, at_hand, skipped)
