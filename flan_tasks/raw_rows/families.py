"""The rows of a family's members: a folder of task files, one table with a column, or embedded."""

import hashlib
import json
import tempfile
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Row
from flan_tasks.core.digests import digests
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.family import Family
from flan_tasks.core.member import Member
from flan_tasks.core.naming import member_name
from flan_tasks.core.origin import Alternative
from flan_tasks.core.parsing import parse_json
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.files import FilesSource


class FamilySource(ABC):
    """Raw rows of all members of a family at one place; building one reads nothing."""

    kind: str
    """Name for messages and manifests."""
    is_shuffled: bool = False
    """Whether positions may be sliced as they are."""

    def __init__(self, family: Family) -> None:
        self.family = family

    @property
    def members(self) -> Mapping[str, Member]:
        """Those whose rows it has, by name; they are stored together."""
        return self.family.members

    @abstractmethod
    def status(self) -> Status:
        """Says whether rows are available, without network or download."""

    @abstractmethod
    def identity(self, split: str) -> Mapping[str, Any]:
        """Returns what pins the rows down: names, versions, digests; never a path."""

    @abstractmethod
    def counts(self, member: Member) -> Mapping[str, int]:
        """Returns source split -> rows of a member.

        Raises:
          SourceUnavailableError: it has none here.
        """

    @abstractmethod
    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        """Yields rows of a member by number, in the order asked for."""

    @abstractmethod
    def record(self, member: Member, split: str) -> Row:
        """Returns what the source says of a member, without its rows."""

    @abstractmethod
    def unknown(self, split: str) -> Mapping[str, int]:
        """Returns tasks that are here and not in the index -> how many rows or files they have."""

    def num_rows(self, member: Member, split: str) -> int:
        """Returns how many rows of a member a split has that `counts` leaves out, as the family
        makes no examples of it.

        Raises:
          SourceUnavailableError: there is no such split here.
        """
        raise SourceUnavailableError(
            f'its source ({self.kind}) has no split "{split}" here; it has '
            + ", ".join(f"{name} ({counted(n, 'row')})" for name, n in self.counts(member).items())
        )

    def forget(self) -> None:  # noqa: B027 - most keep nothing
        """Lets go of rows that are kept for members to come."""


class MemberSource(Source):
    """Raw rows of one member of a family."""

    def __init__(self, source: FamilySource, member: Member) -> None:
        self.of_family = source
        self.member = member
        self.kind = source.kind
        self.is_shuffled = source.is_shuffled or source.family.keeps_order

    def status(self) -> Status:
        return self.of_family.status()

    def splits(self) -> Mapping[str, int]:
        return self.of_family.counts(self.member)

    def num_rows(self, split: str) -> int:
        counts = self.splits()
        return counts[split] if split in counts else self.of_family.num_rows(self.member, split)

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        self.num_rows(split)
        return self.of_family.rows(self.member, split, positions)

    def identity(self, split: str) -> Mapping[str, Any]:
        return self.of_family.identity(split)

    def record(self, split: str) -> Row:
        """Returns what the source says of the member, without its rows."""
        return self.of_family.record(self.member, split)


class TaskTable(FamilySource):
    """One table for all members, with a column that names the task of each row.

    Sources are read once, from the first row to the last, as some can be read in no other way; rows
    wait in a temporary file until their member is asked for.
    """

    def __init__(self, family: Family, source: Source, alternative: Alternative) -> None:
        super().__init__(family)
        self._source = source
        self._column = alternative.task_column or family.task_column
        self._there = dict(alternative.splits)
        self._adapt = alternative.adapt
        self.kind = source.kind
        self.is_shuffled = source.is_shuffled

    def status(self) -> Status:
        return self._source.status()

    def identity(self, split: str) -> Mapping[str, Any]:
        there = self._there.get(split, split)
        if isinstance(self._source, FilesSource):  # whose own identity counts the rows
            files = digests(self._source.files(there))
            return {"source": self.kind, "column": self._column, "sha256": files}
        return {**self._source.identity(there), "column": self._column}

    def counts(self, member: Member) -> Mapping[str, int]:
        splits = {self.family.splits.source_split(split) for split in self.family.splits.names}
        counts = {
            split: len(waiting.places[member.name])
            for split in sorted(splits)
            if member.name in (waiting := self._waiting(split)).places
        }
        if not counts:
            raise SourceUnavailableError(f"{self.kind} has no row of it")
        return counts

    def num_rows(self, member: Member, split: str) -> int:
        return len(self._waiting(split).places.get(member.name, ()))

    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        waiting = self._waiting(split)
        places = waiting.places[member.name]
        return (waiting.row(places[position]) for position in positions)

    def record(self, member: Member, split: str) -> Row:
        waiting = self._waiting(split)
        return waiting.row(waiting.places[member.name][0])

    def unknown(self, split: str) -> Mapping[str, int]:
        return dict(self._waiting(split).unknown)

    @cached_property
    def _splits(self) -> dict[str, "_Waiting"]:
        return {}

    def _waiting(self, split: str) -> "_Waiting":
        if split not in self._splits:
            there = self._there.get(split, split)
            rows = self._source.rows(there, range(self._source.num_rows(there)))
            self._splits[split] = _Waiting(self.family, self._column, rows, self._adapt)
        return self._splits[split]


