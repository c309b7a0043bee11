"""What a suite measures of a dataset beside its score: calibration, and robustness to typos."""

import statistics
from collections.abc import Collection, Sequence

from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.calibration import calibration_of
from flan_tasks.evaluation.records import GENERATE, GENERATED, RANK, SUM, Record, Unit
from flan_tasks.evaluation.standard_errors import MEANS
from flan_tasks.metrics.by_name import metric, metric_of_one
from flan_tasks.suites.typos import TYPOS_MARK

CALIBRATION, TYPOS, WORST = "calibration", "typos", "worst"


def measured(
    dataset: str,
    templates: Sequence[str],
    answers: Answers,
    *,
    split: str,
    metrics: Sequence[str],
    numbers: Sequence[str],
    mistyped: Collection[Unit],
    wanted: Collection[str],
) -> dict[str, float]:
    """Returns measure -> its mean over the templates of a dataset, of those that it has.

    `calibration` is the expected calibration error where options were ranked. `typos` is the score
    where inputs have typos, and `worst` the mean of the lower of both values of each example; of a
    number that is no mean over examples the lower of both numbers.

    Args:
      dataset: name of the dataset.
      templates: ids of its templates.
      answers: where its answers are.
      split: which of its splits.
      metrics: its metrics.
      numbers: those whose mean is its score.
      mistyped: units that were asked with typos.
      wanted: the measures that are asked for.
    """
    found: dict[str, list[float]] = {}
    for template in dict.fromkeys(templates):
        units = [Unit(dataset, template, split, method) for method in (RANK, GENERATE)]
        unit = next((one for one in units if answers.has(one)), None)
        if unit is None:
            continue
        way = SUM if unit.method == RANK else GENERATED
        other = Unit(dataset, template + TYPOS_MARK, split, unit.method)
        if CALIBRATION in wanted and unit.method == RANK:
            found.setdefault(CALIBRATION, []).append(calibration_of(answers.kept(unit)))
        if other in mistyped and {TYPOS, WORST} & set(wanted):
            both = _with_typos(
                answers.kept(unit), answers.kept(other), way, metrics=metrics, numbers=numbers
            )
            for name, values in zip((TYPOS, WORST), both, strict=True):
                if values:
                    found.setdefault(name, []).append(statistics.fmean(values))
    return {name: statistics.fmean(values) for name, values in found.items()}


def _with_typos(
    plain: Sequence[Record],
    typed: Sequence[Record],
    way: str,
    *,
    metrics: Sequence[str],
    numbers: Sequence[str],
) -> tuple[list[float], list[float]]:
    """Scores with typos, and the lower ones, of the examples that were asked both ways."""
    by_key = {record.prompt.gold.key: record for record in plain}
    pairs = [
        (by_key[record.prompt.gold.key], record)
        for record in typed
        if record.prompt.gold.key in by_key
    ]
    scores, lower = [], []
    for name in metrics:
        sides = [
            ([r.prompt.gold for r in side], [r.prediction(way) for r in side])
            for side in zip(*pairs, strict=True)
        ]
        wholes = [metric(name)(*side) for side in sides]
        for number in (one for one in numbers if one in wholes[1]):
            scores.append(wholes[1][number])
            if name not in MEANS:
                lower.append(min(whole.get(number, 0.0) for whole in wholes))
                continue
            of_one = metric_of_one(name)
            values = [
                [of_one([g], [p]).get(number) for g, p in zip(*side, strict=True)] for side in sides
            ]
            known = [
                min(one, two)
                for one, two in zip(*values, strict=True)
                if one is not None and two is not None
            ]
            if known:
                lower.append(statistics.fmean(known))
    return scores, lower
