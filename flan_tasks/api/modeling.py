"""Models from Python: trained, scored, asked, and handed on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.arguments import Arguments
from flan_tasks.core.configuration import resolve
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.spec import spec_of
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.eval_config import EvalSpec, InferSpec
from flan_tasks.specs.results_spec import ResultsSpec

if TYPE_CHECKING:
    from flan_tasks.jobs.compare import ModelComparison
    from flan_tasks.jobs.evaluate import EvalResult
    from flan_tasks.trainer.train import Result as TrainResult


def train(
    spec: TrainSpec | None = None, *, gin_files: str | Sequence[str] = (), **macros: Any
) -> TrainResult:
    """Trains a model; what `flan train` does.

    A run that was interrupted goes on from its newest checkpoint. Lines of progress go to stderr.

    Args:
      spec: a whole `TrainSpec`; or else
      gin_files: gin files, by path or by their names among ours: the model, then the run.
      **macros: values for their macros, such as BUILD_DIR, MODEL_DIR, TRAIN_STEPS.

    Raises:
      DeclarationError: both are given, or none.
      GinError: a file, a name or a value is wrong.
      TrainingError: data and model do not fit, or training cannot go on.
    """
    if spec is not None and not isinstance(spec, TrainSpec):
        want = "a TrainSpec; gin files are gin_files="
        raise Arguments("train").refuse("spec", spec, want)
    with extras.needed_for("Training"):
        from flan_tasks.jobs.models import train as job

    return job(spec, gin_files=gin_files, macros=macros)


def evaluate(
    names: str | Sequence[str] | EvalSpec,
    *,
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> EvalResult:
    """Scores a model on datasets, template by template; what `flan eval` does.

    Answers that are there from an interrupted evaluation of the same are kept.

    Args:
      names: datasets, clusters or mixtures (their held-out side); or a whole `EvalSpec`.
      model: a MODEL_DIR or checkpoint of `flan train`, or a Hugging Face directory; not with
        `predictions=`, a file of answers made elsewhere.
      out: the directory of the results.
      progress: told how many prompts are answered, of how many; None is quiet.
      **settings: the other fields of `EvalSpec`, such as `num_examples=100`; source and data_dir
        are by default what `configure` or the environment say.

    Raises:
      UnknownNameError: a name is unknown, that of a setting among them.
      ConfigError: settings have the wrong type or range, or do not go together.
      ModelError: the model cannot be opened.
      EvaluationError: the directory has the answers of another evaluation.
    """
    with extras.needed_for("An evaluation"):
        from flan_tasks.jobs.evaluate import evaluate as job

    if isinstance(names, EvalSpec):
        if model is not None or out is not None:
            raise DeclarationError("an EvalSpec says model and out itself")
        return job(
            spec_of(EvalSpec, names, settings, lead="mixture_or_task_name"), progress=progress
        )
    if out is None or (model is None and settings.get("predictions") is None):
        raise DeclarationError("give model= (or predictions=) and out=, or a whole EvalSpec")
    chosen = resolve()
    places = {"source": chosen.source, "data_dir": chosen.data_dir}
    asked = {"checkpoint_path": model, "output_dir": out}
    names = ",".join(Arguments("evaluate").names("names", names))
    spec = spec_of(EvalSpec, names, {**places, **settings, **asked}, lead="mixture_or_task_name")
    return job(spec, progress=progress)


def compare(
    *folders: str | os.PathLike[str],
    names: Sequence[str] = (),
    held_out: str | Sequence[str] = (),
    trained_on: str | Sequence[str] = (),
    common: bool = False,
    normalize: str | None = None,
) -> ModelComparison:
    """Says what differs between the scores of models on the same prompts; `flan compare`.

    Args:
      folders: directories of `evaluate`, two or more; the first is the model before.
      names: what tables call them; the names of the folders if empty.
      held_out: datasets, clusters or mixtures (their held-out side) that were not trained on.
      trained_on: datasets, clusters, mixtures or builds that were.
      common: compare what all have; else evaluations of different things are refused.
      normalize: what options are compared by in place of their sums of log-probabilities: tokens,
        characters, bytes or unconditional.

    Raises:
      EvaluationError: a folder is no evaluation, they are of different prompts, or answers lack
        what the normalization needs.
      UnknownNameError: a name is unknown.
    """
    given = Arguments("compare")
    paths = [given.path("folders", folder) for folder in folders]
    with extras.needed_for("Comparing scores"):
        from flan_tasks.jobs.compare import compare as job

    return job(
        paths,
        names=given.names("names", names),
        held_out=given.names("held_out", held_out),
        trained_on=given.names("trained_on", trained_on),
        common=common,
        normalize=normalize,
    )


def scores(
    folder: str | os.PathLike[str],
    format: str,
    *,
    out: str | os.PathLike[str] | None = None,
    model: str = "",
    benchmarks: Mapping[str, tuple[str, str]] | None = None,
    say: Callable[[str], None] | None = None,
) -> str:
    """Returns the numbers of an evaluation in another form; what `flan scores` does.

    Nothing is asked or computed anew.

    Args:
      folder: a directory of `evaluate`.
      format: markdown, latex, csv, lm-eval (the results_*.json of lm-evaluation-harness),
        model-index (the metadata of a model card) or eval-results (a file of .eval_results/).
      out: a file to write as well.
      model: what the model is called; as its folder if empty.
      benchmarks: suite or dataset -> dataset and task of the hub's benchmark, for eval-results,
        such as `{"gsm8k": ("openai/gsm8k", "gsm8k")}`.
      say: told what has no place in the form, a line each; None is quiet.

    Returns:
      The text.

    Raises:
      EvaluationError: it is no finished evaluation, nothing of it has a place in the form, or the
        file cannot be written.
      DeclarationError: there is no such form, or benchmarks are named for another.
    """
    given = Arguments("scores")
    place = given.path("folder", folder)
    file = None if out is None else given.path("out", out)
    with extras.needed_for("Scores"):
        from flan_tasks.jobs.scores import scores_as

    text = scores_as(place, format, model=model, benchmarks=benchmarks, say=say)
    if file is not None:
        from flan_tasks.evaluation.answers import write_kept

        write_kept(file, text)
    return text


def results(
    *folders: str | os.PathLike[str] | ResultsSpec,
    out: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Path:
    """Writes the page of an evaluation, of two compared, or of training runs; `flan results`.

    Args:
      folders: a directory of `evaluate`, or two, of which the first is the model before, and
        directories of training runs; or a whole `ResultsSpec`.
      out: the file to write; by default results.html in the folder, or for several here.
      **settings: the other fields of `ResultsSpec`, such as `answers=500`.

    Returns:
      The file.

    Raises:
      EvaluationError: a folder is neither an evaluation nor a run, or two evaluations are of
        different prompts.
      ConfigError: settings have the wrong type or range, or do not go together.
      UnknownNameError: a dataset is unknown.
    """
    with extras.needed_for("The page of results"):
        from flan_tasks.jobs.results import results as job

    if out is not None:
        settings["out"] = out
    first: Any = folders
    if len(folders) == 1 and isinstance(folders[0], ResultsSpec):
        first = folders[0]
    else:
        first = [os.fspath(Arguments("results").path("folders", one)) for one in folders]
    return job(spec_of(ResultsSpec, first, settings, lead="folders"))


def infer(
    prompts: Sequence[str] | os.PathLike[str] | InferSpec,
    *,
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> list[str] | int:
    """Answers prompts by a model; what `flan infer` does.

    Args:
      prompts: texts, whose answers are returned; or a file of prompts, whose answers are written
        to `out`; or a whole `InferSpec`.
      model: a MODEL_DIR or checkpoint of `flan train`, or a Hugging Face directory.
      out: for a file of prompts: the JSON lines to write.
      progress: told how many prompts are answered, of how many; None is quiet.
      **settings: the other fields of `InferSpec`, such as `decoding=ft.Decoding(beams=2)`.

    Returns:
      The answers in the order of the texts; of a file, how many were written.

    Raises:
      UnknownNameError: a setting is none.
      ConfigError: settings have the wrong type or range.
      EvaluationError: the file cannot be read, or a line has no prompt.
      ModelError: the model cannot be opened.
    """
    with extras.needed_for("An answer"):
        from flan_tasks.jobs import models as job

    if isinstance(prompts, InferSpec):
        if model is not None or out is not None:
            raise DeclarationError("an InferSpec says model and out itself")
        return job.infer(
            spec_of(InferSpec, prompts, settings, lead="input_path"), progress=progress
        )
    if model is None:
        raise DeclarationError("give model=, or a whole InferSpec")
    settings["checkpoint_path"] = os.fspath(model)
    if not isinstance(prompts, os.PathLike):
        if isinstance(prompts, str):
            raise DeclarationError("prompts is one text; give a list of them, or a Path of a file")
        texts = Arguments("infer").names("prompts", prompts, want="a list of texts")
        settings["output_path"] = ""
        spec = spec_of(InferSpec, "", settings, lead="input_path")
        return job.answers(spec, texts, progress=progress)
    if out is None:
        raise DeclarationError("give out=, the file that the answers of a file go to")
    settings["output_path"] = os.fspath(out)
    return job.infer(spec_of(InferSpec, prompts, settings, lead="input_path"), progress=progress)


def export(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    vocab: str | os.PathLike[str] | None = None,
    dtype: str = "float32",
) -> Path:
    """Writes a trained model as a directory that `transformers` loads, as `flan export` does.

    Args:
      model: a MODEL_DIR or checkpoint of `flan train`.
      out: a new or empty directory.
      vocab: bytes, t5 or a file; None is the model's own.
      dtype: what weights are stored in: float32 or bfloat16.

    Raises:
      ModelError: the model cannot be opened, transformers has none such, or the directory is not
        empty.
    """
    given = Arguments("export")
    place, folder = given.path("model", model), given.path("out", out)
    name = os.fspath(vocab) if vocab is not None else None
    with extras.needed_for("An export"):
        from flan_tasks.jobs.models import export as job

    return job(place, folder, vocab=name, dtype=dtype)
