"""The tasks of a suite with their rows and exemplars, and the prompts a protocol makes of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.family import family_of
from flan_tasks.core.field_types import shown
from flan_tasks.core.languages import ENGLISH
from flan_tasks.core.origin import Files
from flan_tasks.evaluation.prompts import chosen_numbers
from flan_tasks.evaluation.records import GENERATE, RANK, Prompt, Unit
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.raw_rows import Source
from flan_tasks.raw_rows.families import FamilySource, MemberSource
from flan_tasks.raw_rows.files import FilesSource
from flan_tasks.raw_rows.reading import read_examples
from flan_tasks.suites.declared import PROTOCOL_MARK, Exemplars, Protocol, Suite
from flan_tasks.suites.exemplars import Solved, solved_of_text
from flan_tasks.suites.wording import filled, missing_columns

# Prompts whose lengths are measured together.
_MEASURED = 256


@dataclass(frozen=True)
class SuiteTask:
    """A task of a suite: what is asked of it, and what is right."""

    suite: Suite
    """The suite."""
    protocol: Protocol
    """How it is asked."""
    name: str
    """Name of the dataset, or of the member of a family; of the suite, where rows are its own."""
    cluster: str
    """Its cluster, or the suite."""
    language: str
    """Of its answers."""
    facts: Mapping[str, Any]
    """What averages go by."""
    about: Mapping[str, str]
    """Columns that belong to the task."""
    rows: Sequence[Mapping[str, str]]
    """Columns of each row."""
    solved: Solved
    """Its exemplars."""
    references: Sequence[tuple[str, ...]] = ()
    """All right answers of each row, where it has several."""
    keys_of_rows: Callable[[], Mapping[int, tuple[str, ...]]] | None = None
    """Reads number of a row -> keys of the dataset's examples that are made of it; None where rows
    are the suite's own."""

    def prompt_keys(self, example_keys: Collection[str]) -> frozenset[str]:
        """Returns the keys of prompts whose rows have one of some examples of the dataset.

        A dataset names its examples by the source's split, or by ids; prompts go by number.
        """
        if self.keys_of_rows is None:
            return frozenset(example_keys)
        if not example_keys:
            return frozenset()
        return frozenset(
            self.prompt_key(number)
            for number, keys in self.keys_of_rows().items()
            if not set(keys).isdisjoint(example_keys)
        )

    def prompt_key(self, number: int) -> str:
        """Returns the key of a row's prompt."""
        return f"{self.protocol.split}:{number}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What its answers are scored by."""
        return (self.protocol.metric,)

    @property
    def unit(self) -> Unit:
        """What is answered as a whole."""
        template = f"{self.suite.name}{PROTOCOL_MARK}{self.protocol.name}"
        method = RANK if self.protocol.method == "rank" else GENERATE
        return Unit(self.name, template, self.protocol.split, method)


