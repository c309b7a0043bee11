"""What differs between the answers of two models to the same prompts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.normalizing import GENERATED, SUM, way_name
from flan_tasks.evaluation.paired import (
    Differences,
    Sureness,
    holm,
    mcnemar,
    sureness_of_mean,
    sureness_of_whole,
)
from flan_tasks.evaluation.pairs import Pair, pair_answers
from flan_tasks.evaluation.records import GENERATE, Record, Unit
from flan_tasks.evaluation.standard_errors import MEANS
from flan_tasks.evaluation.summary import TEST, Measured
from flan_tasks.metrics.by_name import metric, metric_of_one
from flan_tasks.specs.eval_config import UNCONDITIONAL


@dataclass(frozen=True)
class Compared:
    """What is compared as a whole, and how its answers are scored."""

    name: str
    """What tables call it: a dataset, or a task of a suite with its protocol."""
    cluster: str
    """Its cluster."""
    metrics: tuple[str, ...]
    """What its answers are scored by."""
    read: Callable[[Record], Record] = lambda record: record
    """Puts the answer that is compared in the place of what was written."""


@dataclass(frozen=True)
class TemplateChange:
    """A number of one template, before and after."""

    template: str
    """Id of the template."""
    before: float
    """The first model's number."""
    after: float
    """The other's."""
    won: int | None
    """Answers wrong before and right now; None where answers are not right or wrong."""
    lost: int | None
    """Answers right before and wrong now."""
    p: float | None
    """McNemar's exact p of these two, which takes answers for independent."""


@dataclass(frozen=True)
class Change:
    """A number of a dataset over its templates, before and after."""

    dataset: str
    """Its name."""
    cluster: str
    """Its cluster."""
    split: str
    """validation or test."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    number: str
    """Name of the number, such as "accuracy"."""
    is_first: bool
    """Whether it is the dataset's first, which tables show."""
    num_templates: int
    """Templates."""
    num_examples: int
    """Examples of a template, at most."""
    num_groups: int
    """Groups of examples that share a passage; as many as examples where none do."""
    before: float
    """Mean over templates of the first model."""
    after: float
    """Mean over templates of the other."""
    change: float
    """after - before."""
    sureness: Sureness
    """Interval and p of the change."""
    p_of_all: float | None
    """The p, corrected for all datasets of the comparison (Holm)."""
    templates: tuple[TemplateChange, ...]
    """Each template."""


@dataclass(frozen=True)
class Flip:
    """An answer whose value changed."""

    unit: Unit
    """Whose it is."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    key: str
    """Key of the example."""
    prompt: str
    """What was asked."""
    answer: str
    """What is right."""
    predictions: tuple[str, str]
    """The answers of the two."""
    values: tuple[float, float]
    """What they are worth, from 0 to 100."""

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        unit = asdict(self.unit)
        del unit["method"]
        return {
            **unit,
            "way": self.way,
            "key": self.key,
            "answer": self.answer,
            "before": self.predictions[0],
            "after": self.predictions[1],
            "value_before": self.values[0],
            "value_after": self.values[1],
            "prompt": self.prompt,
        }


@dataclass(frozen=True)
class Comparison:
    """Everything that came of comparing one model with the first."""

    changes: tuple[Change, ...]
    """Each number of each dataset, on each split, in each way."""
    flips: tuple[Flip, ...]
    """Answers whose first number changed, in the order of the units."""


def compare_answers(
    first: Answers,
    other: Answers,
    units: Sequence[Unit],
    compared_of: Callable[[Unit], Compared],
    *,
    common: bool = False,
    way: str = SUM,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compares the answers of two models, example by example.

    Args:
      first: the answers of the first model.
      other: the answers of the other.
      units: what is compared.
      compared_of: says of a unit what it is part of; units of one are its templates.
      common: whether examples that only one was asked are left out; else they are an error.
      way: how options are ranked that are compared; with SUM, for each token as well.
      progress: told the dataset that is compared.

    Raises:
      EvaluationError: the two were asked different things, their files were changed, or answers
        lack what the way needs.
      UnknownNameError: a dataset is unknown.
    """
    wholes: dict[str, tuple[Compared, list[Unit]]] = {}
    for unit in units:
        whole = compared_of(unit)
        wholes.setdefault(whole.name, (whole, []))[1].append(unit)
    flips: list[Flip] = []
    changes: list[Change] = []
    for name, (whole, of_whole) in wholes.items():
        if progress:
            progress(f"comparing {name}")
        groups: dict[tuple[str, str, str], list[Pair]] = {}
        for unit in of_whole:
            pair = pair_answers(
                first, other, unit, common=common, unconditional=way == UNCONDITIONAL
            )
            # Read when all is compared that was asked, which reading changes.
            before, after = ([whole.read(r) for r in side] for side in (pair.before, pair.after))
            pair = replace(pair, before=before, after=after)
            for one_way in pair.before[0].ways if way == SUM else (_asked_way(pair, way),):
                groups.setdefault((unit.split, unit.method, one_way), []).append(pair)
        for (split, _, one_way), of_one in groups.items():
            changes += _changes(whole, split, one_way, of_one, flips)
    # What tables show are the tests that are made.
    shown = shown_changes(changes, way=way)
    corrected = holm([change.sureness.p for change in shown])
    of_all = dict(zip(map(id, shown), corrected, strict=True))
    return Comparison(
        tuple(replace(change, p_of_all=of_all.get(id(change))) for change in changes), tuple(flips)
    )


