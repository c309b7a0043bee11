"""The numbers of a suite: each task's, the averages over them, and what others published."""

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

from flan_tasks.core.counting import are, counted, were
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM, way_name
from flan_tasks.evaluation.records import Record
from flan_tasks.evaluation.summary import DatasetScore, TemplateScore, score_unit, summarize
from flan_tasks.metrics.gold import Gold
from flan_tasks.suites.averages import AverageScore, TaskNumber, averages_by, averages_of
from flan_tasks.suites.declared import PROTOCOL_MARK, Protocol, Suite
from flan_tasks.suites.exemplars import digest
from flan_tasks.suites.numbers import Average, Published
from flan_tasks.suites.reading import read_record
from flan_tasks.suites.tasks import SuiteQuestion, SuiteTask
from flan_tasks.suites.wording import filled


@dataclass(frozen=True)
class TaskLine:
    """The score of a dataset whose templates were asked."""

    dataset: str
    """Its name."""
    numbers: tuple[str, ...]
    """The numbers whose mean its score is."""
    mean: float
    """Mean over templates."""
    deviation: float | None
    """Sample standard deviation over templates; None for one template."""
    lowest: float
    """Score of the lowest template."""
    highest: float
    """Score of the highest template."""
    highest_template: str
    """That template; of equals the first of the file."""
    median: float
    """Median over templates."""
    best: str
    """The template chosen on validation; "" where none could be."""
    best_value: float | None
    """Its score on what is scored."""
    num_templates: int
    """Templates."""
    num_examples: int
    """Examples of each template."""


@dataclass(frozen=True)
class PartScore:
    """A suite in a suite of suites."""

    name: str
    """How it is called there."""
    suite: str
    """The suite with its protocol."""
    average: str
    """Which of its averages counts."""
    value: float
    """The number."""


@dataclass(frozen=True)
class SuiteScore:
    """The numbers of a suite by one protocol."""

    suite: str
    """Name of the suite."""
    protocol: str
    """Name of the protocol; "" of a suite of suites."""
    source: str
    """Where the protocol is written down."""
    split: str
    """What was evaluated."""
    number: str
    """Name of the number of a task."""
    way: str
    """SUM or GENERATED; "" where tasks differ."""
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
    differs_in_exemplars: tuple[str, ...] = ()
    """Those of `differs` that say nothing of tasks and rows: all of them were asked."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """How answers were read and scored: what compares them with those of another model."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know besides, a line each."""
    lines: tuple[TaskLine, ...] = ()
    """The score of each dataset, where templates were asked."""
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Dataset -> what else was measured of it."""
    parts: tuple[PartScore, ...] = ()
    """The suites it is made of."""
    missing: tuple[str, ...] = ()
    """Its tasks or datasets without rows, which are in no average; or those of its parts that have
    such, or are in no average themselves."""

    @property
    def name(self) -> str:
        """The suite with its protocol."""
        return f"{self.suite}{PROTOCOL_MARK}{self.protocol}" if self.protocol else self.suite

    @property
    def scored_name(self) -> str:
        """The name, with how much of it was scored where some is missing, as whoever reads an
        average by the name alone takes it for that of the whole."""
        if not self.missing:
            return self.name
        if self.parts:
            names, kind = {one.name for one in self.parts}, "parts whole"
        elif self.lines:
            names, kind = {one.dataset for one in self.lines}, "datasets"
        else:
            names, kind = {one.dataset for one in self.tasks}, "tasks"
        missing = {*self.missing}
        return f"{self.name} ({len(names - missing)} of {len(names | missing)} {kind})"

    @property
    def differs_in_rows(self) -> tuple[str, ...]:
        """Those of `differs` by which it is not over all rows of all tasks."""
        return tuple(line for line in self.differs if line not in self.differs_in_exemplars)

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON; its tasks stand among the datasets."""
        values = asdict(replace(self, tasks=()))
        values["tasks"] = [task.dataset for task in self.tasks]
        # What only other kinds of suites have is left out.
        for name in ("lines", "measures", "parts", "notes", "missing", "differs_in_exemplars"):
            if not values[name]:
                del values[name]
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
    scores = score_unit(task, task.unit, records, left_out=left_out, ways=ways)
    if (protocol.choices or protocol.listed) and records:
        number = protocol.number or next(iter(scores[0].scores))
        chance = {number: guessing([record.prompt.gold for record in records], task)}
        scores = [replace(one, chance=chance) for one in scores]
    return summarize(task, scores)


