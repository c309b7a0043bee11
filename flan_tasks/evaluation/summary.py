"""From answers to numbers: each template's score with its error, each dataset's mean and best.

The best template is the one with the highest number on validation, and what is reported is its
number on test (Wei et al. 2022, table 1 and section 3). The spread over templates is the sample
standard deviation of their numbers; the standard error says how far one template's number would
move with other examples. A choice among ties, or by a handful of examples, is no choice: `Best`
says whether it was one.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED
from flan_tasks.evaluation.records import GENERATE, Record, Unit
from flan_tasks.evaluation.standard_errors import standard_errors
from flan_tasks.metrics.by_name import (
    LOWER_IS_BETTER,
    metric,
    remark,
    signature,
)
from flan_tasks.metrics.classes import check_told_apart
from flan_tasks.metrics.gold import Gold

VALIDATION, TEST = "validation", "test"
# Examples from which on a standard error, or a choice among templates, is worth a word: the normal
# approximation it is read by is poor below.
FEW = 30


@dataclass(frozen=True)
class TemplateScore:
    """The numbers of one template on one split, in one way to an answer."""

    template: str
    """Id of the template."""
    split: str
    """validation or test."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    num_examples: int
    """Examples scored."""
    scores: Mapping[str, float]
    """Number -> value."""
    errors: Mapping[str, float | None]
    """Number -> standard error; None where there are too few examples to tell."""
    shots: float = 0.0
    """Mean number of exemplars before a prompt."""
    trimmed: int = 0
    """Prompts whose end was cut to fit."""
    shortened: int = 0
    """Prompts with a field shortened to fit."""
    left_out: int = 0
    """Examples left out, as their prompts do not fit."""
    shared: int = 0
    """Prompts some of whose options have the same ids."""
    ties: int = 0
    """Prompts whose likeliest option is one of several with the same ids."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Metric -> what a reader needs beside its number to compare it, as sacrebleu's signature."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Metric -> what about the answers a reader must know, such as those that are no number."""
    chance: Mapping[str, float] = field(default_factory=dict)
    """Number -> what guessing gets: each option as likely as the others. Of accuracy by rank
    alone."""
    majority: Mapping[str, float] = field(default_factory=dict)
    """Number -> what the most frequent answer gets, where all examples share their options."""


@dataclass(frozen=True)
class Spread:
    """One number of a dataset over all its templates."""

    number: str
    """Its name, such as "accuracy"."""
    split: str
    """The split."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    num_templates: int
    """Templates."""
    num_examples: int
    """Examples of each template."""
    mean: float
    """Mean over templates."""
    deviation: float | None
    """Sample standard deviation over templates; None for one template."""
    error: float | None
    """Mean of the templates' standard errors."""
    lowest: float
    """Number of the lowest template."""
    highest: float
    """Number of the highest template."""
    chance: float | None = None
    """What guessing gets; None where nothing is chosen among."""
    majority: float | None = None
    """What the most frequent answer gets; None where nothing is chosen among."""
    median: float | None = None
    """Median over templates."""
    quartiles: tuple[float, float] | None = None
    """First and third quartile over templates, between which half of them lie; None for one
    template."""