def _asked_way(pair: Pair, way: str) -> str:
    """The way of a pair's answers: texts that were written have no other than their own.

    Raises:
      EvaluationError: an answer does not have what the way needs.
    """
    if pair.unit.method == GENERATE:
        return GENERATED
    for records in (pair.before, pair.after):
        if any(way not in record.ways_among((way,)) for record in records):
            raise EvaluationError(
                f"{pair.unit}: options cannot be compared by {way_name(way)}: predictions made "
                "elsewhere do not say how many tokens an option has"
            )
    return way


def _shown_splits(changes: Sequence[Change]) -> Mapping[tuple[str, str], str]:
    """Dataset and way -> test where it has one, else validation."""
    splits: dict[tuple[str, str], str] = {}
    for change in changes:
        name = (change.dataset, change.way)
        splits[name] = TEST if TEST in (change.split, splits.get(name)) else change.split
    return splits


def shown_changes(changes: Sequence[Change], *, way: str = SUM) -> list[Change]:
    """Returns the changes tables show: each dataset's first number, on test where it has one.

    Options are ranked in the way that was asked for: by the sum of their log-probabilities, as in
    the tables of `flan eval`, where none was.
    """
    splits = _shown_splits(changes)
    return [
        change
        for change in changes
        if change.is_first
        and change.way in (way, GENERATED)
        and splits[change.dataset, change.way] == change.split
    ]


def _changes(
    dataset: Measured, split: str, way: str, pairs: Sequence[Pair], flips: list[Flip]
) -> Iterator[Change]:
    """Yields the changes of each number of one dataset, split and way."""
    names = {name: None for pair in pairs for name in pair.group_names}
    numbers_of = {name: place for place, name in enumerate(names)}
    groups = [np.array([numbers_of[name] for name in pair.group_names]) for pair in pairs]
    first = True
    for name in dataset.metrics:
        sides = [
            [[r.prediction(way) for r in one] for one in (pair.before, pair.after)]
            for pair in pairs
        ]
        if name in MEANS:
            changes = _of_means(name, pairs, sides, groups)
        else:
            changes = _of_wholes(name, pairs, sides, groups)
        for number, before, after, values, sureness in changes:
            templates = tuple(
                _template_change(pair.unit.template, *ends, value)
                for pair, ends, value in zip(
                    pairs, zip(before, after, strict=True), values, strict=True
                )
            )
            if first:
                for pair, side, value in zip(pairs, sides, values, strict=True):
                    flips += _flips(pair, way, side, value)
            yield Change(
                dataset.name,
                dataset.cluster,
                split,
                way,
                number,
                first,
                len(pairs),
                max(len(pair.before) for pair in pairs),
                len(names),
                float(np.mean(before)),
                float(np.mean(after)),
                float(np.mean(after) - np.mean(before)),
                sureness,
                None,
                templates,
            )
            first = False


