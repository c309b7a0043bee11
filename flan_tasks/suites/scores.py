"""The numbers of a suite: each task's, the averages over them, and what others published."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any

from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM
from flan_tasks.evaluation.records import Record
from flan_tasks.evaluation.summary import DatasetScore, TemplateScore, score_unit, summarize
from flan_tasks.suites.declared import PROTOCOL_MARK, Average, Protocol, Published, Suite
from flan_tasks.suites.exemplars import digest
from flan_tasks.suites.reading import read_record
from flan_tasks.suites.tasks import SuiteQuestion, SuiteTask


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


@dataclass(frozen=True)
class SuiteScore:
    """The numbers of a suite by one protocol."""

    suite: str
    """Name of the suite."""
    protocol: str
    """Name of the protocol."""
    source: str
    """Where the protocol is written down."""
    split: str
    """What was evaluated."""
    number: str
    """Name of the number of a task."""
    way: str
    """SUM or GENERATED."""
    averages: tuple[AverageScore, ...]
    """The suite's averages, in its order."""
    shots: float
    """Exemplars before a query, on average."""
    tasks: tuple[DatasetScore, ...]
    """The numbers of its tasks."""
    published: tuple[Published, ...] = ()
    """What others report by this protocol; none where `differs` says something."""
    differs: tuple[str, ...] = ()
    """Why these numbers are not those of the published suite, a line each."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """How answers were read and scored: what compares them with those of another model."""

    @property
    def name(self) -> str:
        """The suite with its protocol."""
        return f"{self.suite}{PROTOCOL_MARK}{self.protocol}"

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON; its tasks stand among the datasets."""
        values = asdict(replace(self, tasks=()))
        values["tasks"] = [task.dataset for task in self.tasks]
        return {"name": self.name, **values}


def score_task(
    task: SuiteTask,
    records: Sequence[Record],
    *,
    left_out: int,
    ways: Sequence[str] = (NORMALIZED,),
) -> DatasetScore:
    """Returns the numbers of one task: what was written is read as the protocol says."""
    protocol = task.protocol
    if task.protocol.method == "generate":
        records = [read_record(record, protocol.stops, protocol.read) for record in records]
    return summarize(task, score_unit(task, task.unit, records, left_out=left_out, ways=ways))


def score_suite(
    suite: Suite,
    protocol: Protocol,
    scored: Sequence[tuple[SuiteQuestion, DatasetScore]],
    *,
    missing: Mapping[str, str],
) -> SuiteScore:
    """Returns the numbers of a suite.

    Args:
      suite: the suite.
      protocol: how it was asked.
      scored: its tasks, with the numbers of each.
      missing: tasks without rows.
    """
    way = SUM if protocol.method == "rank" else GENERATED
    by_task = [(question.task, _first(score, way)) for question, score in scored]
    number = protocol.number or next(iter(by_task[0][1].scores))
    averages = [
        average for one in suite.averages if (average := _average(one, by_task, number)) is not None
    ]
    differs = _differences(suite, protocol, [question for question, _ in scored], missing)
    return SuiteScore(
        suite.name,
        protocol.name,
        protocol.source,
        protocol.split,
        number,
        way,
        tuple(averages),
        statistics.fmean(one.shots for _, one in by_task),
        tuple(score for _, score in scored),
        () if differs else tuple(p for p in suite.published if p.protocol == protocol.name),
        tuple(differs),
        {"metric": protocol.metric, "stops": protocol.stops, "read": asdict(protocol.read)},
    )


def _first(score: DatasetScore, way: str) -> TemplateScore:
    return next(one for one in score.templates if one.way == way)


def _average(
    average: Average, by_task: Sequence[tuple[SuiteTask, TemplateScore]], number: str
) -> AverageScore | None:
    """Returns an average, None where no task that is here belongs to it."""
    chosen = [
        (task, score)
        for task, score in by_task
        if not average.only or str(task.facts.get(average.by)) == average.only
    ]
    if not chosen:
        return None
    weights = _weights(average, chosen)
    pairs = [(weight, score) for weight, (_, score) in zip(weights, chosen, strict=True)]
    errors = [(weight, score.errors[number]) for weight, score in pairs]
    chances = [score.chance.get(number) for _, score in pairs]
    stated = [chance for chance in chances if chance is not None]
    return AverageScore(
        average.name,
        _weighted(weights, [score.scores[number] for _, score in pairs]),
        None
        if any(error is None for _, error in errors)
        else math.sqrt(math.fsum((float(weight) * (error or 0)) ** 2 for weight, error in errors)),
        len(chosen),
        sum(score.num_examples for _, score in chosen),
        _weighted(weights, stated) if len(stated) == len(chances) else None,
    )


def _weights(average: Average, chosen: Sequence[tuple[SuiteTask, TemplateScore]]) -> list[Fraction]:
    """Returns the share of each task in an average; they sum to one."""
    if average.over == "examples":
        total = sum(score.num_examples for _, score in chosen)
        return [Fraction(score.num_examples, total) for _, score in chosen]
    groups = [
        str(task.facts.get(average.by)) if average.over == "groups" else task.name
        for task, _ in chosen
    ]
    sizes = Counter(groups)
    return [Fraction(1, len(sizes) * sizes[group]) for group in groups]


def _weighted(weights: Sequence[Fraction], values: Sequence[float]) -> float:
    """An exact sum: of tasks that have 100 each it is 100."""
    return float(sum(w * Fraction(value) for w, value in zip(weights, values, strict=True)))


def _differences(
    suite: Suite,
    protocol: Protocol,
    questions: Sequence[SuiteQuestion],
    missing: Mapping[str, str],
) -> list[str]:
    """Says why numbers are not those of the published suite."""
    lines = []
    if missing:
        lines.append(f"{len(missing)} of {len(missing) + len(questions)} tasks are missing")
    rows = sum(len(question.task.rows) for question in questions)
    asked = sum(len(question.numbers) for question in questions)
    if suite.rows and rows != suite.rows:
        lines.append(f"the rows here are {rows:,}, and those published {suite.rows:,}")
    if asked < rows:
        lines.append(f"{asked:,} of {rows:,} examples were asked")
    published = protocol.exemplars.sha256 if protocol.exemplars else ""
    if published and not missing:
        tasks = [(question.task.about["task"], question.task.solved) for question in questions]
        if digest(tasks) != published:
            lines.append("the exemplars are others than the published ones")
    return lines
