"""Answers to the unlabeled rows of a benchmark, in the files that its server takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.columns import ColumnType
from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.field_types import shown
from flan_tasks.core.origin import DECLARED, Tfds
from flan_tasks.core.render import render
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.splits import Splits
from flan_tasks.core.template import Template
from flan_tasks.evaluation.answers import Answers, write_kept
from flan_tasks.evaluation.loop import Answerer, Watch, have_answered
from flan_tasks.evaluation.records import RANK, SUM, Prompt, Unit
from flan_tasks.evaluation.units import Progress
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.rows import BuiltRow
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.raw_rows import open_source
from flan_tasks.suites.declared import Suite
from flan_tasks.suites.scores import SuiteScore
from flan_tasks.suites.submitted import SubmittedFile

# The split that kept answers stand under.
UNLABELED = "unlabeled"
# What stands in a column that only labeled rows have, so that a row becomes a prompt.
_STAND_INS: Mapping[ColumnType, Any] = {int: 0, float: 0.0, bool: False, str: ""}


@dataclass(frozen=True)
class WrittenFile:
    """A file of a submission."""

    path: Path
    """Where it is."""
    rows: int
    """Rows that it has an answer to."""
    template: str
    """The template they were asked by: the one that is best on labeled rows."""
    unasked: int
    """Rows that have no prompt, or none that fits; they have the first option."""


@dataclass(frozen=True)
class WrittenSubmission:
    """The files of a submission."""

    suite: str
    """Name of the suite."""
    files: tuple[WrittenFile, ...]
    """Those that were written."""
    missing: Mapping[str, str]
    """Name of a file -> why it was not."""


@dataclass(frozen=True)
class _Unlabeled:
    """Rows that are asked, as a unit of its own."""

    unit: Unit
    """What they are kept under."""
    made: Sequence[Prompt]
    """Their prompts."""

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the prompts."""
        return range(len(self.made))

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns the prompts."""
        return list(self.made)


def write_submission(
    suite: Suite,
    score: SuiteScore,
    catalog: Catalog,
    answerer: Answerer,
    folder: Path,
    *,
    answers: Answers,
    source: SourceChoice,
    seed: int,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> WrittenSubmission:
    """Has the unlabeled rows of a suite answered, and writes the files that its server takes.

    Each dataset is asked by the template that scored highest on its labeled rows.

    Args:
      suite: a suite with a submission.
      score: its numbers, which say the templates.
      catalog: where its datasets are looked up.
      answerer: who answers.
      folder: where files are written.
      answers: where answers are kept, apart from those to labeled rows.
      source: where rows come from.
      seed: that of the evaluation.
      progress: told what is being read.
      watch: told how many prompts are answered, of how many.

    Raises:
      DeclarationError: an option has no label, or a column is unknown.
      RowError: a row has no number.
      EvaluationError: files of answers were changed.
    """
    assert suite.submission is not None
    templates = {line.dataset: line.highest_template for line in score.lines}
    files, missing = [], {}
    for one in suite.submission.files:
        if one.dataset not in templates:
            missing[one.name] = f"{one.dataset} has no score, by which a template would be chosen"
            continue
        dataset = catalog[one.dataset]
        unknown = [name for name in (*one.missing, *one.columns) if name not in dataset.schema]
        if unknown:
            raise DeclarationError(
                f"submission {one.name}: {dataset.name} has no column {', '.join(unknown)}; it has "
                f"{', '.join(dataset.schema)}"
            )
        if progress:
            progress(f"reading {one.name}")
        try:
            rows = _unlabeled_rows(one, dataset, catalog, source)
        except SourceUnavailableError as error:
            missing[one.name] = error.reason.splitlines()[0]
            continue
        template = next(
            t for t in catalog.templates(dataset.name).templates if t.id == templates[one.dataset]
        )
        examples = [_example(one, dataset, row, number) for number, row in enumerate(rows)]
        made, places = _prompts(dataset, template, examples, answerer.budget)
        stem = one.name.partition(".")[0].replace("-", "_")
        unit = Unit(dataset.name, f"{template.id}+{stem}", UNLABELED, RANK)
        question = _Unlabeled(unit, made)
        have_answered([question], answers, answerer, seed=seed, watch=watch)
        chosen: list[str] = [""] * len(rows)
        for place, record in zip(places, answers.read(unit, made) if made else (), strict=True):
            chosen[place] = record.prediction(SUM)
        labels = [
            _label(one, dataset, example, option)
            for example, option in zip(examples, chosen, strict=True)
        ]
        path = folder / one.name
        write_kept(path, _text(suite.submission.form, one, rows, labels))
        files.append(WrittenFile(path, len(rows), template.id, len(rows) - len(made)))
    return WrittenSubmission(suite.name, tuple(files), missing)


def _unlabeled_rows(
    one: SubmittedFile, dataset: Dataset, catalog: Catalog, source: SourceChoice
) -> list[Row]:
    """Reads the rows of a file, in the order of their numbers.

    Raises:
      SourceUnavailableError: they are not available.
    """
    kind = source.kind_of(dataset)
    if one.tfds and kind not in (DECLARED, "tfds"):
        raise SourceUnavailableError(f"its rows are those of TFDS {one.tfds} alone")
    number = one.number.partition(".")[0]
    schema: dict[str, ColumnType] = {
        one.columns.get(name, name): kind
        for name, kind in dataset.schema.items()
        if name not in one.missing
    }
    schema.setdefault(number, int)
    named = replace(
        dataset,
        schema=schema,
        labels={},
        source=Tfds(one.tfds) if one.tfds else dataset.source,
        alternatives=() if one.tfds else dataset.alternatives,
        splits=Splits.test_only(one.split),
    )
    opened = open_source(
        named,
        kind=kind,
        data_dir=source.data_dir,
        samples=None if one.tfds else catalog.samples(dataset.name),
        apart=source.apart,
    )
    rows = list(opened.rows(one.split, range(opened.num_rows(one.split))))
    if not rows:
        raise SourceUnavailableError(f"split {one.split} has no row")
    return sorted(rows, key=lambda row: _sort_key(one, row))


def _sort_key(one: SubmittedFile, row: Row) -> tuple[int, ...]:
    if one.nested:
        return tuple(_number(row, f"{one.number}.{part}") for part in _NESTED)
    return (_number(row, one.number),)


_NESTED = ("paragraph", "question", "answer")


def _number(row: Row, name: str) -> int:
    """The number of a row.

    Raises:
      RowError: it has none.
    """
    column, _, part = name.partition(".")
    value = row.get(column)
    if part:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RowError(
            f"an unlabeled row has no number {name}, by which the server knows it: {shown(row)}"
        )
    return value


def _example(one: SubmittedFile, dataset: Dataset, row: Row, number: int) -> Example | None:
    """The example of an unlabeled row, whose answer means nothing; None where it gives none."""
    filled = {
        name: row[one.columns.get(name, name)]
        for name in dataset.schema
        if one.columns.get(name, name) in row
    }
    for name in one.missing:
        kind = dataset.schema[name]
        # Of a list of answers any of the entities will do.
        filled[name] = list(row["entities"]) if kind is list else _STAND_INS[kind]
    if one.title_ends and isinstance(filled.get("passage"), str):
        title, mark, passage = filled["passage"].partition(one.title_ends)
        filled |= {"title": title, "passage": passage} if mark else {}
    items = normalize_row(dataset, filled, source_split=one.split, number=number)
    return items[0] if len(items) == 1 and isinstance(items[0], Example) else None


def _prompts(
    dataset: Dataset,
    template: Template,
    examples: Sequence[Example | None],
    budget: Budget | None,
) -> tuple[list[Prompt], list[int]]:
    """The prompts that fit, and which row each is of."""
    places = [place for place, example in enumerate(examples) if example is not None]
    rows = []
    for place in places:
        example = examples[place]
        assert example is not None
        text = render(template, example)
        rows.append(BuiltRow(text.inputs, text.targets, dataset, template, example))
    fitted = rows if budget is None else fit_rows(rows, budget)
    pairs = [
        (Prompt(row.inputs, row.gold, is_shortened=bool(row.shortened)), place)
        for row, place in zip(fitted, places, strict=True)
        if row is not None
    ]
    return [prompt for prompt, _ in pairs], [place for _, place in pairs]


def _label(one: SubmittedFile, dataset: Dataset, example: Example | None, option: str) -> str | int:
    """What the server calls an option; the first where none was chosen."""
    options = example.options if example is not None else dataset.options
    chosen = option or (options[0] if options else "")
    if one.by_place:
        return options.index(chosen) if chosen in options else 0
    if not one.labels:
        return chosen
    if chosen not in one.labels:
        raise DeclarationError(
            f"submission {one.name}: option {shown(chosen)} has no label; there are "
            f"{', '.join(one.labels)}"
        )
    return one.labels[chosen]


def _text(form: str, one: SubmittedFile, rows: Sequence[Row], labels: Sequence[str | int]) -> str:
    """The file, as its server takes it."""
    if one.nested:
        return _nested(one, rows, labels)
    numbers = [_number(row, one.number) for row in rows]
    pairs = zip(numbers, labels, strict=True)
    if form == "tsv":
        lines = [f"{number}\t{label}" for number, label in pairs]
        return "".join(f"{line}\n" for line in ("index\tprediction", *lines))
    return "".join(
        json.dumps({"idx": number, "label": label}, ensure_ascii=False) + "\n"
        for number, label in pairs
    )


def _nested(one: SubmittedFile, rows: Sequence[Row], labels: Sequence[str | int]) -> str:
    """Answers by paragraph and question."""
    paragraphs: dict[int, dict[int, list[dict[str, int]]]] = {}
    for row, label in zip(rows, labels, strict=True):
        paragraph, question, answer = (_number(row, f"{one.number}.{part}") for part in _NESTED)
        of_question = paragraphs.setdefault(paragraph, {}).setdefault(question, [])
        of_question.append({"idx": answer, "label": int(label)})
    lines = [
        {
            "idx": paragraph,
            "passage": {
                "questions": [{"idx": number, "answers": one} for number, one in questions.items()]
            },
        }
        for paragraph, questions in paragraphs.items()
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)
