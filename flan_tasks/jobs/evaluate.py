"""Scoring a model on datasets, template by template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import notebook
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import DeclarationError, ModelError
from flan_tasks.core.naming import PREFIX, MixtureName, parse_name
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.matches import evaluation_side
from flan_tasks.evaluation.loop import Answerer, Evaluation, questions
from flan_tasks.evaluation.loop import evaluate as ask
from flan_tasks.evaluation.records import Answers, write_kept
from flan_tasks.evaluation.score_tables import overview, write_results
from flan_tasks.evaluation.summary import DatasetScore
from flan_tasks.evaluation.warnings import score_warnings
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.eval_config import Decoding, EvalRun
from flan_tasks.store.store import Store, default_store

if TYPE_CHECKING:
    from flan_tasks.inference.model_answers import ModelAnswers
    from flan_tasks.vocabulary import Vocabulary

# What `split` says -> the splits.
SPLITS: Mapping[str, tuple[str, ...]] = {
    "validation": ("validation",),
    "test": ("test",),
    "both": ("validation", "test"),
}


@dataclass(frozen=True)
class EvalResult:
    """What an evaluation gave."""

    folder: Path
    """Where scores and all answers are."""
    scores: tuple[DatasetScore, ...]
    """Datasets with the numbers of each template."""
    missing: Mapping[str, str]
    """Dataset -> why it has none."""
    warnings: tuple[str, ...] = ()
    """What stands against the numbers, a line each."""
    files: tuple[Path, ...] = ()
    """Files of scores."""
    unchecked: int = 0
    """Files of answers that were written before there were digests."""

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
        caption, header, rows = overview(self.scores)
        return notebook.page(str(self.folder), notebook.text(caption), notebook.table(header, rows))


def evaluate(
    run: EvalRun,
    *,
    store: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    reading: Callable[[str], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> EvalResult:
    """Scores a model; answers that are there from before are kept.

    Args:
      run: which model, on what, and how.
      store: where examples are kept; None is the usual place.
      progress: told how many prompts are answered, of how many.
      reading: told what is being fetched or read.
      say: told in one line what a user should know of the model's files.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster, mixture or task.
      DeclarationError: what is asked contradicts itself.
      ModelError: the model cannot be opened.
      EvaluationError: the folder has the answers of another evaluation.
    """
    # The names first: a model takes seconds to open.
    evaluation = evaluation_of(run)
    answerer = answers_of_model(
        Path(run.checkpoint_path),
        lengths=run.task_feature_lengths,
        decoding=run.decoding,
        batch_size=run.batch_size,
        vocab=run.vocab,
        dtype=run.dtype,
        say=say,
    )
    return score(
        evaluation,
        answerer,
        Path(run.output_dir),
        store=store,
        progress=progress,
        reading=reading,
    )


def evaluation_of(run: EvalRun) -> Evaluation:
    """Returns what a run asks.

    Raises:
      UnknownNameError: a name is unknown.
      DeclarationError: what is asked contradicts itself.
    """
    return asked(
        tuple(name.strip() for name in run.mixture_or_task_name.split(",")),
        splits=SPLITS[run.split],
        method=run.method,
        examples=run.num_examples,
        seed=run.seed,
        source=SourceChoice(run.source, Path(run.data_dir) if run.data_dir else None),
        variation=run.variation,
        allow_missing=run.allow_missing,
    )


def asked(
    names: Sequence[str],
    *,
    splits: tuple[str, ...],
    method: str,
    examples: int | None,
    seed: int,
    source: SourceChoice,
    variation: Variation,
    allow_missing: bool,
) -> Evaluation:
    """Returns what names ask for; `flan:` names mean what they do in SeqIO.

    Raises:
      UnknownNameError: a name is unknown.
      DeclarationError: names contradict each other or the method.
    """
    plain, templates, methods = zip(*(_plain(name) for name in names), strict=True)
    named = tuple(name for name in templates if name)
    if named:
        variation = replace(variation, templates=(*(variation.templates or ()), *named))
    if method == "auto" and any(methods):
        if "generate" in methods and len(set(methods)) > 1:
            raise DeclarationError(
                f"{', '.join(names)}: some of these names mean generation, others do not; say "
                "--method for all, or give them in two commands"
            )
        # With names of tasks that have no method of their own, auto ranks these all the same.
        method = methods[0] if len(set(methods)) == 1 else method
    sides = {d.name: d for name in plain for d in evaluation_side(catalog(), name)}
    datasets = ordered(sides.values())
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    return Evaluation(
        datasets=datasets,
        splits=splits,
        method=method,
        examples=examples,
        seed=seed,
        source=source,
        variation=variation,
        allow_missing=allow_missing,
    )


def answers_of_model(
    path: Path,
    *,
    lengths: Mapping[str, int] | None,
    decoding: Decoding,
    batch_size: int | None,
    vocab: str | None,
    dtype: str | None,
    say: Callable[[str], None] | None = None,
    note: Callable[[str], None] | None = None,
    opened: "Callable[[Vocabulary], None] | None" = None,
) -> "ModelAnswers":
    """Opens a model, which then answers prompts.

    Args:
      path: a MODEL_DIR or checkpoint of ours, or a Hugging Face directory.
      lengths: longest inputs and targets; None are those of its training.
      decoding: how text is written.
      batch_size: prompts read at once; None is 32, and 8 on a CPU.
      vocab: bytes, t5 or a file; None is the model's own.
      dtype: what is computed in; None is as trained.
      say: told in one line what a user should know of its files.
      note: told what is being compiled.
      opened: told its vocabulary.

    Raises:
      ModelError: it cannot be opened; where it is not of our kind, how it can be scored.
    """
    from flan_tasks.inference.model_answers import ModelAnswers, open_model

    try:
        model = open_model(path, vocab=vocab, dtype=dtype, say=say)
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
    return ModelAnswers(model, lengths=lengths, decoding=decoding, batch_size=batch_size, log=note)


def score(
    evaluation: Evaluation,
    answerer: Answerer,
    out: Path,
    *,
    store: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    reading: Callable[[str], None] | None = None,
) -> EvalResult:
    """Asks whoever answers, and writes answers and scores to a folder.

    Raises:
      EvaluationError: the folder has the answers of another evaluation.
    """
    settings: dict[str, Any] = {**answerer.settings, **evaluation.settings}
    answers = Answers(out, settings)
    outcome = ask(
        evaluation,
        catalog(),
        answers,
        answerer,
        store=_store(store),
        progress=reading,
        watch=progress,
    )
    files = write_results(out, outcome.scores, settings=settings, missing=outcome.missing)
    return EvalResult(
        folder=out,
        scores=outcome.scores,
        missing=outcome.missing,
        warnings=tuple(score_warnings(outcome.scores)),
        files=tuple(files),
        unchecked=len(answers.unchecked),
    )


def write_prompts(
    evaluation: Evaluation,
    path: Path,
    *,
    store: Path | None = None,
    reading: Callable[[str], None] | None = None,
) -> int:
    """Writes the prompts as JSON lines, to be answered elsewhere; returns how many."""
    from flan_tasks.evaluation.elsewhere import prompt_line

    known: Catalog = catalog()
    lines = []
    for dataset in evaluation.datasets:
        for question in questions(
            evaluation, dataset, known, store=_store(store), progress=reading
        ):
            prompts = question.prompts(seed=evaluation.seed, budget=None)
            lines += [prompt_line(question.unit, prompt) for prompt in prompts]
    write_kept(path, "".join(line + "\n" for line in lines))
    return len(lines)


def _store(folder: Path | None) -> Store:
    return Store(folder or default_store())


def _plain(name: str) -> tuple[str, str, str]:
    """Returns the dataset or mixture a name means, its template and its method."""
    if not name.startswith(PREFIX):
        return name, "", ""
    found = parse_name(name)
    if isinstance(found, MixtureName):
        return found.name, "", ""
    template = f"{found.dataset}.{found.template}" if found.template else ""
    method = ("rank" if found.is_rank else "generate") if template else ""
    return found.dataset, template, method


def _is_of_others(folder: Path) -> bool:
    """Whether a folder has a model of transformers that is not T5's kind."""
    try:
        kind = parse_json((folder / "config.json").read_text(encoding="utf-8-sig"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return kind not in ("t5", "mt5")
