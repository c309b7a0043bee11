"""Suites that ask the templates of datasets: their units are those of `flan eval DATASET`.

A suite says which datasets, on which split, and what their numbers come to. Answers are kept under
dataset, template, split and method, so that what two suites share is asked once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import are, counted, were
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.decontamination.matches import evaluation_side
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import Answerer, Outcome, Watch, evaluate, have_answered
from flan_tasks.evaluation.normalizing import SUM, ways_of
from flan_tasks.evaluation.records import Unit
from flan_tasks.evaluation.summary import DatasetScore, Spread
from flan_tasks.evaluation.units import Evaluation, Progress, Question, questions
from flan_tasks.metrics.by_name import LOWER_IS_BETTER
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.promptsource.members import FAMILY as P3
from flan_tasks.promptsource.members import data_sets
from flan_tasks.store.store import Store
from flan_tasks.suites.averages import TaskNumber, averages_by, averages_of
from flan_tasks.suites.declared import Protocol, Suite
from flan_tasks.suites.measures import measured
from flan_tasks.suites.numbers import Average
from flan_tasks.suites.scores import SuiteScore, lacking_way
from flan_tasks.suites.stored import WHOLE
from flan_tasks.suites.tasks import where_to_get
from flan_tasks.suites.template_numbers import facts_of, in_way, line_of, number_of, spreads_of
from flan_tasks.suites.typos import MistypedQuestion


@dataclass(frozen=True)
class AskedTemplates:
    """A suite by a protocol of templates, and what is asked for it."""

    suite: Suite
    """The suite."""
    protocol: Protocol
    """How it is asked."""
    evaluation: Evaluation
    """What is asked."""
    typos: frozenset[str] = frozenset()
    """Names of the datasets whose examples are asked with typos as well."""
    averaged: tuple[str, ...] = ()
    """Normalizations by which there are averages besides."""

    def numbers(self, dataset: Dataset) -> tuple[str, ...]:
        """Returns the numbers whose mean is a dataset's score; () is its first."""
        for name in (dataset.name, dataset.parent, dataset.family):
            if name in self.suite.numbers:
                return self.suite.numbers[name]
        return ()


def asked_protocol(suite: Suite, protocol: Protocol, place: Path | None) -> Protocol:
    """Returns the protocol that a suite by its name alone means: see `Protocol.where_given`."""
    given = DataDirs.of(place).named
    if not protocol.where_given or protocol.where_given in given:
        return protocol
    fitting = (one for one in suite.protocols if not one.where_given or one.where_given in given)
    return next(fitting, protocol)


def asked_templates(
    suite: Suite,
    protocol: Protocol,
    catalog: Catalog,
    *,
    source: SourceChoice,
    examples: int | None,
    seed: int,
    allow_missing: bool,
    normalize: tuple[str, ...],
    averaged: tuple[str, ...] = (),
) -> AskedTemplates:
    """Returns what is asked for a suite.

    Raises:
      UnknownNameError: a dataset is unknown.
      DeclarationError: options of a dataset without any are to be ranked, or what has numbers is
        none of the suite's.
    """
    sides = _named(protocol.datasets or suite.datasets, catalog)
    known = {
        name
        for one in {**sides, **_named(suite.datasets, catalog)}.values()
        for name in (one.name, one.parent, one.family)
    }
    if unknown := [name for name in suite.numbers if name not in known]:
        raise DeclarationError(
            f"suite {suite.name}: numbers name {', '.join(unknown)}, which is no dataset of it"
        )
    splits = (protocol.chosen_on, protocol.split) if protocol.chosen_on else (protocol.split,)
    evaluation = Evaluation(
        datasets=ordered(sides.values()),
        splits=splits,
        method=protocol.method,
        examples=examples,
        seed=seed,
        source=source,
        allow_missing=allow_missing,
        normalize=normalize,
    )
    typos = frozenset(_named(protocol.typos, catalog))
    return AskedTemplates(suite, protocol, evaluation, typos, averaged)


def _named(names: Sequence[str], catalog: Catalog) -> dict[str, Dataset]:
    """Name -> dataset, of all that names mean for evaluation."""
    return {d.name: d for name in names for d in evaluation_side(catalog, name)}


def mistyped_questions(
    asked: AskedTemplates, catalog: Catalog, *, store: Store
) -> Iterator[MistypedQuestion]:
    """Yields the units that are asked with typos, of what is available.

    Raises:
      SourceUnavailableError: rows are not available, and may not be missing.
    """
    for dataset in asked.evaluation.datasets:
        if dataset.name not in asked.typos:
            continue
        try:
            of_one: list[Question] = list(
                questions(asked.evaluation, dataset, catalog, store=store)
            )
        except SourceUnavailableError:
            if not asked.evaluation.allow_missing:
                raise
            continue
        for question in of_one:
            if question.unit.split == asked.protocol.split:
                yield MistypedQuestion(question)