@dataclass(frozen=True)
class SuiteQuestion:
    """A task of a suite, and which of its examples are asked."""

    task: SuiteTask
    """The task."""
    numbers: Sequence[int]
    """Numbers of the examples."""

    @property
    def unit(self) -> Unit:
        """What is asked."""
        return self.task.unit

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns the prompts in the order of the source, less those that cannot fit.

        Where one is too long its last exemplar goes first, one by one; the query is never cut.
        """
        prompts: list[Prompt] = []
        for first in range(0, len(self.numbers), _MEASURED):
            numbers = self.numbers[first : first + _MEASURED]
            shots = {number: len(self._solved) for number in numbers}
            waiting = list(numbers) if budget is not None else []
            while waiting:
                texts = [self._inputs(number, shots[number]) for number in waiting]
                assert budget is not None
                sizes = budget.sizes(texts)
                waiting = [
                    number
                    for number, size in zip(waiting, sizes, strict=True)
                    if size + 1 > budget.length
                ]
                for number in waiting:
                    shots[number] -= 1
                waiting = [number for number in waiting if shots[number] >= 0]
            prompts += [self._prompt(n, shots[n]) for n in numbers if shots[n] >= 0]
        return prompts

    @property
    def _solved(self) -> tuple[Mapping[str, str], ...]:
        return self.task.solved.exemplars[: self.task.protocol.shots]

    def _inputs(self, number: int, shots: int) -> str:
        protocol, about = self.task.protocol, self.task.about
        solved = (filled(protocol.exemplar, {**about, **one}) for one in self._solved[:shots])
        query = filled(protocol.question, {**about, **self.task.rows[number]})
        return "".join([filled(protocol.header, about), *solved, query])

    def _prompt(self, number: int, shots: int) -> Prompt:
        protocol = self.task.protocol
        columns = {**self.task.about, **self.task.rows[number]}
        answer = filled(protocol.answer, columns)
        references = self.task.references[number] if self.task.references else (answer,)
        options = tuple(filled(option, columns) for option in protocol.options)
        key = self.task.prompt_key(number)
        if options and answer not in options:
            raise RowError(
                f"{self.task.name}, row {number}: what is right is {shown(answer)}, which is none "
                f"of the options {', '.join(map(shown, options))}"
            )
        language = protocol.language or self.task.language
        gold = Gold(answer, references, options, {}, key, language)
        stops = None if options else protocol.stops
        inputs = self._inputs(number, shots)
        return Prompt(inputs, gold, shots, stops=stops, scores_end=protocol.scores_end)


def suite_tasks(
    suite: Suite,
    protocol: Protocol,
    catalog: Catalog,
    *,
    source: SourceChoice,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[SuiteTask], dict[str, str]]:
    """Returns the tasks of a suite, and name -> why its rows are not available.

    Raises:
      UnknownNameError: a dataset is unknown.
      DeclarationError: rows have no column of a name that the protocol uses.
      RowError: rows or exemplars are damaged.
    """
    if suite.files:
        files = Files(suite.files, root=suite.folder)
        return [_own_task(suite, protocol, FilesSource(suite.name, files, schema={}))], {}
    source.check(catalog)
    tasks: list[SuiteTask] = []
    missing: dict[str, str] = {}
    opened: dict[str, FamilySource] = {}
    for dataset in catalog.expand(suite.datasets):
        if progress:
            progress(f"reading {suite.name}, {dataset.name}")
        try:
            rows = source.open(dataset, catalog, opened=opened)
            tasks.append(_task(suite, protocol, dataset, rows))
        except SourceUnavailableError as error:
            missing[dataset.name] = error.reason.splitlines()[0]
    return tasks, missing


def _task(suite: Suite, protocol: Protocol, dataset: Dataset, source: Source) -> SuiteTask:
    member = family_of(dataset)[1] if dataset.family else None
    name = member.source_name if member else dataset.name
    if protocol.split not in dataset.splits.names:
        raise DeclarationError(
            f"suite {suite.name}: {dataset.name} has no {protocol.split} split; it has "
            f"{', '.join(dataset.splits.names)}"
        )
    split = dataset.splits.source_split(protocol.split)
    number = source.num_rows(split)
    record = source.record(split) if isinstance(source, MemberSource) else {}
    solved = _solved(protocol, source, record, task=name)
    about = {"task": name, "task_in_words": name.replace("_", " "), **solved.about}
    about |= protocol.words.get(name, {})
    raw_rows = list(source.rows(split, range(number)))
    references = _references(protocol, raw_rows, name=dataset.name)
    rows = [_columns(row, protocol) for row in raw_rows]
    facts = {"dataset": name, **(member.facts if member else {})}
    _check_columns(suite, protocol, dataset.name, about, rows, solved)
    return SuiteTask(
        suite,
        protocol,
        dataset.name,
        dataset.cluster,
        dataset.language_of_answers,
        facts,
        about,
        rows,
        solved,
        references,
        partial(_keys_of_rows, dataset, source, protocol.split),
    )


def _keys_of_rows(dataset: Dataset, source: Source, split: str) -> dict[int, tuple[str, ...]]:
    """Returns number of a row -> keys of its examples, none where it is skipped.

    Raises:
      RowError: a row breaks the dataset's schema.
    """
    return {
        number: tuple(item.key for item in items if isinstance(item, Example))
        for number, items in read_examples(dataset, source, split)
    }


def _own_task(suite: Suite, protocol: Protocol, source: Source) -> SuiteTask:
    if protocol.split not in suite.files:
        raise DeclarationError(
            f"suite {suite.name}: protocol {protocol.name} asks the {protocol.split} split, and "
            f"files has {', '.join(suite.files)}"
        )
    solved = _solved(protocol, source, {}, task=suite.name)
    about = {"task": suite.name, "task_in_words": suite.name.replace("_", " ")}
    number = source.num_rows(protocol.split)
    about |= protocol.words.get(suite.name, {})
    raw_rows = list(source.rows(protocol.split, range(number)))
    references = _references(protocol, raw_rows, name=suite.name)
    rows = [_columns(row, protocol) for row in raw_rows]
    _check_columns(suite, protocol, suite.name, about, rows, solved)
    return SuiteTask(
        suite, protocol, suite.name, suite.name, ENGLISH, {}, about, rows, solved, references
    )


def _solved(protocol: Protocol, source: Source, record: Mapping[str, Any], *, task: str) -> Solved:
    """Returns a task's exemplars.

    Raises:
      SourceUnavailableError: what has them is not there.
    """
    wanted: Exemplars | None = protocol.exemplars
    if wanted is None:
        return Solved()
    if wanted.split:
        count = min(protocol.shots, source.num_rows(wanted.split))
        rows = source.rows(wanted.split, range(count))
        return Solved(tuple(_columns(row, protocol) for row in rows))
    text = record.get(wanted.record)
    if not isinstance(text, str):
        raise SourceUnavailableError(
            f'its published exemplars are missing ("{wanted.record}"), which protocol '
            f"{protocol.name} puts before the query"
        )
    return solved_of_text(text, wanted.form, task=task)


def _columns(row: Row, protocol: Protocol) -> dict[str, str]:
    """The texts and numbers of a row; text that looks like a number stays as it is."""
    columns = {
        str(name): value if isinstance(value, str) else str(value)
        for name, value in row.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    if protocol.references and (right := _right_answers(row, protocol)):
        columns["answer"] = right[0]
    return columns


def _references(
    protocol: Protocol, rows: Sequence[Row], *, name: str
) -> tuple[tuple[str, ...], ...]:
    """Returns all right answers of each row; () where a row has one, which is a column.

    Raises:
      RowError: a row has none.
    """
    if not protocol.references:
        return ()
    answers = tuple(_right_answers(row, protocol) for row in rows)
    if () in answers:
        raise RowError(
            f"{name}, row {answers.index(())}: {protocol.references} has no right answer; wanted "
            "a list of texts"
        )
    return answers


def _right_answers(row: Row, protocol: Protocol) -> tuple[str, ...]:
    value: Any = row
    for part in protocol.references.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    texts = value if isinstance(value, list | tuple) else ()
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str)))


def _check_columns(
    suite: Suite,
    protocol: Protocol,
    name: str,
    about: Mapping[str, str],
    rows: Sequence[Mapping[str, str]],
    solved: Solved,
) -> None:
    """Checks that what strings name is there.

    Raises:
      DeclarationError: a column is not.
    """
    row_texts = (protocol.question, protocol.answer, *protocol.options)
    checks: list[tuple[str, Sequence[str], Sequence[Mapping[str, str]]]] = [
        ("rows", row_texts, rows),
        ("exemplars", [protocol.exemplar], solved.exemplars),
        ("tasks", [protocol.header], [{}]),
    ]
    for what, texts, of_what in checks:
        for number, one in enumerate(of_what):
            columns = {**about, **one}
            if missing := missing_columns(texts, columns):
                raise DeclarationError(
                    f"suite {suite.name}, protocol {protocol.name}: {what} of {name} have no "
                    f"{', '.join(missing)} (number {number}); they have {', '.join(columns)}"
                )


def chosen_question(task: SuiteTask, examples: int | None, *, seed: int) -> SuiteQuestion:
    """Returns a task with the examples that are asked: all, or some drawn by the seed."""
    numbers = chosen_numbers(len(task.rows), examples, name=task.name, seed=seed)
    return SuiteQuestion(task, numbers)


def where_to_get(suite: Suite) -> str:
    """Says where a suite's files are from and where they go."""
    if suite.parts:
        names = " ".join(dict.fromkeys(p.suite.partition(PROTOCOL_MARK)[0] for p in suite.parts))
        return f"It is made of other suites: flan list --suites {names}"
    if all(protocol.templates for protocol in suite.protocols):
        layout = suite.layout.strip()
        return (
            f"The rows of {suite.name}: {suite.home}\n{layout}\n"
            "--source samples --allow-missing asks embedded rows of ours, to try things out."
        )
    names = " ".join(f"--data-dir {name}=DIR" for name in suite.datasets)
    layout = "\n".join(f"  {line}" for line in suite.layout.strip().splitlines())
    if suite.files:
        return f"Its files are looked for in {Path(suite.folder).absolute()}."
    return (
        f"The files of {suite.name}: {suite.home}\nGive {names}, a folder that holds\n{layout}\n"
        "--source samples --allow-missing asks embedded rows of ours, to try things out."
    )