# Number -> before and after of each template, values of each answer in both (None where a number
# is not a mean of them), how sure the change is.
_Found = tuple[str, list[float], list[float], list[np.ndarray | None], Sureness]


def _of_means(
    name: str,
    pairs: Sequence[Pair],
    sides: Sequence[Sequence[Sequence[str]]],
    groups: Sequence[np.ndarray],
) -> Iterator[_Found]:
    """Yields the numbers of a metric that are means over examples."""
    of_one = metric_of_one(name)
    singles = [
        [[of_one([g], [p]) for g, p in zip(pair.golds, side, strict=True)] for side in of_pair]
        for pair, of_pair in zip(pairs, sides, strict=True)
    ]
    # A whole is computed as tables do: some metrics check their examples together.
    wholes = [
        [metric(name)(pair.golds, side) for side in of_pair]
        for pair, of_pair in zip(pairs, sides, strict=True)
    ]
    for number in wholes[0][0]:
        if any(number not in whole for of_pair in wholes for whole in of_pair):
            continue
        values = [
            np.array([[one.get(number, np.nan) for one in side] for side in of_pair])
            for of_pair in singles
        ]
        differences = Differences.of([after - before for before, after in values], groups)
        seed = hash_text(name, number, *(str(pair.unit) for pair in pairs))
        before, after = ([of_pair[k][number] for of_pair in wholes] for k in (0, 1))
        yield number, before, after, list(values), sureness_of_mean(differences, seed=seed)


def _of_wholes(
    name: str,
    pairs: Sequence[Pair],
    sides: Sequence[Sequence[Sequence[str]]],
    groups: Sequence[np.ndarray],
) -> Iterator[_Found]:
    """Yields the numbers of a metric that is computed of all examples together."""
    compute = metric(name)

    def numbers(left_out: Sequence[int]) -> list[list[dict[str, float]]]:
        found = []
        for pair, of_pair, owners in zip(pairs, sides, groups, strict=True):
            there = np.flatnonzero(~np.isin(owners, np.fromiter(left_out, np.int64))).tolist()
            golds = [pair.golds[k] for k in there]
            found.append([compute(golds, [side[k] for k in there]) for side in of_pair])
        return found

    def change_of(found: list[list[dict[str, float]]], number: str) -> float:
        return float(np.mean([after[number] - before[number] for before, after in found]))

    whole = numbers(())
    kept: dict[tuple[int, int], list[list[dict[str, float]]]] = {}

    def change_without(left_out: Sequence[int], number: str) -> float:
        block = (left_out[0], left_out[-1])
        if block not in kept:
            kept[block] = numbers(left_out)
        return change_of(kept[block], number)

    size = 1 + max(int(one.max()) for one in groups)
    for number in whole[0][0]:
        sureness = sureness_of_whole(
            partial(change_without, number=number), size, change_of(whole, number)
        )
        before, after = ([of_pair[k][number] for of_pair in whole] for k in (0, 1))
        yield number, before, after, [None] * len(pairs), sureness


def _template_change(
    template: str, before: float, after: float, values: np.ndarray | None
) -> TemplateChange:
    if values is None or not np.isin(values, (0.0, 100.0)).all():
        return TemplateChange(template, before, after, None, None, None)
    won, lost = (int((values[1] - values[0] == change).sum()) for change in (100, -100))
    return TemplateChange(template, before, after, won, lost, mcnemar(won, lost))


def _flips(
    pair: Pair, way: str, sides: Sequence[Sequence[str]], values: np.ndarray | None
) -> Iterator[Flip]:
    """Yields the answers of one unit whose value changed; none where an answer alone has none."""
    if values is None:
        return
    for place, record in enumerate(pair.before):
        before, after = (float(value) for value in values[:, place])
        if before == after or np.isnan([before, after]).any():
            continue
        yield Flip(
            pair.unit,
            way,
            record.prompt.gold.key,
            record.prompt.inputs,
            record.prompt.gold.answer,
            (sides[0][place], sides[1][place]),
            (before, after),
        )
