"""Rows of a table that several members of a family are made of, each with its member's record."""

import hashlib
import json
import pickle
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from flan_tasks.core.counting import counted
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.digests import digests
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.family import Family, family_of
from flan_tasks.core.member import Member
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.origin import DECLARED, HuggingFace
from flan_tasks.core.shared_tables import RECORD, ROW, SharedTables
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.raw_rows.files import FilesSource, find_files
from flan_tasks.raw_rows.huggingface import HuggingFaceSource

# Where a folder has records and rows, and where the embedded ones are.
RECORDS, ROWS = "templates", "rows"


@dataclass(frozen=True)
class TablePlaces:
    """Where a family with shared tables is read from."""

    records: Path | None
    """The folder of records."""
    rows: Path | None
    """The folder of rows; None where each table is read from the source it declares."""
    has_own_records: bool = True
    """Whether the records are a user's, and not the embedded ones."""
    has_own_rows: bool = True
    """Whether the rows are."""


def places_of_tables(
    family: Family, kind: str, data_dir: Path | None, samples: Path | None
) -> TablePlaces:
    """Returns where records and rows of a family are.

    Each has a directory by name, or is in the directory `<family>` of the one for files or for all;
    rows may lie in the folder `rows` of the records. Embedded ones stand in for what has none.
    """
    tables = _tables(family)
    dirs = DataDirs.of(data_dir)
    records, rows = dirs.named.get(family.name), dirs.named.get(tables.row_dir)
    for around in (dirs.named.get("files"), dirs.plain):
        if records is None and around is not None and (around / family.name).is_dir():
            records = around / family.name
        if rows is None and around is not None and (around / tables.row_dir).is_dir():
            rows = around / tables.row_dir
    if rows is None and records is not None and (records / ROWS).is_dir():
        rows = records / ROWS
    if kind != "samples" or samples is None:
        return TablePlaces(records, rows)
    return TablePlaces(
        records or samples / RECORDS,
        rows or samples / ROWS,
        has_own_records=records is not None,
        has_own_rows=rows is not None,
    )


def stand_in_note(dataset: Dataset, kind: str, data_dir: Path | None, samples: Path | None) -> str:
    """Says that what is said of a task is embedded and stands in for the real; else nothing."""
    family, _ = family_of(dataset)
    if family.tables is None:
        return ""
    places = places_of_tables(family, kind, data_dir, samples)
    return "" if places.has_own_records else family.tables.stand_ins


def open_table(
    family: Family, member: Member, kind: str, data_dir: Path | None, samples: Path | None
) -> "TableRows":
    """Returns the rows of a member's table for all its members; nothing is read yet.

    Raises:
      SourceUnavailableError: the table declares no source of that kind.
    """
    tables = _tables(family)
    places = places_of_tables(family, kind, data_dir, samples)
    records = Records(family, places.records, are_own=places.has_own_records)
    table = tables.table(member)
    label = f"{family.name}{MEMBER_MARK}{member.name}"
    if places.rows is not None:
        source: Source = FilesSource(label, find_files(places.rows / table.folder), schema={})
    elif kind in (DECLARED, "hf") and isinstance(table.source, HuggingFace):
        source = HuggingFaceSource(table.source)
    else:
        why = f'has no source of kind "{kind}"' if kind == "tfds" else "its rows are missing"
        raise SourceUnavailableError(f"{why}; give them: --data-dir {tables.row_dir}=DIR")
    lacking = ""
    if kind == "samples" and not places.has_own_rows:
        source.kind = kind
        lacking = "its data set has no embedded rows; use another --source"
    elif places.rows is not None:
        lacking = f"no rows in {tables.row_dir}/{table.folder}; wanted train.jsonl and so on there"
    return TableRows(family, member.table, source, records, lacking=lacking)


class Records:
    """What is said of the members of a family, read when it is first asked for."""

    def __init__(self, family: Family, folder: Path | None, *, are_own: bool) -> None:
        self.are_own = are_own
        self._tables = _tables(family)
        self._name = family.name
        self._folder = folder

    def of(self, member: Member) -> Row:
        """Returns the record of a member.

        Raises:
          SourceUnavailableError: there is none.
        """
        return self._opened(member)

    def missing(self, member: Member) -> str:
        """Says why there is no record of a member; nothing where there is one."""
        try:
            self.of(member)
        except SourceUnavailableError as error:
            return error.reason
        return ""

    @cached_property
    def _opened(self) -> Callable[[Member], Row]:
        if self._folder is None:
            raise SourceUnavailableError(
                f"{self._tables.record_dir}; give it: --data-dir {self._name}=DIR"
            )
        return self._tables.records(self._folder)


