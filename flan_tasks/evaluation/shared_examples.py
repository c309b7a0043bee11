"""Numbers with and without the examples that training shares text with.

Which these are stands in a file that `flan contamination --out FILE` writes. Answers are those of
the whole evaluation: nothing is asked again.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.normalizing import GENERATED, SUM
from flan_tasks.evaluation.records import GENERATE, RANK, Record, Unit
from flan_tasks.evaluation.summary import (
    DatasetScore,
    Measured,
    Spread,
    TemplateScore,
    score_unit,
    summarize,
)
from flan_tasks.evaluation.unconditional import added_as_kept
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.specs.eval_config import UNCONDITIONAL


@dataclass(frozen=True)
class SharedExamples:
    """The examples of evaluation sets that training shares text with."""

    file: str
    """Where they were read."""
    preset: str
    """By which rule they were found."""
    keys: Mapping[tuple[str, str], frozenset[str]]
    """(set, split) -> keys of those that are shared; of every set that was compared."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Sets that were to be compared and had no rows, as "name (split)" -> why."""

    def check(self, names: Collection[str]) -> None:
        """Checks that something of what is asked was compared, before anything is asked.

        Args:
          names: of datasets, and of suites that have rows of their own.

        Raises:
          EvaluationError: nothing was.
        """
        compared = {name for name, _ in self.keys}
        if compared.isdisjoint(names):
            some = ", ".join(sorted(compared)[:5]) or "nothing"
            raise EvaluationError(
                f"{self.file}: nothing that is asked was compared with training; it has {some}. "
                "Give the same names to `flan contamination --against`"
            )

    def parted(
        self, numbers: Sequence["Parted"], scores: Sequence[DatasetScore], others: Sequence[str]
    ) -> "PartedScores":
        """Returns numbers with what they were parted by.

        Args:
          numbers: of datasets and suites.
          scores: of datasets, some of which may not be compared.
          others: tasks of suites that are not compared.
        """
        datasets = [
            f"{score.dataset} ({split})"
            for score in scores
            for split in dict.fromkeys(one.split for one in score.templates)
            if (score.dataset, split) not in self.keys
        ]
        return PartedScores(self, tuple(numbers), (*datasets, *others))


@dataclass(frozen=True)
class Parted:
    """One number of all examples, of those that training does not share, and of those it does."""

    name: str
    """The dataset, or the suite with its protocol and the average."""
    split: str
    """The split."""
    number: str
    """The number's name."""
    way: str
    """SUM, GENERATED, or how sums are normalized."""
    examples: int
    """All examples."""
    shared: int
    """Those that training shares text with."""
    value: float
    """The number of all."""
    without: float | None
    """Of all but the shared ones; None where there are no others, or too few for the metric."""
    of_shared: float | None
    """Of the shared ones alone; None where there are none, or too few for the metric."""

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class PartedScores:
    """What came of parting an evaluation."""

    shared: SharedExamples
    """What it was parted by."""
    numbers: tuple[Parted, ...]
    """Each number of what was compared with training."""
    not_compared: tuple[str, ...]
    """Datasets and tasks that the file says nothing of."""

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "file": self.shared.file,
            "preset": self.shared.preset,
            "numbers": [one.to_json() for one in self.numbers],
            "not_compared": list(self.not_compared),
            **({"missing": dict(self.shared.missing)} if self.shared.missing else {}),
        }


def read_shared(path: Path) -> SharedExamples:
    """Reads what `flan contamination` found.

    Raises:
      EvaluationError: the file cannot be read, or is another.
    """
    try:
        content = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise EvaluationError(f"{path}: cannot be read: {why}") from error
    try:
        keys: dict[tuple[str, str], frozenset[str]] = {}
        for one in content["sets"]:
            of_one = one["keys"]
            if not all(isinstance(key, str) for key in (one["name"], one["split"], *of_one)):
                raise TypeError("a name or key is no text")
            keys[one["name"], one["split"]] = frozenset(of_one)
        if content["preset"] not in PRESETS:
            raise TypeError(f"preset is {shown(content['preset'])}")
        missing = content.get("missing", {})
        if not all(isinstance(reason, str) for reason in missing.values()):
            raise TypeError("a reason of missing is no text")
        return SharedExamples(str(path), content["preset"], keys, missing)
    except (KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{path}: not what `flan contamination --out FILE` writes, an object with preset and "
            f"sets, each with name, split and keys ({type(error).__name__}: {error})"
        ) from error


