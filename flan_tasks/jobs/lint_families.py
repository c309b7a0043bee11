"""What lint looks at of a family: its templates once, filled with rows of some members."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.family import Family, family_of
from flan_tasks.core.origin import DECLARED, Files
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template import TemplateSet
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.families import FamilySource, MemberSource, TaskTable
from flan_tasks.store.families import constants_of

# Members whose rows are filled in, and rows of each of their splits.
_MEMBERS = 12
_ROWS = 20


def families_of(datasets: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """Returns family -> its members among some datasets."""
    groups: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        if dataset.family:
            groups.setdefault(dataset.family, []).append(dataset)
    return groups


def alike_members(tasks: Iterable[Dataset]) -> list[list[Dataset]]:
    """Returns members of one family in groups with the same templates, with options or without."""
    groups: dict[object, list[Dataset]] = {}
    for task in tasks:
        key = (catalog().templates(task.name).ids, task.is_classification)
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def declared_alike(tasks: Sequence[Dataset]) -> tuple[Dataset, TemplateSet]:
    """Returns what members that are alike share, and their templates.

    The example of the family's file has options where most of its members do.
    """
    first = tasks[0]
    family, templates = catalog().family(first.family), catalog().templates(first.name)
    shared = family.shared
    if shared.is_classification and not first.is_classification:
        shared, templates = first, dataclasses.replace(templates, example=None)
    return shared, templates


def rows_of_members(
    tasks: Iterable[Dataset], *, source: str | None, data_dir: Path | None
) -> tuple[list[Example], list[str]]:
    """Returns examples of the first dozen members that have rows, and what is wrong with others.

    Args:
      tasks: members of one family.
      source: kind of source; None takes embedded rows, or files that are declared.
      data_dir: where it lies.
    """
    examples: list[Example] = []
    problems: list[str] = []
    opened: dict[str, FamilySource] = {}
    looked_at = 0
    for task in tasks:
        family, _ = family_of(task)
        samples = catalog().samples(task.name)
        kind = source or ("samples" if samples is not None else DECLARED)
        if kind == DECLARED and source is None and not isinstance(family.source, Files):
            break
        try:
            rows = open_source(task, kind=kind, data_dir=data_dir, samples=samples, opened=opened)
            assert isinstance(rows, MemberSource)
            if source is None and isinstance(rows.of_family, TaskTable):
                # Rows of one member are found by reading those of all.
                problems.append("no row was filled in; --source declared reads its whole table")
                break
            examples += _examples(family, task, rows)
            looked_at += 1
        except SourceUnavailableError as error:
            if not problems and not looked_at:
                problems.append(str(error))
            continue
        except RowError as error:
            problems += [f"a build refuses {row}" for row in error.rows]
            looked_at += 1
        if looked_at == _MEMBERS:
            break
    return examples, problems if not examples else [p for p in problems if "refuses" in p]


def _examples(family: Family, task: Dataset, rows: MemberSource) -> Iterator[Example]:
    refused: list[str] = []
    made: list[Example] = []
    # Several of our splits are often cut from one of the source's.
    for source_split, split in {task.splits.source_split(s): s for s in task.splits.names}.items():
        number = min(_ROWS, rows.num_rows(source_split))
        constants = constants_of(family, task, rows, split)
        if isinstance(constants, Skip):
            return
        for place, row in enumerate(rows.rows(source_split, range(number))):
            try:
                items = normalize_row(task, row, source_split=source_split, number=place)
            except RowError as error:
                refused += error.rows
                continue
            made += [
                dataclasses.replace(item, fields={**item.fields, **constants})
                for item in items
                if isinstance(item, Example)
            ]
    if refused:
        raise RowError(*dict.fromkeys(refused))
    yield from made