class TableRows(FamilySource):
    """The members of a family that are made of one table, whose rows are read once for all."""

    def __init__(
        self, family: Family, table: str, source: Source, records: Records, *, lacking: str
    ) -> None:
        super().__init__(family)
        self._table = table
        self._source = source
        self._records = records
        # What is said where the data set has no rows at all.
        self._lacking = lacking
        self._failure: SourceUnavailableError | None = None
        self.kind = source.kind
        self.is_shuffled = source.is_shuffled

    @cached_property
    def members(self) -> Mapping[str, Member]:
        members = self.family.members.items()
        return {name: member for name, member in members if member.table == self._table}

    def status(self) -> Status:
        without = [(m, why) for m in self.members.values() if (why := self._records.missing(m))]
        if len(without) == len(self.members):
            return Status(State.NEEDS_MANUAL, without[0][1])
        status = self._source.status()
        if status.state is State.MISSING:
            return Status(State.MISSING, self._lacking or status.detail)
        if without:
            count = f"{len(self.members) - len(without)} of {counted(len(self.members), 'task')}"
            return Status(status.state, f"{status.detail}, for {count}")
        return status

    def identity(self, split: str) -> Mapping[str, Any]:
        records = {name: self._record_or_none(member) for name, member in self.members.items()}
        if not any(records.values()):
            # Rows that nothing is made of are not fetched.
            self._records.of(next(iter(self.members.values())))
        self._available()
        if isinstance(self._source, FilesSource):  # whose own identity counts the rows
            self._source.num_rows(split)
            about = {"source": self.kind, "sha256": digests(self._source.files(split))}
        else:
            about = dict(self._source.identity(split))
        text = json.dumps(records, sort_keys=True, ensure_ascii=False)
        records_hash = hashlib.sha256(text.encode()).hexdigest()
        stand_in = {} if self._records.are_own else {"stand_in": True}
        return {**about, "table": self._table, "records": records_hash, **stand_in}

    def counts(self, member: Member) -> Mapping[str, int]:
        self._records.of(member)
        return self._available()

    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        record = self._records.of(member)
        return ({ROW: row, RECORD: record} for row in self._read_once(split, positions))

    def record(self, member: Member, split: str) -> Row:
        return self._records.of(member)

    def unknown(self, split: str) -> Mapping[str, int]:
        return {}

    def forget(self) -> None:
        self._kept.clear()

    def _available(self) -> Mapping[str, int]:
        """Returns source split -> rows; why there are none is found out once for all members."""
        if self._failure is None:
            try:
                return self._source.splits()
            except SourceUnavailableError as error:
                self._failure = SourceUnavailableError(self._lacking or error.reason)
                for note in getattr(error, "__notes__", []):
                    self._failure.add_note(note)
        raise self._failure

    def _record_or_none(self, member: Member) -> Row | None:
        return None if self._records.missing(member) else self._records.of(member)

    def _read_once(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        """Yields rows that are read for the first member and kept for the others."""
        kept = self._kept.get(split)
        # All members of a table read the same positions; whoever asks for others reads anew.
        if kept is None or kept.positions != positions:
            kept = self._kept[split] = _Kept(positions, self._source.rows(split, positions))
        return kept.rows()

    @cached_property
    def _kept(self) -> dict[str, "_Kept"]:
        return {}


class _Kept:
    """Rows at some positions, in a temporary file as far as they were read."""

    def __init__(self, positions: range | Sequence[int], source: Iterator[Row]) -> None:
        self.positions = positions
        self._source = source
        self._file: IO[bytes] = tempfile.TemporaryFile()
        self._starts = array("q")
        self._end = 0

    def rows(self) -> Iterator[Row]:
        """Yields them, each time a copy that its reader may change."""
        for number in range(len(self.positions)):
            if number < len(self._starts):
                self._file.seek(self._starts[number])
                yield pickle.load(self._file)
                continue
            data = pickle.dumps(next(self._source), pickle.HIGHEST_PROTOCOL)
            self._file.seek(self._end)
            self._file.write(data)
            self._starts.append(self._end)
            self._end += len(data)
            yield pickle.loads(data)


def _tables(family: Family) -> SharedTables:
    assert family.tables is not None
    return family.tables
