"""How far a number would move with other examples: the standard errors of metrics."""

import math
import statistics
from collections.abc import Sequence

from flan_tasks.core.errors import EvaluationError
from flan_tasks.metrics.by_name import (
    AVERAGED,
    GROUPED_BY,
    metric,
    metric_of_one,
)
from flan_tasks.metrics.gold import Gold

# Metrics whose numbers are means over examples, of SQuAD 2 over some of them.
MEANS = AVERAGED | {"squad_v2"}
# Parts that are left out in turn for the error of every other metric.
_BLOCKS = 20


def standard_errors(
    name: str, golds: Sequence[Gold], predictions: Sequence[str]
) -> dict[str, float | None]:
    """Returns the standard error of each number of a metric; None for a single example.

    A metric that is the mean of a value x for each example: sd(x) / sqrt(n), with the sample
    standard deviation; for accuracy that is sqrt(p (1 - p) / (n - 1)). Any other: the jackknife
    over g = min(20, n) blocks of neighboring examples, or of groups that are scored together,
    sqrt((g - 1) / g * sum_i (s_i - mean)^2) with s_i the metric without block i (Efron and
    Tibshirani 1993, chapter 11). None too where the metric has no value without some block.
    """
    compute = metric(name)
    count = len(golds)
    if count < 2:
        return dict.fromkeys(compute(golds, predictions), None)
    if name in MEANS:
        of_one = metric_of_one(name)
        singles = [of_one([g], [p]) for g, p in zip(golds, predictions, strict=True)]
        # Some numbers are of a part of the examples: those with an answer, say.
        parts: dict[str, list[float]] = {}
        for one in singles:
            for number, value in one.items():
                parts.setdefault(number, []).append(value)
        return {number: _error_of_mean(values) for number, values in parts.items()}
    groups = _groups(name, golds)
    blocks = min(_BLOCKS, len(groups))
    edges = [len(groups) * block // blocks for block in range(blocks + 1)]
    values = []
    try:
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            left = [number for group in (*groups[:start], *groups[stop:]) for number in group]
            values.append(compute([golds[n] for n in left], [predictions[n] for n in left]))
    except EvaluationError:
        return dict.fromkeys(compute(golds, predictions), None)
    factor = math.sqrt((blocks - 1) ** 2 / blocks)
    return {n: factor * statistics.stdev(one[n] for one in values) for n in values[0]}


def _groups(name: str, golds: Sequence[Gold]) -> list[list[int]]:
    """Numbers of the examples that are scored together: the answers of a question of MultiRC."""
    groups: dict[tuple, list[int]] = {}
    for number, gold in enumerate(golds):
        group_name = (
            [gold.extra.get(part) for part in GROUPED_BY[name]] if name in GROUPED_BY else [number]
        )
        groups.setdefault(tuple(group_name), []).append(number)
    return list(groups.values())


def _error_of_mean(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
