"""Asking a model the tasks of suites, and scoring what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import EvaluationError, SourceUnavailableError
from flan_tasks.engine.folded import folded_reasons
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import Answerer, Asking, Watch, have_answered
from flan_tasks.evaluation.normalizing import ways_of
from flan_tasks.evaluation.records import Record, Unit
from flan_tasks.evaluation.shared_examples import Parted, SharedExamples
from flan_tasks.evaluation.summary import DatasetScore
from flan_tasks.evaluation.unconditional import Unconditional
from flan_tasks.evaluation.units import Progress
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.eval_config import USUAL_NORMALIZATIONS
from flan_tasks.store.store import Store
from flan_tasks.suites.declared import PROTOCOL_MARK, Protocol, Suite
from flan_tasks.suites.parted import not_compared, parted_suite
from flan_tasks.suites.parts import score_parts
from flan_tasks.suites.scores import SuiteScore, score_suite, score_task
from flan_tasks.suites.tasks import SuiteQuestion, chosen_question, suite_tasks, where_to_get
from flan_tasks.suites.templates import AskedTemplates, asked_templates, evaluate_templates


@dataclass(frozen=True, kw_only=True)
class SuitesAsked:
    """Which suites are asked, and of what rows."""

    suites: tuple[tuple[Suite, Protocol], ...]
    """Each with the way it is asked."""
    composed: tuple[Suite, ...] = ()
    """Suites that are made of some of these."""
    source: SourceChoice = SourceChoice()
    """Where rows come from."""
    examples: int | None = None
    """Examples of each task; None is all."""
    seed: int = 0
    """What a draw of examples depends on."""
    allow_missing: bool = False
    """Go on without tasks whose rows are not available."""
    normalize: tuple[str, ...] = USUAL_NORMALIZATIONS
    """What else than the sum chooses among options, of `eval_config.NORMALIZATIONS`."""
    averaged: tuple[str, ...] = ()
    """Those of `normalize` by which there are averages besides."""
    shared: SharedExamples | None = None
    """Which examples training shares text with; None where nobody asks."""

    @property
    def of_strings(self) -> tuple[tuple[Suite, Protocol], ...]:
        """Those that have strings of their own."""
        return tuple(one for one in self.suites if not one[1].templates)

    def of_templates(self, catalog: Catalog) -> list[AskedTemplates]:
        """Returns those that ask the templates of datasets.

        Raises:
          UnknownNameError: a dataset is unknown.
        """
        return [
            asked_templates(
                suite,
                protocol,
                catalog,
                source=self.source,
                examples=self.examples,
                seed=self.seed,
                allow_missing=self.allow_missing,
                normalize=self.normalize,
                averaged=self.averaged,
            )
            for suite, protocol in self.suites
            if protocol.templates
        ]

    @property
    def lengths(self) -> dict[str, int] | None:
        """The longest prompts and answers that protocols of strings want; None without any."""
        protocols = [protocol for _, protocol in self.of_strings]
        if not protocols:
            return None
        return {
            "inputs": max(one.inputs for one in protocols),
            "targets": max(one.targets for one in protocols),
        }


@dataclass(frozen=True)
class SuitesOutcome:
    """What came of it."""

    scores: tuple[SuiteScore, ...] = ()
    """The suites with their numbers."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Task or suite -> why it has none."""
    parted: tuple[Parted, ...] = ()
    """Averages with and without the examples that training shares text with."""
    not_compared: tuple[str, ...] = ()
    """Tasks that were not compared with training."""
    datasets: tuple[DatasetScore, ...] = ()
    """Datasets whose templates were asked, each once."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Datasets, or their splits, that have nothing to ask -> why."""


def opened_suites(
    asked: SuitesAsked, catalog: Catalog, *, progress: Progress | None = None
) -> tuple[list[tuple[Suite, Protocol, list[SuiteQuestion], dict[str, str]]], dict[str, str]]:
    """Returns suites with their questions and missing tasks, and all that is missing.

    Raises:
      SourceUnavailableError: rows are not available, and may not be missing; says where to get
        them.
    """
    opened = []
    missing: dict[str, str] = {}
    for suite, protocol in asked.of_strings:
        tasks, lacking = suite_tasks(
            suite, protocol, catalog, source=asked.source, progress=progress
        )
        if lacking and not (asked.allow_missing and tasks):
            lines = [f"  {names}: {reason}" for names, reason in folded_reasons(lacking)]
            name = f"{suite.name}{PROTOCOL_MARK}{protocol.name}"
            raise SourceUnavailableError(
                "\n".join(
                    [
                        f"suite {name}: rows of {len(lacking)} of {len(lacking) + len(tasks)} "
                        "tasks are not available:",
                        *lines,
                        where_to_get(suite),
                        *(["Or go on without these: --allow-missing."] if tasks else []),
                    ]
                ),
                problems=lacking.items(),
            )
        missing |= lacking
        questions = [
            chosen_question(task, asked.examples, seed=asked.seed) for task in tasks if task.rows
        ]
        if not questions:
            raise SourceUnavailableError(f"suite {suite.name}: it has no row")
        opened.append((suite, protocol, questions, lacking))
    return opened, missing


