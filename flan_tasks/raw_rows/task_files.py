"""Families whose tasks are JSON files, one for each task and split."""

import glob
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Row
from flan_tasks.core.digests import digests
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.family import Family
from flan_tasks.core.member import Member
from flan_tasks.core.naming import member_name
from flan_tasks.core.origin import Files
from flan_tasks.core.parsing import parse_json
from flan_tasks.raw_rows.base import State, Status
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.raw_rows.task_file_places import texts_beside
from flan_tasks.raw_rows.text_bytes import open_text


class TaskFiles(FamilySource):
    """A folder with a JSON file for each task: an object with a list of rows, and what is said."""

    kind = "files"

    def __init__(self, family: Family, origin: Files) -> None:
        super().__init__(family)
        self._origin = origin
        # The file that was read last: rows are asked for member by member.
        self._last: tuple[Path, Row] | None = None
        self._identities: dict[str, Mapping[str, Any]] = {}

    def status(self) -> Status:
        empty = [split for split in self._origin.paths if not self._listed[split]]
        if empty:
            patterns = ", ".join(self._origin.paths[split] for split in empty)
            return Status(State.MISSING, f"no file {patterns}")
        tasks = f"{len(self._all):,} of {counted(len(self.family.members), 'task')}"
        return Status(State.AVAILABLE, f"files of {tasks}")

    def identity(self, split: str) -> Mapping[str, Any]:
        if split not in self._identities:
            self._identities[split] = self._identity(split)
        return self._identities[split]

    def _identity(self, split: str) -> Mapping[str, Any]:
        self._check(split)
        names = list(self._files[split])
        values = digests([self._files[split][name] for name in names])
        # One for all files: it stands in the manifest's entry of each task.
        text = json.dumps(dict(zip(names, values, strict=True)))
        return {
            "source": self.kind,
            **self._layout,
            "tasks": len(names),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }

    @property
    def _layout(self) -> Mapping[str, Any]:
        """What of the declaration decides how a file is read."""
        return {"list": self._origin.rows}

    def _count(self, member: Member, split: str) -> int:
        """Rows of a member's file."""
        return len(self._read(member, split)[self._origin.rows])

    def counts(self, member: Member) -> Mapping[str, int]:
        counts = {
            split: self._count(member, split)
            for split in self._origin.paths
            if member.name in self._files[split]
        }
        if not counts:
            for split in self._origin.paths:
                self._check(split)
            raise SourceUnavailableError(
                f"its file is missing; the folder has those of {len(self._all):,} of "
                f"{counted(len(self.family.members), 'task')} of {self.family.name}"
            )
        return counts

    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        rows = self._read(member, split)[self._origin.rows]
        name = self._files[split][member.name].name
        for position in positions:
            row = rows[position]
            if not isinstance(row, dict):
                raise RowError(
                    f"{name}, row {position}: a row is a JSON object, not {type(row).__name__}"
                )
            yield row

    def record(self, member: Member, split: str) -> Row:
        record = self._read(member, split)
        own = {name: value for name, value in record.items() if name != self._origin.rows}
        return {**own, **texts_beside(self._origin, member.source_name)}

    def unknown(self, split: str) -> Mapping[str, int]:
        known = set(self.family.members)
        names = ((path, self._name(path, split)) for path in self._listed[split])
        return {path.name: 1 for path, name in names if name not in known}

    def _read(self, member: Member, split: str) -> Row:
        path = self._files[split][member.name]
        if self._last is None or self._last[0] != path:
            self._last = path, _task_file(path, self._origin.rows)
        return self._last[1]

    def _check(self, split: str) -> None:
        if split not in self._origin.paths:
            raise SourceUnavailableError(f'its source ({self.kind}) has no split "{split}" here')
        if not self._files[split]:
            error = SourceUnavailableError(
                f"{self.family.name}: no task file {self._origin.paths[split]}"
            )
            error.add_note(f"looked in {Path(self._origin.root).absolute()}")
            raise error

    def _name(self, path: Path, split: str) -> str:
        """Name of the member whose file this is."""
        stem, mark, _ = path.name.rpartition(".json")
        return member_name(stem if mark else path.stem)

    @cached_property
    def _listed(self) -> dict[str, list[Path]]:
        root = Path(glob.escape(self._origin.root))
        return {
            split: [Path(p) for p in sorted(glob.glob(str(root / pattern), recursive=True))]
            for split, pattern in self._origin.paths.items()
        }

    @cached_property
    def _files(self) -> dict[str, dict[str, Path]]:
        """Split -> name of a member -> its file."""
        files: dict[str, dict[str, Path]] = {}
        for split, paths in self._listed.items():
            files[split] = {}
            for path in paths:
                name = self._name(path, split)
                if name not in self.family.members:
                    continue
                if (other := files[split].setdefault(name, path)) != path:
                    raise DeclarationError(
                        f"{self.family.name}: {other.name} and {path.name} are both the task {name}"
                    )
        return files

    @cached_property
    def _all(self) -> set[str]:
        return {name for names in self._files.values() for name in names}


def _task_file(path: Path, rows: str) -> Row:
    try:
        with open_text(path) as file:
            value = parse_json(file.read(), unique_names=True)
    except OSError as error:
        raise SourceUnavailableError(
            f"{path.name} cannot be read: {error.strerror or error}"
        ) from error
    except ValueError as error:
        raise RowError(f"{path.name}: not valid JSON: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get(rows), list):
        has = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise RowError(f'{path.name}: wanted a JSON object with the list "{rows}"; it has {has}')
    return value
