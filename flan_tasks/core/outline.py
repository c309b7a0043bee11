"""What a family is made of, in counts, from its index and without its members.

Building a thousand members, each checked, takes longer than everything else that `flan list` does.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.family import Family
from flan_tasks.core.naming import member_name
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.splits import Splits, restricted


@dataclass(frozen=True)
class Outline:
    """The tasks of a family, counted."""

    tasks: int
    """How many there are."""
    clusters: Mapping[str, int]
    """Cluster -> its tasks."""
    languages: Mapping[str, int]
    """Language -> tasks that have texts in it."""
    licenses: Mapping[str, int]
    """License -> its tasks."""
    train_rows: int
    """Rows of train, of the tasks whose size is declared."""


def outline(family: Family) -> Outline:
    """Counts the tasks of a family.

    Lines of the index are read and not checked; where they are not of the form that `Member` has,
    members are built.

    Raises:
      DeclarationError: the index cannot be read, or has a line that is no task.
    """
    texts = family.index_lines()
    try:
        return _counted(family, [parse_json(text) for text in texts if text.strip()])
    except (ValueError, KeyError, TypeError, AttributeError, DeclarationError):
        # Where a line is no task, this names it and says what would be right.
        return _of_members(family)


def member_names(family: Family) -> tuple[str, ...]:
    """Returns the names of a family's tasks, in the order of the index.

    Raises:
      DeclarationError: the index cannot be read, or has a line that is no task.
    """
    try:
        names = tuple(member_name(line["source_name"]) for line in _lines(family))
    except (ValueError, KeyError, TypeError, AttributeError):
        names = ()
    # Where a name stands twice, or none does, this says where and what would be right.
    is_plain = names and all(names) and len(set(names)) == len(names)
    return names if is_plain else tuple(family.members)


def is_trained_on(family: Family) -> bool:
    """Whether a mixture of the whole family has a task with a train split.

    Raises:
      DeclarationError: the index cannot be read, or has a line that is no task.
    """
    try:
        return any(
            line.get("in_default_mixtures", True)
            and restricted(_rule(family), tuple(line.get("splits", ()))).train is not None
            for line in _lines(family)
        )
    except (ValueError, KeyError, TypeError, AttributeError, DeclarationError):
        return any(
            member.in_default_mixtures and family.splits_of(member).train is not None
            for member in family.members.values()
        )


def _lines(family: Family) -> Iterator[Mapping[str, Any]]:
    """Yields the lines of an index.

    Raises:
      ValueError: they are not of the form that `Member` has, or are no JSON.
    """
    if family.member_of is not None:
        raise ValueError("what a line says, a function of the family says")
    return (parse_json(text) for text in family.index_lines() if text.strip())


def _rule(family: Family) -> Splits:
    """Returns the rule of splits that all members share.

    Raises:
      ValueError: each has that of its table.
    """
    if family.tables is not None:
        raise ValueError("what is train, the table of a task says")
    return family.splits


def _of_members(family: Family) -> Outline:
    members = family.members.values()
    return Outline(
        len(members),
        Counter(member.cluster for member in members),
        Counter(code for one in members for code in set(one.languages or family.languages)),
        Counter(member.license or family.license for member in members),
        sum(
            family.splits_of(member).declared_rows("train", member.size) or 0
            for member in members
            if member.size
        ),
    )


def _counted(family: Family, lines: list[Mapping[str, Any]]) -> Outline:
    if not lines:
        raise ValueError("no line")
    clusters = Counter(line["cluster"] for line in lines)
    languages = Counter(
        code for line in lines for code in set(line.get("languages") or family.languages)
    )
    licenses = Counter(line.get("license") or family.license for line in lines)
    has_sizes = any(line.get("size") for line in lines)
    train_rows = sum(_train_rows(_rule(family), lines)) if has_sizes else 0
    return Outline(len(lines), clusters, languages, licenses, train_rows)


def _train_rows(splits: Splits, lines: Iterable[Mapping[str, Any]]) -> Iterable[int]:
    for line in lines:
        if size := line.get("size"):
            rule = restricted(splits, tuple(line.get("splits", ())))
            yield rule.declared_rows("train", size) or 0
