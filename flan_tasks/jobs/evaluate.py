"""Scoring a model on datasets, template by template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import notebook
from flan_tasks.core.address import Address
from flan_tasks.core.errors import (
    ModelError,
)
from flan_tasks.core.parsing import parse_json
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import Answerer, Outcome
from flan_tasks.evaluation.loop import evaluate as ask
from flan_tasks.evaluation.score_tables import overview, write_results
from flan_tasks.evaluation.shared_examples import (
    PartedScores,
    SharedExamples,
    parted_datasets,
    parted_table,
    read_shared,
)
from flan_tasks.evaluation.summary import DatasetScore
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.evaluation.warnings import score_warnings
from flan_tasks.jobs.asked_suites import submitted_suite, suites_of
from flan_tasks.jobs.results import RESULTS, results
from flan_tasks.specs.eval_config import EvalSpec
from flan_tasks.specs.results_spec import ResultsSpec
from flan_tasks.store.store import open_store
from flan_tasks.suites.asking import SuitesAsked, SuitesOutcome, evaluate_suites
from flan_tasks.suites.scores import SuiteScore
from flan_tasks.suites.submission import WrittenSubmission, write_submission
from flan_tasks.suites.tables import averages_table

if TYPE_CHECKING:
    from flan_tasks.inference.model_answers import ModelAnswers
    from flan_tasks.vocabulary import Vocabulary
from flan_tasks.jobs.asked_datasets import datasets_of, evaluation_of


@dataclass(frozen=True)
class EvalResult:
    """What an evaluation gave."""

    folder: Path
    """Where scores and all answers are."""
    scores: tuple[DatasetScore, ...]
    """Datasets with the numbers of each template."""
    missing: Mapping[str, str]
    """Dataset -> why it has none."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Dataset, or dataset with a split, that has nothing to ask by its splits and sizes -> why."""
    warnings: tuple[str, ...] = ()
    """What stands against the numbers, a line each."""
    files: tuple[Path, ...] = ()
    """Files of scores."""
    unchecked: int = 0
    """Files of answers that were written before there were digests."""
    suites: tuple[SuiteScore, ...] = ()
    """Suites with their averages and the numbers of each task."""
    parted: PartedScores | None = None
    """Numbers with and without the examples that training shares text with, where asked for."""
    submission: WrittenSubmission | None = None
    """The files for a suite's server, where they were asked for."""
    page: Path | None = None
    """The page that shows them, where one was written."""
    tokens_read: int = 0
    """Tokens of prompts that a model read now; what several share counts once."""
    padding: float = 0.0
    """Share of the positions it read them at that held no token."""

    @property
    def means(self) -> dict[str, dict[str, float]]:
        """Dataset -> number -> its mean over templates, on test where it has one."""
        found: dict[str, dict[str, float]] = {}
        for score in self.scores:
            tested = [spread for spread in score.spreads if spread.split == "test"]
            for spread in tested or score.spreads:
                found.setdefault(score.dataset, {}).setdefault(spread.number, spread.mean)
        return found

    def _repr_html_(self) -> str:
        parts = []
        if self.scores:
            caption, header, rows = overview(self.scores)
            parts += [notebook.text(caption), notebook.table(header, rows)]
        for suite in self.suites:
            parts += [notebook.text(suite.name), notebook.table(*averages_table(suite))]
        if self.parted is not None:
            parts.append(notebook.table(*parted_table(self.parted.numbers)))
        return notebook.page(str(self.folder), *parts)


def evaluate(
    spec: EvalSpec,
    *,
    progress: Callable[[int, int], None] | None = None,
    reading: Callable[[str], None] | None = None,
    say: Callable[[str], None] | None = None,
    note: Callable[[str], None] | None = None,
    opened: "Callable[[Vocabulary], None] | None" = None,
) -> EvalResult:
    """Scores a model, or predictions made elsewhere; answers that are there from before are kept.

    Args:
      spec: which model, on what, and how.
      progress: told how many prompts are answered, of how many.
      reading: told what is being fetched or read.
      say: told in one line what a user should know of the model's files.
      note: told what is being compiled.
      opened: told the model's vocabulary.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster, mixture or task.
      DeclarationError: what is asked contradicts itself.
      ModelError: the model cannot be opened.
      EvaluationError: the folder has the answers of another evaluation, or the file of shared
        examples says nothing of what is asked.
    """
    # The names first: a model takes seconds to open.
    suites = suites_of(spec)
    evaluation = evaluation_of(spec)
    shared = read_shared(Path(spec.contamination)) if spec.contamination else None
    if shared is not None:
        own = [suite.name for suite, _ in suites.suites if suite.files]
        shared.check({*own, *(dataset.name for dataset in datasets_of(spec))})
    answerer: Answerer
    vocabulary: Vocabulary | None = None
    if spec.predictions is not None:
        from flan_tasks.evaluation.elsewhere import FileAnswers

        answerer = FileAnswers(Path(spec.predictions))
    else:
        answerer = _model_of(spec, suites, say=say, note=note, opened=opened)
        vocabulary = answerer.opened.vocabulary
    submitted = submitted_suite(suites) if spec.submission is not None else None
    result = score(
        evaluation,
        answerer,
        Path(spec.output_dir),
        suites=replace(suites, shared=shared),
        shared=shared,
        store=spec.store,
        progress=progress,
        reading=reading,
    )
    if spec.submission is not None and submitted is not None:
        settings = {**answerer.settings, **evaluation.settings}
        written = write_submission(
            submitted,
            next(one for one in result.suites if one.suite == submitted.name),
            catalog(),
            answerer,
            Path(spec.submission),
            answers=Answers(Path(spec.output_dir) / f"unlabeled_{submitted.name}", settings),
            source=suites.source,
            seed=spec.seed,
            progress=reading,
            watch=progress,
        )
        result = replace(result, submission=written)
    if not spec.results:
        # One of an earlier evaluation would show numbers that are no longer those beside it.
        (Path(spec.output_dir) / RESULTS).unlink(missing_ok=True)
        return result
    page = results(ResultsSpec(folders=(spec.output_dir,)), vocabulary=vocabulary, progress=reading)
    return replace(result, page=page)