@dataclass(frozen=True)
class Best:
    """The template chosen on validation, and its number on test."""

    number: str
    """The number it was chosen by."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    template: str
    """Its id."""
    validation: float
    """Its number on validation."""
    test: float
    """Its number on test."""
    error: float | None
    """Standard error of the number on test."""
    decided: bool
    """Whether no other template does as well on validation, and there are enough examples."""


@dataclass(frozen=True)
class DatasetScore:
    """Everything about one dataset."""

    dataset: str
    """Its name."""
    cluster: str
    """Its cluster."""
    templates: tuple[TemplateScore, ...]
    """Each template on each split in each way."""
    spreads: tuple[Spread, ...]
    """Each number over templates."""
    best: tuple[Best, ...]
    """Each number of the best template; empty without both splits."""
    unasked: Mapping[str, int] = field(default_factory=dict)
    """Templates of which no prompt fits, on a split by a method -> examples: no number is of
    them."""

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)


class Measured(Protocol):
    """What scores need of a dataset, or of a task of a suite."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def cluster(self) -> str:
        """The cluster it is of."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """What its answers are scored by."""
        ...


def score_unit(
    dataset: Measured,
    unit: Unit,
    records: Sequence[Record],
    *,
    shortened: int = 0,
    left_out: int = 0,
    ways: Sequence[str] = (NORMALIZED,),
) -> list[TemplateScore]:
    """Returns the numbers of one unit, for each way to an answer that its records have.

    Args:
      dataset: whose examples.
      unit: what was answered.
      records: the answers.
      shortened: prompts with a field shortened to fit.
      left_out: examples that were not asked, as their prompts do not fit.
      ways: what else than the sum chooses among options, of those that the records have.

    Raises:
      EvaluationError: there is nothing to score, or a metric does not fit the examples.
    """
    golds = [record.prompt.gold for record in records]
    if unit.method == GENERATE:
        check_told_apart(golds)
    own_ways = records[0].ways_among(ways) if records else ("",)
    baselines = {"chance": chance(golds), "majority": majority(golds)}
    signatures = {name: text for name in dataset.metrics if (text := signature(name, golds))}
    results = []
    for way in own_ways:
        predictions = [record.prediction(way) for record in records]
        scores: dict[str, float] = {}
        errors: dict[str, float | None] = {}
        for name in dataset.metrics:
            values = metric(name)(golds, predictions)
            if twice := sorted(scores.keys() & values.keys()):
                raise EvaluationError(
                    f"{dataset.name}: two of its metrics, {', '.join(dataset.metrics)}, give a "
                    f"number called {' and '.join(twice)}; declare one of them"
                )
            scores |= values
            errors |= standard_errors(name, golds, predictions)
        shots = statistics.fmean(record.prompt.num_shots for record in records)
        trimmed = sum(record.trimmed for record in records)
        results.append(
            TemplateScore(
                unit.template,
                unit.split,
                way,
                len(records),
                scores,
                errors,
                shots,
                trimmed,
                shortened,
                left_out,
                sum(bool(record.equal) for record in records) if way != GENERATED else 0,
                sum(record.is_tied(way) for record in records),
                signatures,
                {name: text for name in dataset.metrics if (text := remark(name, predictions))},
                **{
                    name: {"accuracy": value}
                    for name, value in baselines.items()
                    if value is not None and way != GENERATED and "accuracy" in scores
                },
            )
        )
    return results


def chance(golds: Sequence[Gold]) -> float | None:
    """Returns the accuracy to expect of guessing: the mean of 1 / k over examples of k options.

    More where several options are accepted; None where some example has no options.
    """
    if not golds or not all(gold.options for gold in golds):
        return None
    shares = [sum(o in gold.references for o in gold.options) / len(gold.options) for gold in golds]
    return 100 * statistics.fmean(shares)


def majority(golds: Sequence[Gold]) -> float | None:
    """Returns the accuracy of always giving the most frequent answer; None without shared options.

    It is the most frequent of these examples, so the best that a constant answer can do.
    """
    if not golds or not golds[0].options or any(g.options != golds[0].options for g in golds):
        return None
    counts = Counter(option for gold in golds for option in set(gold.references))
    return 100 * max(counts.values()) / len(golds)


def summarize(
    dataset: Measured,
    scores: Sequence[TemplateScore],
    *,
    unasked: Mapping[Unit, int] | None = None,
) -> DatasetScore:
    """Returns what the numbers of a dataset's templates come to.

    Args:
      dataset: whose numbers.
      scores: of each template on each split in each way.
      unasked: what was not asked at all, as no prompt of it fits -> its examples.
    """
    groups: dict[tuple[str, str], list[TemplateScore]] = {}
    for score in scores:
        groups.setdefault((score.way, score.split), []).append(score)
    spreads = tuple(
        spread_over(number, split, way, group)
        for (way, split), group in groups.items()
        for number in group[0].scores
    )
    ways = list(dict.fromkeys(score.way for score in scores))
    best = tuple(
        best_template
        for way in ways
        for best_template in _best(
            way, groups.get((way, VALIDATION), []), groups.get((way, TEST), [])
        )
    )
    names = {f"{u.template}, {u.split}, by {u.method}": n for u, n in (unasked or {}).items()}
    return DatasetScore(dataset.name, dataset.cluster, tuple(scores), spreads, best, names)


def spread_over(number: str, split: str, way: str, group: Sequence[TemplateScore]) -> Spread:
    """Returns what one number of several templates comes to."""
    values = [score.scores[number] for score in group]
    errors = [score.errors[number] for score in group]
    stated = [error for error in errors if error is not None]
    return Spread(
        number,
        split,
        way,
        len(group),
        min(score.num_examples for score in group),
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else None,
        statistics.fmean(stated) if len(stated) == len(errors) else None,
        min(values),
        max(values),
        group[0].chance.get(number),
        group[0].majority.get(number),
        statistics.median(values),
        quartiles(values),
    )


def quartiles(values: Sequence[float]) -> tuple[float, float] | None:
    """Returns first and third quartile, interpolated linearly as numpy's percentiles are.

    None for a single value.
    """
    if len(values) < 2:
        return None
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def _best(
    way: str, validation: Sequence[TemplateScore], test: Sequence[TemplateScore]
) -> list[Best]:
    """One for each number; of equals the first template of the file."""
    tested = {score.template: score for score in test}
    chosen_among = [score for score in validation if score.template in tested]
    if not chosen_among:
        return []
    best = []
    for number in chosen_among[0].scores:
        # Numbers of a part of the examples may be missing where there are few.
        if number not in test[0].scores:
            continue
        sign = -1 if number in LOWER_IS_BETTER else 1
        chosen = max(chosen_among, key=lambda score: sign * score.scores[number])
        test_score = tested[chosen.template]
        ties = sum(s.scores[number] == chosen.scores[number] for s in chosen_among)
        best.append(
            Best(
                number,
                way,
                chosen.template,
                chosen.scores[number],
                test_score.scores[number],
                test_score.errors[number],
                ties == 1 and chosen.num_examples >= FEW,
            )
        )
    return best