class _Waiting:
    """Rows of a table in a temporary file, and where those of each member are."""

    def __init__(
        self,
        family: Family,
        column: str,
        rows: Iterator[Row],
        adapt: Callable[[Row], Row] | None,
    ) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()
        self.places: dict[str, array] = {}
        self.unknown: Counter[str] = Counter()
        offset = 0
        for number, row in enumerate(rows):
            if not isinstance(row.get(column), str):
                raise RowError(
                    f'{family.name}, row {number}: no text in the column "{column}", which names '
                    f"its task; the row has {', '.join(sorted(map(str, row)))}"
                )
            task = family.task_of(row[column]) if family.task_of else row[column]
            name = member_name(task)
            if name not in family.members:
                self.unknown[task] += 1
                continue
            try:
                line = json.dumps(adapt(row) if adapt else row, ensure_ascii=False).encode() + b"\n"
            except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the row is named
                raise RowError(
                    f"{family.name}, row {number}, task {task}: it cannot be taken: "
                    f"{type(error).__name__}: {error}"
                ) from error
            self.places.setdefault(name, array("q")).append(offset)
            self._file.write(line)
            offset += len(line)
        self._file.flush()

    def row(self, place: int) -> Row:
        """Returns the row that begins at a place."""
        self._file.seek(place)
        return json.loads(self._file.readline())


class FamilySamples(FamilySource):
    """Embedded rows of some members: `{"task": ..., "record": {...}}` and, for rows,
    `{"task": ..., "split": ..., "row": {...}}`, one a line."""

    kind = "samples"

    def __init__(self, family: Family, path: Path | None) -> None:
        super().__init__(family)
        self._path = path

    def status(self) -> Status:
        if self._path is None or not self._path.exists():
            return Status(State.NOT_DECLARED, f"{self.family.name} has no embedded rows")
        return Status(State.AVAILABLE, f"embedded rows of {counted(len(self._tasks), 'task')}")

    def identity(self, split: str) -> Mapping[str, Any]:
        text = json.dumps([self._records, self._tasks], sort_keys=True)
        return {"source": self.kind, "sha256": hashlib.sha256(text.encode()).hexdigest()}

    def counts(self, member: Member) -> Mapping[str, int]:
        if member.name not in self._tasks:
            raise SourceUnavailableError(
                f"it is not among the {counted(len(self._tasks), 'task')} of {self.family.name} "
                "with embedded rows; use another --source"
            )
        return {split: len(rows) for split, rows in self._tasks[member.name].items()}

    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        rows = self._tasks[member.name][split]
        # Parsed anew each time, so that nobody can change a row for the next reader.
        return (json.loads(rows[position]) for position in positions)

    def record(self, member: Member, split: str) -> Row:
        text = self._records.get(member.name) or self._tasks[member.name][split][0]
        return json.loads(text)

    def unknown(self, split: str) -> Mapping[str, int]:
        return {name: 1 for name in self._tasks if name not in self.family.members}

    @property
    def _records(self) -> dict[str, str]:
        return self._entries[0]

    @property
    def _tasks(self) -> dict[str, dict[str, list[str]]]:
        return self._entries[1]

    @cached_property
    def _entries(self) -> tuple[dict[str, str], dict[str, dict[str, list[str]]]]:
        if self._path is None or not self._path.exists():
            raise SourceUnavailableError(
                f"{self.family.name} has no embedded rows; use another --source"
            )
        records: dict[str, str] = {}
        tasks: dict[str, dict[str, list[str]]] = {}
        text = self._path.read_text(encoding="utf-8-sig")
        # Not splitlines(), which would cut a text at U+2028 or U+0085.
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
            try:
                entry = parse_json(line)
                name = member_name(entry["task"])
                if "record" in entry:
                    records[name] = json.dumps(entry["record"], ensure_ascii=False)
                else:
                    row = json.dumps(entry["row"], ensure_ascii=False)
                    tasks.setdefault(name, {}).setdefault(entry["split"], []).append(row)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise RowError(
                    f'{self._path.name}, line {number}: wanted {{"task": ..., "split": ..., '
                    f'"row": {{...}}}} or {{"task": ..., "record": {{...}}}}: {error}'
                ) from error
        return records, tasks
