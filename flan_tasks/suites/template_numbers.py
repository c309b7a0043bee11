"""The numbers of a dataset that a suite asks by its templates: its score, its best template.

What a suite asks, and what its own numbers come to, is in `suites.templates`.
"""

import statistics
from collections.abc import Mapping, Sequence

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.family import family_of
from flan_tasks.evaluation.normalizing import NORMALIZED, SUM
from flan_tasks.evaluation.summary import DatasetScore, Spread
from flan_tasks.suites.averages import TaskNumber
from flan_tasks.suites.scores import TaskLine


def facts_of(dataset: Dataset, of_p3: Mapping[str, str]) -> dict[str, object]:
    """Returns what averages may group a dataset by."""
    more = family_of(dataset)[1].facts if dataset.family else {}
    return {
        **more,
        "task": dataset.name,
        # Parts of one dataset weigh as one; of a family every task is a dataset.
        "dataset": dataset.parent,
        "cluster": dataset.cluster,
        "family": dataset.family or dataset.name,
        "data_set": of_p3.get(dataset.name, dataset.name),
    }


def spreads_of(score: DatasetScore, split: str, numbers: Sequence[str]) -> list[Spread]:
    """Returns the numbers of a dataset that make its score; none where the split was not asked.

    Raises:
      DeclarationError: it has no number of that name.
    """
    here = [one for one in score.spreads if one.split == split and one.way != NORMALIZED]
    if not here:
        return []
    first = [one for one in here if one.way == here[0].way]
    by_name = {one.number: one for one in first}
    if unknown := [name for name in numbers if name not in by_name]:
        raise DeclarationError(
            f"{score.dataset} has no number {', '.join(unknown)}; it has {', '.join(by_name)}"
        )
    return [by_name[name] for name in numbers] if numbers else first[:1]


def in_way(score: DatasetScore, spreads: Sequence[Spread], way: str) -> list[Spread]:
    """Returns the same numbers of options ranked in another way; written texts have no other."""
    if spreads[0].way != SUM:
        return list(spreads)
    names = [(spread.split, spread.number) for spread in spreads]
    others = {(one.split, one.number): one for one in score.spreads if one.way == way}
    return [others[name] for name in names if name in others]


def _values(score: DatasetScore, spreads: Sequence[Spread]) -> tuple[float, ...]:
    """The score of each template: the mean of its numbers."""
    first = spreads[0]
    return tuple(
        statistics.fmean(one.scores[spread.number] for spread in spreads)
        for one in score.templates
        if one.split == first.split and one.way == first.way
    )


def number_of(
    score: DatasetScore, spreads: Sequence[Spread], facts: Mapping[str, object], *, of: str
) -> TaskNumber | None:
    """Returns the score of a dataset; None where the best template is wanted and not known."""
    values, errors = _values(score, spreads), [spread.error for spread in spreads]
    value = statistics.fmean(values)
    if of == "best":
        best = [
            next((b for b in score.best if (b.number, b.way) == (one.number, one.way)), None)
            for one in spreads
        ]
        chosen = [one for one in best if one is not None]
        if len(chosen) < len(best):
            return None
        value, errors = statistics.fmean(one.test for one in chosen), [o.error for o in chosen]
    stated = [error for error in errors if error is not None]
    chances = [spread.chance for spread in spreads if spread.chance is not None]
    return TaskNumber(
        score.dataset,
        facts,
        values,
        value,
        # Numbers of the same answers go together.
        statistics.fmean(stated) if len(stated) == len(errors) else None,
        spreads[0].num_examples,
        statistics.fmean(chances) if len(chances) == len(spreads) else None,
    )


def line_of(score: DatasetScore, spreads: Sequence[Spread]) -> TaskLine:
    """Returns the line of a dataset in the table of its suite."""
    values = _values(score, spreads)
    names = [
        one.template
        for one in score.templates
        if (one.split, one.way) == (spreads[0].split, spreads[0].way)
    ]
    best = next(
        (b for b in score.best if (b.number, b.way) == (spreads[0].number, spreads[0].way)), None
    )
    return TaskLine(
        score.dataset,
        tuple(spread.number for spread in spreads),
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else None,
        min(values),
        max(values),
        names[values.index(max(values))],
        statistics.median(values),
        best.template if best and len(spreads) == 1 else "",
        best.test if best and len(spreads) == 1 else None,
        len(values),
        spreads[0].num_examples,
    )
