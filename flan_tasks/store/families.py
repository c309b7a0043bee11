"""The stored table of a family and split: rows by member, and what is said of each beside them.

A family is read whole: whichever of its members a mixture takes, the table is the same, and a
thousand tasks are one file. What a member lacks is said when it is asked for.
"""

import hashlib
import importlib.metadata
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from flan_tasks.core.columns import type_name
from flan_tasks.core.counting import are, counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    DeclarationError,
    RowError,
    SourceUnavailableError,
    TooFewRowsError,
)
from flan_tasks.core.example import VERSION as EXAMPLE_VERSION
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.family import Family
from flan_tasks.core.field_types import shown
from flan_tasks.core.member import Member
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.splits import Splits
from flan_tasks.core.user_code import told
from flan_tasks.raw_rows.families import FamilySource, MemberSource
from flan_tasks.raw_rows.reading import BadRows, positions, read_examples
from flan_tasks.repairs import VERSION as REPAIRS_VERSION
from flan_tasks.store.arrow_rows import Reading
from flan_tasks.store.key import functions_hash

# Raised when the layout of the tables changes.
_LAYOUT = 2
_TWICE = "has the key of an earlier example"
_SOLVED = "is a solved example of its task"
_log = logging.getLogger(__name__)

Items = tuple[Example | Skip, ...]


@dataclass
class Entry:
    """What a table says of one member."""

    start: int = 0
    """Number of its first example."""
    stop: int = 0
    """Number of the example after its last."""
    rows: int = 0
    """Rows that were read."""
    at_hand: int = 0
    """Rows of the split, whether read or behind the limit."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Reason -> how many were skipped."""
    constants: dict[str, str] = field(default_factory=dict)
    """Texts that belong to the task."""
    unavailable: str = ""
    """Why it has no rows here."""
    too_few: bool = False
    """Whether that is so because it has too few of them for the split."""


def family_key_parts(source: FamilySource, split: str, *, limit: int | None) -> dict[str, Any]:
    """Returns everything the examples of a family's table depend on, by name."""
    family = source.family
    splits = _splits_of(source)
    functions = (
        family.normalize,
        family.constants_of,
        family.select,
        *(alternative.adapt for alternative in family.alternatives),
    )
    return {
        "layout": ["family", _LAYOUT],
        "source": dict(source.identity(splits.source_split(split))),
        "split": [split, repr(splits), source.is_shuffled, family.keeps_order],
        "normalizer": family.version or functions_hash(functions),
        "texts": [EXAMPLE_VERSION, REPAIRS_VERSION, importlib.metadata.version("ftfy")],
        "schema": {name: type_name(kind) for name, kind in family.schema.items()},
        "fields": [list(family.fields), list(family.constants), family.options_per_example],
        "solved": {name: list(shown_by) for name, shown_by in family.solved.items()},
        "limit": limit,
        # Normalizers see what the index says of a member.
        "index": hashlib.sha256(family.index.read_bytes()).hexdigest(),
    }


def _splits_of(source: FamilySource) -> Splits:
    """The rule of all members that are stored together, some of which may take part in less."""
    if source.family.tables is None:
        return source.family.splits
    return source.family.splits_of(next(iter(source.members.values())))


def write_rows(
    out: Path, source: FamilySource, split: str, schema: pa.Schema, *, limit: int | None
) -> dict[str, Any]:
    """Writes the examples of all members, member by member, and returns what is said of them.

    Raises:
      SourceUnavailableError: no member has a row.
      RowError: rows cannot be used; the first ten are named.
    """
    family, splits = source.family, _splits_of(source)
    entries: dict[str, Entry] = {}
    bad = RowError()
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        rows = _Writer(writer)
        for name, member in source.members.items():
            dataset = family.task(name)
            if split not in dataset.splits.names:
                continue
            try:
                entries[name] = _write_member(rows, source, member, dataset, split, schema, limit)
            except RowError as error:
                bad = RowError(*bad.rows, *error.rows, where=bad.where or error.where)
                if bad.is_full:
                    raise bad from error
            except SourceUnavailableError as error:
                is_small = isinstance(error, TooFewRowsError)
                entries[name] = Entry(unavailable=error.reason, too_few=is_small)
    source.forget()
    if bad.rows:
        raise bad
    if all(entry.unavailable for entry in entries.values()):
        reasons = dict.fromkeys(entry.unavailable for entry in entries.values())
        raise SourceUnavailableError(
            f"{family.name}: no task has rows for {split}: {'; '.join([*reasons][:3]) or 'none'}"
        )
    return {
        "members": {
            name: {key: value for key, value in vars(entry).items() if value}
            for name, entry in entries.items()
        },
        "unknown": dict(source.unknown(splits.source_split(split))),
    }