def guessing(golds: Sequence[Gold], task: SuiteTask) -> float:
    """Returns what guessing a written answer gets, in percent: see `Protocol.listed`."""
    if task.protocol.choices:
        return 100 / task.protocol.choices
    answers = {filled(task.protocol.answer, {**task.about, **row}) for row in task.rows}
    unlisted = Fraction(1, 2) if len(answers) == 2 else Fraction(0)
    shares = []
    for gold in golds:
        row = task.rows[int(gold.key.rpartition(":")[2])]
        question = filled(task.protocol.question, {**task.about, **row})
        listed = len(re.findall(task.protocol.listed, question))
        shares.append(Fraction(1, listed) if listed > 1 else unlisted)
    return float(100 * sum(shares) / len(shares))


def score_suite(
    suite: Suite,
    protocol: Protocol,
    scored: Sequence[tuple[SuiteQuestion, DatasetScore]],
    *,
    missing: Mapping[str, str],
    averaged: Sequence[str] = (),
) -> SuiteScore:
    """Returns the numbers of a suite.

    Args:
      suite: the suite.
      protocol: how it was asked.
      scored: its tasks, with the numbers of each.
      missing: tasks without rows.
      averaged: ways to an answer by which there are averages besides, where options are ranked.
    """
    way = SUM if protocol.method == "rank" else GENERATED
    by_task = [(question.task, _first(score, way)) for question, score in scored]
    number = protocol.number or next(iter(by_task[0][1].scores))
    averages = averages_of(suite.averages, partial(_task_numbers, by_task, number))
    lacking = []
    for other in averaged if protocol.method == "rank" else ():
        in_way = [(question.task, _in_way(score, other)) for question, score in scored]
        known = [(task, score) for task, score in in_way if score is not None]
        if len(known) == len(in_way):
            averages += averages_by(other, suite.averages, partial(_task_numbers, known, number))
        else:
            lacking.append(lacking_way(other, len(in_way) - len(known), len(in_way)))
    questions = [question for question, _ in scored]
    of_exemplars = _differences_in_exemplars(protocol, questions, missing)
    differs = [*_differences_in_rows(suite, questions, missing), *of_exemplars]
    return SuiteScore(
        suite.name,
        protocol.name,
        protocol.source,
        protocol.split,
        number,
        way,
        averages,
        statistics.fmean(one.shots for _, one in by_task),
        tuple(score for _, score in scored),
        () if differs else tuple(p for p in suite.published if p.protocol == protocol.name),
        tuple(differs),
        tuple(of_exemplars),
        {"metric": protocol.metric, "stops": protocol.stops, "read": asdict(protocol.read)},
        notes=tuple(lacking),
        missing=tuple(missing),
    )


def lacking_way(way: str, lacking: int, count: int) -> str:
    """Says why there is no average by a way: predictions made elsewhere may not allow it."""
    return (
        f"no average by {way_name(way)}: of {lacking:,} of {counted(count, 'task')} the answers do "
        f"not say how many {way_name(way)} an option has"
    )


def _first(score: DatasetScore, way: str) -> TemplateScore:
    return next(one for one in score.templates if one.way == way)


def _in_way(score: DatasetScore, way: str) -> TemplateScore | None:
    return next((one for one in score.templates if one.way == way), None)


def _task_numbers(
    scores: Sequence[tuple[SuiteTask, TemplateScore]], number: str, average: Average
) -> list[TaskNumber]:
    return [_task_number(task, score, average.number or number) for task, score in scores]


def _task_number(task: SuiteTask, score: TemplateScore, number: str) -> TaskNumber:
    return TaskNumber(
        task.name,
        task.facts,
        (score.scores[number],),
        score.scores[number],
        score.errors[number],
        score.num_examples,
        score.chance.get(number),
    )


def _differences_in_rows(
    suite: Suite, questions: Sequence[SuiteQuestion], missing: Mapping[str, str]
) -> list[str]:
    """Says why numbers are not over the tasks and rows of the published suite."""
    lines = []
    if missing:
        tasks = len(missing) + len(questions)
        lines.append(f"{len(missing):,} of {counted(tasks, 'task')} {are(len(missing))} missing")
    rows = sum(len(question.task.rows) for question in questions)
    asked = sum(len(question.numbers) for question in questions)
    if suite.rows and rows != suite.rows:
        lines.append(f"the rows here are {rows:,}, and those published {suite.rows:,}")
    if asked < rows:
        lines.append(f"{asked:,} of {counted(rows, 'example')} {were(asked)} asked")
    return lines


def _differences_in_exemplars(
    protocol: Protocol, questions: Sequence[SuiteQuestion], missing: Mapping[str, str]
) -> list[str]:
    """Says that exemplars are not the published ones; unknown where tasks are missing."""
    published = protocol.exemplars.sha256 if protocol.exemplars else ""
    if published and not missing:
        tasks = [(question.task.about["task"], question.task.solved) for question in questions]
        if digest(tasks) != published:
            return ["the exemplars are others than the published ones"]
    return []