def _model_of(
    spec: EvalSpec,
    suites: SuitesAsked,
    *,
    say: Callable[[str], None] | None,
    note: Callable[[str], None] | None,
    opened: "Callable[[Vocabulary], None] | None",
) -> "ModelAnswers":
    """Opens a model, which then answers prompts.

    Raises:
      ModelError: it cannot be opened; where it is not of our kind, how it can be scored.
    """
    from flan_tasks.inference.kept_programs import keep_programs
    from flan_tasks.inference.model_answers import ModelAnswers
    from flan_tasks.inference.opening import open_asked

    keep_programs()
    assert spec.checkpoint_path is not None
    path = Path(spec.checkpoint_path)
    try:
        model = open_asked(spec, path, say=say)
    except ModelError as error:
        if _is_of_others(path):
            error.add_note(
                "to score it: `flan export-lm-eval NAME --out DIR` writes the tasks for "
                "lm-evaluation-harness, and `flan eval NAME --write-prompts FILE` the prompts, "
                "whose answers `--predictions FILE` scores"
            )
        raise
    if opened:
        opened(model.vocabulary)
    return ModelAnswers(
        model,
        lengths=spec.task_feature_lengths or suites.lengths,
        decoding=spec.seeded,
        batch_tokens=spec.batch_tokens,
        batch_size=spec.batch_size,
        log=note,
    )


def score(
    evaluation: Evaluation,
    answerer: Answerer,
    out: Path,
    *,
    suites: SuitesAsked | None = None,
    shared: SharedExamples | None = None,
    store: str | Path | Address | None = None,
    progress: Callable[[int, int], None] | None = None,
    reading: Callable[[str], None] | None = None,
) -> EvalResult:
    """Asks whoever answers, datasets first and then suites, and writes answers and scores.

    Raises:
      EvaluationError: the folder has the answers of another evaluation.
    """
    settings: dict[str, Any] = {**answerer.settings, **evaluation.settings}
    answers = Answers(out, settings)
    outcome = Outcome((), {}, {})
    if evaluation.datasets:
        outcome = ask(
            evaluation,
            catalog(),
            answers,
            answerer,
            store=open_store(store),
            progress=reading,
            watch=progress,
        )
    of_suites = SuitesOutcome((), {})
    if suites is not None and suites.suites:
        of_suites = evaluate_suites(
            suites,
            catalog(),
            answers,
            answerer,
            store=open_store(store),
            progress=reading,
            watch=progress,
        )
    # Answers of files are not read by a model.
    reading_of = getattr(answerer, "reading", None)
    missing = {**outcome.missing, **of_suites.missing}
    left_out = {**outcome.left_out, **of_suites.left_out}
    by_name = {one.dataset: one for one in outcome.scores}
    for one in of_suites.datasets:
        # Of a dataset that is asked by one template and by a suite with all, the suite's.
        before = by_name.get(one.dataset)
        if before is None or len(before.templates) < len(one.templates):
            by_name[one.dataset] = one
    scores = tuple(by_name.values())
    parted = None
    if shared is not None:
        datasets = {score.dataset: catalog()[score.dataset] for score in scores}
        numbers = parted_datasets(scores, datasets, answers, shared)
        parted = shared.parted([*numbers, *of_suites.parted], scores, of_suites.not_compared)
    tasks = [task for one in of_suites.scores if not one.lines for task in one.tasks]
    every = [*scores, *tasks]
    files = write_results(
        out,
        scores,
        settings=settings,
        missing=missing,
        left_out=left_out,
        of_suites=tasks,
        suites=[one.to_json() for one in of_suites.scores],
        parted=None if parted is None else parted.to_json(),
    )
    return EvalResult(
        folder=out,
        scores=scores,
        missing=missing,
        left_out=left_out,
        warnings=tuple(score_warnings(every)),
        files=tuple(files),
        unchecked=len(answers.unchecked),
        suites=of_suites.scores,
        parted=parted,
        tokens_read=reading_of.tokens if reading_of else 0,
        padding=reading_of.padding if reading_of else 0.0,
    )


def _is_of_others(folder: Path) -> bool:
    """Whether a folder has a model of transformers that is not T5's kind."""
    try:
        kind = parse_json((folder / "config.json").read_text(encoding="utf-8-sig"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return kind not in ("t5", "mt5")
