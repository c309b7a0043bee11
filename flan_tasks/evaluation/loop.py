"""Asking a model the prompts of datasets, and scoring the answers.

A unit is a dataset, template, split and method; it is kept whole, so that a run goes on where it
was stopped. Who answers, a model or a file, is behind `Answerer`: it gets the prompts of all units
as one stream, and may answer those of different units together.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    EvaluationError,
    SourceUnavailableError,
)
from flan_tasks.engine.folded import folded_reasons
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.normalizing import ways_of
from flan_tasks.evaluation.records import Asked, Prompt, Record, Unit
from flan_tasks.evaluation.summary import (
    DatasetScore,
    TemplateScore,
    score_unit,
    summarize,
)
from flan_tasks.evaluation.unconditional import Unconditional
from flan_tasks.evaluation.units import Evaluation, Progress, Question, questions, reason_of
from flan_tasks.metrics.libraries import require_libraries
from flan_tasks.plan.exemplars import Budget
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.store.store import Store

# Told how many prompts are answered, of how many.
Watch = Callable[[int, int], None]


class Answerer(Protocol):
    """Who answers prompts."""

    @property
    def budget(self) -> Budget | None:
        """What exemplars must fit into; None where that is not known."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its answers; JSON-able."""
        ...

    def answer(self, stream: Iterable[Asked]) -> Iterator[tuple[Asked, Record]]:
        """Yields one answer to each prompt that is not done, by its unit's method, in any order.

        The prompts of a unit come one after the other. An answerer reads on only as far as it
        needs, so the stream may be longer than memory.
        """
        ...

    def has(self, unit: Unit) -> bool:
        """Whether it can answer a unit at all."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of an evaluation."""

    scores: tuple[DatasetScore, ...]
    """Datasets with their numbers, in the order of the catalog."""
    missing: dict[str, str]
    """Name -> why a dataset has none."""
    left_out: Mapping[str, str]
    """Name, or name with a split, that has nothing to ask by its splits and sizes -> why."""


class Asking(Protocol):
    """A unit that can be asked: a template of a dataset, or a task of a suite."""

    @property
    def unit(self) -> Unit:
        """What is asked."""
        ...

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the examples."""
        ...

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns the prompts, in the order of the source, less those that cannot fit."""
        ...


