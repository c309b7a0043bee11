"""Averages over the tasks of a suite: micro, macro, over groups, above chance, over templates."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.normalizing import way_name
from flan_tasks.evaluation.summary import quartiles
from flan_tasks.suites.numbers import Average


@dataclass(frozen=True)
class TaskNumber:
    """One number of a task, on its way into averages."""

    name: str
    """Name of the task."""
    facts: Mapping[str, Any]
    """What averages go by."""
    values: tuple[float, ...]
    """That of each template, or of the one prompt."""
    value: float
    """The number."""
    error: float | None
    """Its standard error; None where a task has none."""
    num_examples: int
    """Examples it is of."""
    chance: float | None
    """What guessing gets; None where nothing is chosen among."""


@dataclass(frozen=True)
class AverageScore:
    """One number of a suite."""

    name: str
    """How it is called."""
    value: float
    """The number."""
    error: float | None
    """Its standard error over examples, the tasks taken as they are; None where a task has none."""
    num_tasks: int
    """Tasks it is of."""
    num_examples: int
    """Examples it is of."""
    chance: float | None
    """What guessing gets; None where nothing is chosen among."""
    group: str = ""
    """The group whose number it is, of an average that gives each; "" for the average itself."""
    quartiles: tuple[float, float] | None = None
    """First and third quartile over the templates of a group, of a median."""
    way: str = ""
    """How options were ranked, where not by the suite's own way: see `normalizing`."""


def averages_of(
    averages: Sequence[Average], numbers_of: Callable[[Average], Sequence[TaskNumber]]
) -> tuple[AverageScore, ...]:
    """Returns the averages of a suite, less those that no task belongs to.

    Args:
      averages: as the suite declares them.
      numbers_of: the numbers of tasks that an average is of.
    """
    return tuple(one for average in averages for one in _average(average, numbers_of(average)))


def averages_by(
    way: str,
    averages: Sequence[Average],
    numbers_of: Callable[[Average], Sequence[TaskNumber]],
) -> tuple[AverageScore, ...]:
    """Returns averages of numbers of options that were ranked in another way than the suite's own.

    Args:
      way: the way.
      averages: as the suite declares them.
      numbers_of: the numbers of tasks in that way.
    """
    return tuple(
        replace(one, name=f"{one.name}, by {way_name(way)}", way=way)
        for one in averages_of(averages, numbers_of)
    )


def _average(average: Average, numbers: Sequence[TaskNumber]) -> list[AverageScore]:
    chosen = [
        number
        for number in numbers
        if not average.only or str(number.facts.get(average.by)) == average.only
    ]
    if not chosen:
        return []
    groups: dict[str, list[TaskNumber]] = {}
    for number in chosen:
        group = number.facts.get(average.by) if average.over == "groups" else number.name
        groups.setdefault(str(group), []).append(number)
    each = [_of_group(average, name, group) for name, group in groups.items()]
    whole = _whole(average, chosen, each)
    return [whole, *(each if average.each else ())]


def _whole(
    average: Average, chosen: Sequence[TaskNumber], each: Sequence[AverageScore]
) -> AverageScore:
    """The mean of the groups, or of all examples."""
    if average.over == "examples":
        return _mean(average, average.name, chosen, _by_examples(chosen))
    weights = [Fraction(1, len(each))] * len(each)
    return AverageScore(
        average.name,
        _weighted(weights, [one.value for one in each]),
        _error(weights, [one.error for one in each]),
        len(chosen),
        sum(number.num_examples for number in chosen),
        _chance(weights, [one.chance for one in each]),
    )


def _of_group(average: Average, name: str, group: Sequence[TaskNumber]) -> AverageScore:
    """A group's number: the mean over its datasets, or the median over all of their templates."""
    mean = _mean(average, average.name, group, _by_datasets(group), group=name)
    if average.of != "median":
        return mean
    values = [value for number in group for value in number.values]
    return AverageScore(
        average.name,
        statistics.median(values),
        None,
        mean.num_tasks,
        mean.num_examples,
        mean.chance,
        name,
        quartiles(values),
    )


def _mean(
    average: Average,
    name: str,
    numbers: Sequence[TaskNumber],
    weights: Sequence[Fraction],
    *,
    group: str = "",
) -> AverageScore:
    scale = _above_chance if average.above_chance else _as_it_is
    scaled = [scale(number) for number in numbers]
    chances = [number.chance for number in numbers]
    return AverageScore(
        name,
        _weighted(weights, [value for value, _ in scaled]),
        _error(weights, [error for _, error in scaled]),
        len(numbers),
        sum(number.num_examples for number in numbers),
        None if average.above_chance else _chance(weights, chances),
        group,
    )


def _as_it_is(number: TaskNumber) -> tuple[float, float | None]:
    return number.value, number.error


def _above_chance(number: TaskNumber) -> tuple[float, float | None]:
    """What is left above guessing, as a share of what could be: 55 where half is chance is 10."""
    chance = number.chance or 0.0
    if chance >= 100:
        raise EvaluationError(
            f"{number.name}: guessing gets {chance:g}, so nothing is above chance; leave "
            "above_chance out, or say how many answers there are to choose among"
        )
    share = 100 / (100 - chance)
    return (number.value - chance) * share, None if number.error is None else number.error * share


def _by_examples(numbers: Sequence[TaskNumber]) -> list[Fraction]:
    total = sum(number.num_examples for number in numbers)
    return [Fraction(number.num_examples, total) for number in numbers]


def _by_datasets(numbers: Sequence[TaskNumber]) -> list[Fraction]:
    """The share of each task in a group: datasets weigh the same, and so do parts of one."""
    datasets: dict[str, int] = {}
    names = [str(number.facts.get("dataset", number.name)) for number in numbers]
    for name in names:
        datasets[name] = datasets.get(name, 0) + 1
    return [Fraction(1, len(datasets) * datasets[name]) for name in names]


def _weighted(weights: Sequence[Fraction], values: Sequence[float]) -> float:
    """An exact sum: of tasks that have 100 each it is 100."""
    return float(sum(w * Fraction(value) for w, value in zip(weights, values, strict=True)))


def _error(weights: Sequence[Fraction], errors: Sequence[float | None]) -> float | None:
    """The standard error of a weighted sum; None where a task has none."""
    if any(error is None for error in errors):
        return None
    pairs = zip(weights, errors, strict=True)
    return math.sqrt(math.fsum((float(weight) * (error or 0)) ** 2 for weight, error in pairs))


def _chance(weights: Sequence[Fraction], chances: Sequence[float | None]) -> float | None:
    stated = [chance for chance in chances if chance is not None]
    return _weighted(weights, stated) if len(stated) == len(chances) else None