def evaluate_templates(
    asked: AskedTemplates,
    catalog: Catalog,
    answers: Answers,
    answerer: Answerer,
    *,
    store: Store,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> tuple[SuiteScore, Outcome]:
    """Has the units of a suite answered, and returns its numbers, with those of its datasets.

    Raises:
      SourceUnavailableError: rows are not available; with where to get them.
      EvaluationError: there is nothing to score.
    """
    try:
        outcome = evaluate(
            asked.evaluation,
            catalog,
            answers,
            answerer,
            store=store,
            progress=progress,
            watch=watch,
        )
    except SourceUnavailableError as error:
        error.add_note(f"suite {asked.suite.name}: {where_to_get(asked.suite)}")
        raise
    seed = asked.evaluation.seed
    mistyped = [
        question
        for question in mistyped_questions(asked, catalog, store=store)
        if answers.has(question.unit) or answerer.has(question.unit)
    ]
    have_answered(mistyped, answers, answerer, seed=seed, watch=watch)
    prompts = {q.unit: q.prompts(seed=seed, budget=answerer.budget) for q in mistyped}
    score = _suite_score(asked, catalog, outcome, answers, {u for u, p in prompts.items() if p})
    return score, outcome


def _suite_score(
    asked: AskedTemplates,
    catalog: Catalog,
    outcome: Outcome,
    answers: Answers,
    mistyped: set[Unit],
) -> SuiteScore:
    suite, protocol = asked.suite, asked.protocol
    datasets = {dataset.name: dataset for dataset in asked.evaluation.datasets}
    of_p3 = data_sets() if any(one.family == P3 for one in datasets.values()) else {}
    facts = {name: facts_of(one, of_p3) for name, one in datasets.items()}
    scored = [
        (score, spreads)
        for score in outcome.scores
        if (spreads := spreads_of(score, protocol.split, asked.numbers(datasets[score.dataset])))
    ]
    wanted = {average.measure for average in suite.averages}
    measures = {
        score.dataset: measured(
            score.dataset,
            [one.template for one in score.templates if one.way == spreads[0].way],
            answers,
            split=protocol.split,
            metrics=datasets[score.dataset].metrics,
            numbers=tuple(spread.number for spread in spreads),
            mistyped=mistyped,
            wanted=wanted,
        )
        for score, spreads in scored
    }

    def numbers_of(
        average: Average, scored: Sequence[tuple[DatasetScore, Sequence[Spread]]] = scored
    ) -> list[TaskNumber]:
        found = []
        for score, spreads in scored:
            about = facts[score.dataset]
            if average.measure != "score":
                value = measures[score.dataset].get(average.measure)
                if value is not None:
                    count = spreads[0].num_examples
                    found.append(
                        TaskNumber(score.dataset, about, (value,), value, None, count, None)
                    )
            elif LOWER_IS_BETTER.isdisjoint(spread.number for spread in spreads):
                number = number_of(score, spreads, about, of=average.of)
                if number is not None:
                    found.append(number)
        return found

    named = {spread.number for _, spreads in scored for spread in spreads}
    ways = {spread.way for _, spreads in scored for spread in spreads}
    averages, notes = averages_of(suite.averages, numbers_of), list(_notes(suite, scored))
    of_scores = [average for average in suite.averages if average.measure == "score"]
    for way in ways_of(asked.averaged) if SUM in ways else ():
        others = [(score, in_way(score, spreads, way)) for score, spreads in scored]
        known = [(score, spreads) for score, spreads in others if spreads]
        if len(known) == len(others):
            averages += averages_by(way, of_scores, partial(numbers_of, scored=known))
        else:
            notes.append(lacking_way(way, len(others) - len(known), len(others)))
    return SuiteScore(
        suite.name,
        protocol.name,
        protocol.source,
        protocol.split,
        next(iter(named)) if len(named) == 1 else "score",
        next(iter(ways)) if len(ways) == 1 else "",
        averages,
        0.0,
        tuple(score for score, _ in scored),
        differs=tuple(_differences(asked, catalog, outcome)),
        notes=tuple(notes),
        lines=tuple(line_of(score, spreads) for score, spreads in scored),
        measures={name: values for name, values in measures.items() if values},
        missing=tuple(outcome.missing),
    )


def _differences(asked: AskedTemplates, catalog: Catalog, outcome: Outcome) -> Iterator[str]:
    """Says why numbers are not those of the whole suite."""
    datasets = asked.evaluation.datasets
    if outcome.missing:
        lacking, all_of_them = len(outcome.missing), counted(len(datasets), "dataset")
        yield f"{lacking:,} of {all_of_them} {are(lacking)} missing"
    if asked.evaluation.source.kind == "samples":
        yield "the rows are embedded ones of ours, in each source's form"
    if asked.evaluation.examples is not None:
        most = counted(asked.evaluation.examples, "example")
        yield f"{most} of a dataset {were(asked.evaluation.examples)} asked at most"
    elif asked.evaluation.source.kind != "samples":
        small = []
        for score in outcome.scores:
            declared = catalog[score.dataset].declared_rows(asked.protocol.split)
            here = max(
                (s.num_examples for s in score.spreads if s.split == asked.protocol.split),
                default=0,
            )
            if declared and here < WHOLE * declared:
                small.append(f"{score.dataset} ({here:,} of {declared:,})")
        if small:
            yield f"fewer rows than the sources declare: {', '.join(small)}"


def _notes(suite: Suite, scored: Sequence[tuple[DatasetScore, Sequence[Spread]]]) -> Iterator[str]:
    lower = [
        f"{score.dataset} ({spread.number})"
        for score, spreads in scored
        for spread in spreads
        if spread.number in LOWER_IS_BETTER
    ]
    if lower:
        yield f"in no average, as less is better: {', '.join(lower)}"
    yield from (f"not here: {what}" for what in suite.lacks)