def parted(
    records: Sequence[Record], keys: frozenset[str], *, of: str
) -> tuple[list[Record], list[Record]]:
    """Returns the answers to examples that are not shared, and those to examples that are.

    Raises:
      EvaluationError: keys are of other examples.
    """
    both: tuple[list[Record], list[Record]] = ([], [])
    for record in records:
        both[record.prompt.gold.key in keys].append(record)
    if keys and not both[1] and not _are_alike(keys, records):
        raise EvaluationError(
            f"{of}: keys of the shared examples, such as {min(keys)}, are none of those asked, "
            f"such as {records[0].prompt.gold.key}; was `flan contamination` told other rows?"
        )
    return both


def _are_alike(keys: frozenset[str], records: Sequence[Record]) -> bool:
    """Whether keys may be of the same rows, of which some were drawn: split and number, or ids."""
    return set(map(_head, keys)) <= {_head(record.prompt.gold.key) for record in records}


def _head(key: str) -> str:
    """The split before a row's number; "" of an id, which says nothing of other rows."""
    head, _, number = key.rpartition(":")
    return head if number.replace(".", "").isdigit() else ""


def parted_datasets(
    scores: Sequence[DatasetScore],
    datasets: Mapping[str, Measured],
    answers: Answers,
    shared: SharedExamples,
) -> Iterator[Parted]:
    """Yields the numbers of datasets, means over templates, of what was compared."""
    for score in scores:
        for split in dict.fromkeys(one.split for one in score.templates):
            keys = shared.keys.get((score.dataset, split))
            if keys is None:
                continue
            units = dict.fromkeys(
                Unit(score.dataset, one.template, split, _method(one.way))
                for one in score.templates
                if one.split == split
            )
            ways = dict.fromkeys(o.way for o in score.templates if o.way not in (SUM, GENERATED))
            both: tuple[list, list] = ([], [])
            count = 0
            for unit in units:
                records = answers.kept(unit)
                if UNCONDITIONAL in ways and unit.method == RANK:
                    records = added_as_kept(answers, unit, records)
                parts = parted(records, keys, of=score.dataset)
                count = len(parts[1])
                for into, part in zip(both, parts, strict=True):
                    into += _scored(datasets[score.dataset], unit, part, ways=tuple(ways))
            without, of_shared = (
                _spreads(datasets[score.dataset], templates) for templates in both
            )
            for spread in score.spreads:
                if spread.split != split:
                    continue
                yield Parted(
                    score.dataset,
                    split,
                    spread.number,
                    spread.way,
                    spread.num_examples,
                    count,
                    spread.mean,
                    _mean(without, spread),
                    _mean(of_shared, spread),
                )


def _scored(
    dataset: Measured, unit: Unit, records: list[Record], *, ways: Sequence[str]
) -> list[TemplateScore]:
    if not records:
        return []
    try:
        return score_unit(dataset, unit, records, ways=ways)
    except EvaluationError:  # too few for the metric
        return []


def _spreads(dataset: Measured, templates: list) -> dict[tuple[str, str], Spread]:
    if not templates:
        return {}
    numbers = set.intersection(*(set(one.scores) for one in templates))
    return {
        (one.number, one.way): one
        for one in summarize(dataset, templates).spreads
        if one.number in numbers
    }


def _mean(spreads: Mapping[tuple[str, str], Spread], like: Spread) -> float | None:
    spread = spreads.get((like.number, like.way))
    if spread is None or spread.num_templates != like.num_templates:
        return None
    return None if math.isnan(spread.mean) else spread.mean


def _method(way: str) -> str:
    return GENERATE if way == GENERATED else RANK


def parted_table(numbers: Sequence[Parted]) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of what training shares examples of."""
    lines = [
        [
            one.name,
            one.split,
            one.number if one.way in (SUM, GENERATED) else f"{one.number}, {one.way}",
            _cell(one.value),
            _cell(one.without),
            _cell(one.of_shared),
            f"{one.shared:,}",
            f"{one.examples:,}",
        ]
        for one in numbers
    ]
    return ["of", "split", "number", "all", "clean", "shared", "examples shared", "of"], lines


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