def _write_member(
    out: "_Writer",
    source: FamilySource,
    member: Member,
    dataset: Dataset,
    split: str,
    schema: pa.Schema,
    limit: int | None,
) -> Entry:
    rows = MemberSource(source, member)
    at_hand = len(positions(dataset, rows, split))
    constants = constants_of(source.family, dataset, rows, split)
    start = out.rows
    if isinstance(constants, Skip):
        return Entry(start, start, at_hand, at_hand, {constants.reason: at_hand})
    reading, bad = Reading(limit), BadRows()
    examples = _unique(read_examples(dataset, rows, split, bad=bad))
    for batch in reading.batches(_unsolved(examples, source.family, constants), schema):
        out.add(batch)
    bad.check()
    skipped = dict(sorted(reading.skipped.items()))
    return Entry(start, out.rows, reading.rows, at_hand, skipped, dict(constants))


def constants_of(
    family: Family, dataset: Dataset, rows: MemberSource, split: str
) -> Mapping[str, str] | Skip:
    """Returns the texts that belong to a task, of the source's own record of it.

    Raises:
      RowError: its function fails on it, or gives something else.
    """
    if family.constants_of is None:
        return {}
    where = f"{dataset.name}: constants_of"
    record = rows.record(dataset.splits.source_split(split))
    try:
        values = family.constants_of(record, rows.member)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the task must be named
        raise RowError(f"{where} fails with {told(error)} on {shown(record)}") from error
    if isinstance(values, Skip):
        return values
    if not isinstance(values, Mapping) or set(values) != set(family.constants):
        raise RowError(
            f"{where} returned {shown(values)}; wanted a text for each of "
            f"{', '.join(family.constants)}"
        )
    try:
        # As texts of an example are taken: with blanks around them removed.
        checked = Example(fields=dict(values), answer="-").fields
    except Exception as error:
        raise RowError(f"{where}: {error}") from error
    return {name: checked[name] for name in family.constants}


def _unique(rows: Iterator[tuple[int, Items]]) -> Iterator[tuple[int, Items]]:
    """Skips examples whose key another of the task has, as sources number theirs twice."""
    keys: set[str] = set()
    for number, items in rows:
        taken = list[Example | Skip]()
        for item in items:
            if isinstance(item, Example):
                if item.key in keys:
                    item = Skip(_TWICE)
                else:
                    keys.add(item.key)
            taken.append(item)
        yield number, tuple(taken)


def _unsolved(
    rows: Iterator[tuple[int, Items]], family: Family, constants: Mapping[str, str]
) -> Iterator[tuple[int, Items]]:
    """Skips examples that their task's own constants show with the answer."""
    for number, items in rows:
        yield (
            number,
            tuple(
                Skip(_SOLVED)
                if isinstance(item, Example) and family.is_solved(item.fields, constants)
                else item
                for item in items
            ),
        )


class _Writer:
    """Writes the batches of many members, and counts their rows."""

    def __init__(self, writer: pa.ipc.RecordBatchFileWriter) -> None:
        self._writer = writer
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
        self.rows += batch.num_rows


def read_entries(about: Mapping[str, Any], num_rows: int) -> dict[str, Entry]:
    """Returns what a table says of its members: name -> entry.

    Raises:
      ValueError: it contradicts itself or the rows.
    """
    entries = {name: Entry(**values) for name, values in about["members"].items()}
    end = 0
    for name, entry in entries.items():
        counts = [entry.start, entry.stop, entry.rows, entry.at_hand, *entry.skipped.values()]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"counts of {name} are no counts")
        check_reasons(entry.skipped)
        if entry.unavailable:
            continue
        if entry.start != end or entry.stop < entry.start:
            raise ValueError(f"examples of {name} do not begin where those before it end")
        end = entry.stop
    if end != num_rows:
        raise ValueError(f"its members have {end} examples, and it holds {num_rows}")
    return entries


def check_reasons(reasons: Iterable[str]) -> None:
    """Checks reasons of skips as they are checked when a normalizer gives them.

    Raises:
      ValueError: one is none, as files of earlier releases may have them.
    """
    for reason in reasons:
        try:
            Skip(reason)
        except DeclarationError as error:
            raise ValueError(str(error)) from error


def warn_of_unknown(family: Family, about: Mapping[str, Any]) -> None:
    """Says which tasks of the source the index does not have."""
    unknown = about.get("unknown") or {}
    if unknown:
        names = sorted(unknown)
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        _log.warning(
            "%s: %s of its source %s not in its index, and left out: %s%s",
            family.name,
            counted(len(names), "task"),
            are(len(names)),
            ", ".join(names[:5]),
            more,
        )


def unavailable(family: Family, member: Member, entry: Entry | None) -> SourceUnavailableError:
    """Returns the error for a member that has no rows in a table."""
    why = entry.unavailable if entry is not None else "it has no such split"
    kind = TooFewRowsError if entry is not None and entry.too_few else SourceUnavailableError
    return kind(why, dataset=f"{family.name}{MEMBER_MARK}{member.name}")
