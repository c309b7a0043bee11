"""The store: normalized examples, written once for each task and split, read memory-mapped.

A file's name holds the hash of everything its rows depend on: the source's identity, the split
rule, the normalizer's code, the schema and the limit. Whatever changes makes another file.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flan_tasks.build import checksum
from flan_tasks.build.store_key import digest_of_parts, key_parts
from flan_tasks.build.store_rows import BATCH, Reading, copy_file, store_schema
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError
from flan_tasks.core.example import Example
from flan_tasks.core.home import under_home
from flan_tasks.sources.base import Source
from flan_tasks.sources.reading import VALIDATION_LIMIT, positions, read_examples

ENVIRONMENT = "FLAN_TASKS_STORE"


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

    # File they are in.
    path: Path
    # Hash of everything they depend on.
    key: str
    # What the key was made from, part by part.
    parts: Mapping[str, Any]
    # Rows that were read: rows = those that gave examples + those skipped whole.
    rows: int
    # Rows of the split, whether read or behind the limit.
    rows_at_hand: int
    # Reason -> how many were skipped.
    skipped: Mapping[str, int]

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

    @cached_property
    def _table(self) -> pa.Table:
        try:
            with pa.memory_map(str(self.path)) as mapped:
                return pa.ipc.open_file(mapped).read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise BuildError(
                f"stored examples {self.path} cannot be read: {error}. Remove the file, if it is "
                "there, and run the same command again: it is made anew"
            ) from error


class Store:
    """A folder of stored examples."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
          RowError: a row breaks the schema.
          BuildError: the store cannot be written.
        """
        if split == "validation":
            limit = VALIDATION_LIMIT if limit is None else min(limit, VALIDATION_LIMIT)
        parts = key_parts(dataset, source, split, limit=limit)
        key = digest_of_parts(parts)
        path = self.root / f"{dataset.name}-{split}-{key[:16]}.arrow"
        found = _read(path, key)
        if found is None:
            if reading:
                reading()
            self._write(path, key, parts, dataset, source, split, limit)
            found = _read(path, key)
        if found is None:
            raise BuildError(f"{path} was just written and cannot be read")
        return found

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
        found = _read(path, key)
        if found is not None:
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
        temporary = self._temporary(path)
        try:
            examples.copy(keep, temporary, metadata={"flan_tasks": json.dumps(about)})
            _publish(temporary, path)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        found = _read(path, key)
        if found is None:
            raise BuildError(f"{path} was just written and cannot be read")
        return found

    def explain(
        self, dataset: Dataset, source: Source, split: str, *, limit: int | None
    ) -> list[str]:
        """Says which parts of the key differ from those of the files at hand, one line each."""
        parts = key_parts(dataset, source, split, limit=limit)
        key = digest_of_parts(parts)
        lines = []
        for path in sorted(self.root.glob(f"{dataset.name}-{split}-*.arrow")):
            found = _read(path, None)
            if found is None or found.key == key:
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
        temporary = self._temporary(path)
        # What was skipped stands before the rows and is known after them, so they are copied once:
        # a split may be larger than the memory.
        rows_alone = self._temporary(path, "rows")
        reading = Reading(dataset, limit)
        try:
            schema = store_schema(dataset)
            with pa.OSFile(str(rows_alone), "wb") as out, pa.ipc.new_file(out, schema) as writer:
                for batch in reading.batches(read_examples(dataset, source, split), schema):
                    writer.write_batch(batch)
            reading.check_unique(rows_alone)
            about = {
                "key": key,
                "parts": parts,
                "skipped": dict(sorted(reading.skipped.items())),
                "rows": reading.rows,
                "at_hand": at_hand,
            }
            copy_file(rows_alone, temporary, {"flan_tasks": json.dumps(about)})
            rows_alone.unlink()
            _publish(temporary, path)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            temporary.unlink(missing_ok=True)
            rows_alone.unlink(missing_ok=True)

    def _temporary(self, path: Path, ending: str = "tmp") -> Path:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # By process, as two may write one file; not by tempfile, whose files none but their
            # user may read.
            temporary = path.with_name(f"{path.name}.{os.getpid()}.{ending}")
            temporary.touch()
            return temporary
        except OSError as error:
            raise BuildError(
                f"the store {self.root} cannot be written: {error.strerror}"
            ) from error

    def _failed(self, error: OSError) -> Exception:
        if error.errno != errno.ENOSPC:
            return error
        return BuildError(
            f"no space left for the store in {self.root}; free some, or name another place "
            f"in {ENVIRONMENT}, and run the same command again"
        )


def _publish(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    # First the checksum, so that no file is there without one.
    checksum.write(temporary, stands_for=path)
    os.replace(temporary, path)


def _numbers(indices: Sequence[int] | np.ndarray) -> pa.Array:
    # Not `pa.array`: given numpy's arrays it imports pandas.
    found = np.ascontiguousarray(indices, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(found), [None, pa.py_buffer(found)])


def _read(path: Path, key: str | None) -> StoredExamples | None:
    if not path.exists():
        return None
    try:
        with pa.memory_map(str(path)) as mapped:
            about = json.loads(pa.ipc.open_file(mapped).schema.metadata[b"flan_tasks"])
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        return None  # damaged or foreign: it is written anew
    if key is not None and about["key"] != key:
        return None
    return StoredExamples(
        path, about["key"], about["parts"], about["rows"], about["at_hand"], about["skipped"]
    )
