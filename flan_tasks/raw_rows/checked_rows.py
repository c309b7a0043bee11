"""The rows of a source, looked at as a build would read them: what it would refuse, and why."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from flan_tasks.core.choice import hash_text
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.example import Example, Skip
from flan_tasks.raw_rows.base import Source
from flan_tasks.raw_rows.reading import BadRows, read_examples


@dataclass
class CheckedRows:
    """What became of some rows."""

    rows: int = 0
    """Rows that were read."""
    num_examples: int = 0
    """Examples they gave."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason -> how many were skipped."""
    examples: list[Example] = field(default_factory=list)
    """The first examples of each split."""
    refused: list[str] = field(default_factory=list)
    """What a build would refuse, a line each: rows, or a split as a whole."""
    is_part: bool = False
    """Whether there are rows behind those that were read."""


def check_rows(
    dataset: Dataset, source: Source, *, most: int | None, keep: int = 200
) -> CheckedRows:
    """Reads rows of every split as a build does, and goes on where that would stop.

    Args:
      dataset: whose rows.
      source: where they are.
      most: rows of each split that are read; None is all.
      keep: examples of each split that are returned.
    """
    found = CheckedRows()
    for split in dataset.splits.names:
        try:
            _check_split(dataset, source, split, found, most=most, keep=keep)
        except RowError as error:
            found.refused += error.rows
            if error.is_full:
                break  # as many as a build names
        except (SourceUnavailableError, DeclarationError) as error:
            found.refused.append(f"{dataset.name}, {split}: {error.reason}")
    return found


def _check_split(
    dataset: Dataset, source: Source, split: str, found: CheckedRows, *, most: int | None, keep: int
) -> None:
    bad, before = BadRows(), found.num_examples
    kept = 0
    skipped: Counter[str] = Counter()
    keys: set[int] = set()
    twice = ""
    rows = read_examples(dataset, source, split, bad=bad)
    for _, items in islice(rows, most):
        found.rows += 1
        for item in items:
            if isinstance(item, Skip):
                skipped[item.reason] += 1
                continue
            found.num_examples += 1
            number = hash_text(item.key)
            twice = twice or (item.key if number in keys else "")
            keys.add(number)
            if kept < keep:
                found.examples.append(item)
                kept += 1
    found.skipped += skipped
    found.is_part |= most is not None and next(rows, None) is not None
    if twice:
        found.refused.append(
            f'{dataset.name}, {split}: two examples have the key "{twice}"; a normalizer that sets '
            "keys must give each example its own"
        )
    bad.check()
    if found.num_examples == before and skipped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items())
        found.refused.append(f"{dataset.name}, {split}: every row was skipped ({reasons})")