def evaluate_suites(
    asked: SuitesAsked,
    catalog: Catalog,
    answers: Answers,
    answerer: Answerer,
    *,
    store: Store,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> SuitesOutcome:
    """Has suites answered, and returns their numbers.

    Args:
      asked: which suites.
      catalog: where their datasets are looked up.
      answers: where answers are kept.
      answerer: who answers.
      store: where examples of datasets are kept.
      progress: called with what is being read.
      watch: called with how many prompts are answered, of how many.

    Raises:
      SourceUnavailableError: rows are not available, or a file has no answers to a task.
      EvaluationError: no prompt fits, or files of answers were changed.
    """
    scores: dict[str, SuiteScore] = {}
    datasets: dict[str, DatasetScore] = {}
    left_out: dict[str, str] = {}
    # What has no rows is said before hours of answering.
    opened, missing = opened_suites(asked, catalog, progress=progress)
    for one in asked.of_templates(catalog):
        score, outcome = evaluate_templates(
            one, catalog, answers, answerer, store=store, progress=progress, watch=watch
        )
        scores[score.name] = score
        missing |= outcome.missing
        left_out |= outcome.left_out
        for of_one in outcome.scores:
            # Of two suites that ask other splits of it, the one with more.
            before = datasets.get(of_one.dataset)
            if before is None or len(before.templates) < len(of_one.templates):
                datasets[of_one.dataset] = of_one
    why_not: Callable[[Sequence[Unit]], str] | None = getattr(answerer, "why_not", None)
    unanswered: dict[str, str] = {}
    answered: list[SuiteQuestion] = []
    for _, _, questions, _ in opened:
        for question in questions:
            if answers.has(question.unit) or answerer.has(question.unit):
                answered.append(question)
            else:
                why = why_not([question.unit]) if why_not else "nobody answers it"
                unanswered[question.unit.dataset] = why
    if unanswered and not (asked.allow_missing and answered):
        lines = [f"  {names}: {reason}" for names, reason in folded_reasons(unanswered)]
        raise SourceUnavailableError(
            "\n".join(["tasks of suites without answers:", *lines]), problems=unanswered.items()
        )
    units = {question.unit for question in answered}
    ways, budget = ways_of(asked.normalize), answerer.budget
    unconditional = Unconditional(answered, ways, seed=asked.seed, budget=budget)
    unconditional.check(answers, answerer)
    all_asked: list[Asking] = [*answered, *unconditional.asked]
    have_answered(all_asked, answers, answerer, seed=asked.seed, watch=watch)
    numbers: list[Parted] = []
    unknown: list[str] = []
    for suite, protocol, questions, lacking in opened:
        scored = []
        records_of: list[tuple[SuiteQuestion, list[Record]]] = []
        for question in questions:
            if question.unit not in units:
                continue
            prompts = question.prompts(seed=asked.seed, budget=budget)
            if not prompts:
                lacking[question.unit.dataset] = "none of its prompts fits; see --lengths"
                continue
            unasked = len(question.numbers) - len(prompts)
            records = answers.read(question.unit, prompts)
            records = unconditional.added(answers, question.unit, records)
            records_of.append((question, records))
            of_task = score_task(question.task, records, left_out=unasked, ways=ways)
            scored.append((question, of_task))
        lacking |= {
            name: unanswered[name]
            for question in questions
            if (name := question.unit.dataset) in unanswered
        }
        missing |= lacking
        if not scored:
            raise EvaluationError(f"suite {suite.name}: no prompt of it could be asked")
        averaged = ways_of(asked.averaged)
        score = score_suite(suite, protocol, scored, missing=lacking, averaged=averaged)
        scores[score.name] = score
        if asked.shared is not None:
            others = not_compared(protocol, [question for question, _ in records_of], asked.shared)
            unknown += others
            if not others:
                numbers += parted_suite(suite, protocol, records_of, score, asked.shared)
    names = [f"{suite.name}{PROTOCOL_MARK}{protocol.name}" for suite, protocol in asked.suites]
    composed = [score_parts(suite, scores) for suite in asked.composed]
    return SuitesOutcome(
        (*composed, *(scores[name] for name in names)),
        missing,
        tuple(numbers),
        tuple(unknown),
        tuple(datasets.values()),
        left_out,
    )