def evaluate(
    evaluation: Evaluation,
    catalog: Catalog,
    answers: Answers,
    answerer: Answerer,
    *,
    store: Store,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Has every unit answered that is not yet, and returns the numbers of all.

    A unit is kept as soon as all of its prompts are answered.

    Args:
      evaluation: what is asked.
      catalog: where its datasets are looked up.
      answers: where answers are kept.
      answerer: who answers.
      store: where examples are kept.
      progress: called with what is being read.
      watch: called with how many prompts are answered, of how many, those of before included.

    Raises:
      MissingLibraryError: what computes their metrics is not installed; nothing is asked.
      SourceUnavailableError: rows of some datasets are not available; the rest is answered.
      EvaluationError: there is nothing to score.
    """
    require_libraries(evaluation.datasets)
    asked: dict[str, list[Question]] = {}
    missing: dict[str, str] = {}
    left_out: dict[str, str] = {}
    opened: dict[str, FamilySource] = {}
    # Answerers of others need not say it.
    why_not = getattr(answerer, "why_not", None)
    for dataset in evaluation.datasets:
        try:
            of_one = list(
                questions(
                    evaluation,
                    dataset,
                    catalog,
                    store=store,
                    progress=progress,
                    left_out=left_out,
                    opened=opened,
                )
            )
        except SourceUnavailableError as error:
            missing[dataset.name] = reason_of(error, dataset)
            continue
        asked[dataset.name] = [
            question
            for question in of_one
            if answers.has(question.unit) or answerer.has(question.unit)
        ]
        if of_one and not asked[dataset.name] and why_not:
            missing[dataset.name] = why_not([question.unit for question in of_one])
    seed, budget = evaluation.seed, answerer.budget
    everything = [question for of_one in asked.values() for question in of_one]
    ways = ways_of(evaluation.normalize)
    unconditional = Unconditional(everything, ways, seed=seed, budget=budget)
    unconditional.check(answers, answerer)
    all_asked: list[Asking] = [*everything, *unconditional.asked]
    have_answered(all_asked, answers, answerer, seed=seed, watch=watch)
    scores: list[DatasetScore] = []
    for dataset in evaluation.datasets:
        templates: list[TemplateScore] = []
        unasked: dict[Unit, int] = {}
        for question in asked.get(dataset.name, ()):
            prompts = question.prompts(seed=seed, budget=budget)
            if not prompts:
                unasked[question.unit] = len(question.numbers)
                continue
            templates += score_unit(
                dataset,
                question.unit,
                unconditional.added(answers, question.unit, answers.read(question.unit, prompts)),
                shortened=sum(prompt.is_shortened for prompt in prompts),
                left_out=len(question.numbers) - len(prompts),
                ways=ways,
            )
        if templates:
            scores.append(summarize(dataset, templates, unasked=unasked))
        elif dataset.name not in missing and (
            asked[dataset.name] or not is_left_out(dataset, left_out)
        ):
            missing[dataset.name] = (
                f"none of its prompts fits {budget.length:,} tokens"
                if budget is not None and unasked
                else f"it has no example or answer in {' or '.join(evaluation.splits)}"
            )
    if missing and not evaluation.allow_missing:
        raise not_evaluated(
            missing,
            "The others are answered and kept. Provide these, or go on with --allow-missing.",
        )
    if not scores:
        raise nothing_asked(left_out)
    return Outcome(tuple(scores), missing, left_out)


def have_answered(
    questions: Sequence[Asking],
    answers: Answers,
    answerer: Answerer,
    *,
    seed: int,
    watch: Watch | None,
) -> None:
    """Has the units answered that are not yet, and keeps each when it is whole."""
    done = {question.unit for question in questions if answers.has(question.unit)}
    if len(done) == len(questions):
        return
    sizes = {question.unit: len(question.numbers) for question in questions}
    total, count = sum(sizes.values()), sum(sizes[unit] for unit in done)
    # Units of which some prompts are answered.
    begun: dict[Unit, dict[int, Record]] = {}
    announced = count

    def left_out(unit: Unit, number: int) -> None:
        nonlocal count
        sizes[unit] -= number
        count += number

    stream = _stream(questions, done, answers, answerer.budget, seed=seed, left_out=left_out)
    for prompt, record in answerer.answer(stream):
        records = begun.setdefault(prompt.unit, {})
        records[prompt.place] = record
        count += 1
        if len(records) == sizes[prompt.unit]:
            answers.write(prompt.unit, [one for _, one in sorted(begun.pop(prompt.unit).items())])
        if watch:
            watch(count, total)
            announced = count
    if watch and announced != count:  # what was left out last comes with no answer
        watch(count, total)
    assert count == total, "an answerer left prompts unanswered"


def _stream(
    questions: Sequence[Asking],
    done: Collection[Unit],
    answers: Answers,
    budget: Budget | None,
    *,
    seed: int,
    left_out: Callable[[Unit, int], None],
) -> Iterator[Asked]:
    """Yields all prompts, of units that are done as well: see `Asked.done`.

    `left_out` is told how many of a unit's examples are not asked, before its first prompt.
    """
    for question in questions:
        unit, prompts = question.unit, question.prompts(seed=seed, budget=budget)
        if unit in done:
            # Answers to other prompts are refused here, not after hours of answering the rest.
            answers.read(unit, prompts)
        elif len(prompts) < len(question.numbers):
            left_out(unit, len(question.numbers) - len(prompts))
        for place, prompt in enumerate(prompts):
            yield Asked(unit, place, prompt, unit in done)


def is_left_out(dataset: Dataset, left_out: Mapping[str, str]) -> bool:
    """Whether some split of a dataset, or all of it, is among what has nothing to ask."""
    return any(name == dataset.name or name.startswith(f"{dataset.name} (") for name in left_out)


def nothing_asked(left_out: Mapping[str, str]) -> EvaluationError:
    """Returns the error for an evaluation in which there is nothing to score."""
    lines = [f"  {names}: {reason}" for names, reason in folded_reasons(left_out)]
    return EvaluationError(
        "\n".join(["nothing was answered; there is nothing to score" + ":" * bool(lines), *lines]),
        problems=left_out.items(),
    )


def not_evaluated(missing: Mapping[str, str], advice: str) -> SourceUnavailableError:
    """Returns the error that names datasets without rows or answers."""
    lines = [f"  {names}: {reason}" for names, reason in folded_reasons(missing)]
    return SourceUnavailableError(
        "\n".join(["datasets that cannot be evaluated:", *lines, advice]),
        problems=missing.items(),
    )
