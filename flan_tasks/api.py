"""What users call from Python; everything heavy is imported when it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flan_tasks.core import extras
from flan_tasks.core.arguments import Arguments
from flan_tasks.core.configuration import resolve
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.core.spec import spec_of
from flan_tasks.core.template import TemplateSet
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec, build_spec_of
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.specs.eval_config import EvalSpec, InferSpec
from flan_tasks.specs.report_spec import ReportSpec

if TYPE_CHECKING:
    from flan_tasks.engine.run_local import Status as BuildStatus
    from flan_tasks.jobs.build import BuildResult
    from flan_tasks.jobs.contamination import Contamination
    from flan_tasks.jobs.evaluate import EvalResult
    from flan_tasks.jobs.lint import LintResult
    from flan_tasks.jobs.shares import MixtureShares
    from flan_tasks.jobs.show import ShownPrompts
    from flan_tasks.jobs.sources import SourceStates
    from flan_tasks.jobs.verify import Verified
    from flan_tasks.reader import Reader
    from flan_tasks.reports.compare import Difference
    from flan_tasks.trainer.train import Result as TrainResult

OWN_CLUSTER = "own"
A = TypeVar("A", bound=Dataset | Family | Mixture)


def templates(name: str) -> TemplateSet:
    """Returns the templates of a dataset.

    Raises:
      UnknownNameError: there is no such dataset.
      TemplateError: its template file is malformed.
    """
    if not isinstance(name, str):
        raise Arguments("templates").refuse("name", name, "the name of a dataset")
    return catalog().templates(name)


def add(
    item: A,
    *,
    templates: str | Path | None = None,
    cluster: str = OWN_CLUSTER,
    samples: str | Path | None = None,
) -> A:
    """Adds a dataset, family or mixture of yours, so that every command and SeqIO know it by name.

    Its templates are linted when they are used by `flan lint`, and read here, so that a malformed
    file is known at once.

    Args:
      item: the declaration.
      templates: for a dataset or family, its template file.
      cluster: for a dataset, the ability it tests; an existing cluster or one of your own. Members
        of a family have theirs in its index.
      samples: for a dataset, a JSONL file of embedded rows, `{"split": ..., "row": {...}}` a line;
        for a family, with the task of each, `{"task": ..., "split": ..., "row": {...}}`.

    Raises:
      DeclarationError: the name is taken, or a dataset or family comes without templates.
      TemplateError: the template file is malformed.
    """
    if not isinstance(item, Dataset | Family | Mixture):
        want = "a Dataset, a Family or a Mixture"
        raise Arguments("add").refuse("item", item, want)
    if isinstance(item, Mixture):
        if templates is not None or samples is not None:
            raise DeclarationError(
                f'mixture "{item.name}": templates and samples belong to datasets'
            )
        added: Dataset | Family | Mixture = catalog().add_mixture(item)
    else:
        kind = "family" if isinstance(item, Family) else "dataset"
        if templates is None:
            raise DeclarationError(f'{kind} "{item.name}": give templates=, its template file')
        # Before adding: one that fails can be added again.
        catalog().read_templates(Path(templates), shown=str(templates))
        place = Path(samples) if samples is not None else None
        if isinstance(item, Family):
            if cluster != OWN_CLUSTER:
                raise DeclarationError(
                    f'family "{item.name}": clusters are those of its members, in its index'
                )
            added = catalog().add_family(
                item, templates=Path(templates), samples=place, shown=str(templates), own=True
            )
        else:
            added = catalog().add(
                item,
                cluster=cluster,
                templates=Path(templates),
                samples=place,
                shown=str(templates),
                own=True,
            )
    _register_late(added)
    return cast(A, added)


def build(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    progress: Callable[[BuildStatus], None] | None = None,
    **settings: Any,
) -> BuildResult:
    """Builds a mixture into a directory of files; what `flan build` does, with the same bytes.

    An interrupted build goes on where it stopped, when it is asked for again.

    Args:
      mixture: a mixture, cluster or dataset by name, a TOML file, a `Mixture`; or a whole
        `BuildSpec`.
      out: a new or empty directory, or an unfinished build of the same.
      workers: local processes, each at a shard of its own.
      progress: told how far the build is, several times a second; None is quiet.
      **settings: the fields of `BuildSpec`, such as `format="arrays"` or `seed=1`; source and
        data_dir are by default what `configure` or the environment say.

    Raises:
      UnknownNameError: a name is unknown, that of a setting among them.
      ConfigError: settings have the wrong type or range, or do not go together.
      SourceUnavailableError: rows of some datasets are not available.
      BuildError: the directory holds something else, or cannot be written.
    """
    folder = Arguments("build").path("out", out)
    Arguments("build").count("workers", workers)
    with extras.needed_for("A build"):
        from flan_tasks.jobs import build as job

    spec = build_spec_of(mixture, settings)
    return job.build(spec, folder, workers=workers, progress=progress)


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
    """Writes a trained T5 as a directory that `transformers` loads; what `flan export` does.

    Args:
      model: a MODEL_DIR or checkpoint of `flan train`.
      out: a new or empty directory.
      vocab: bytes, t5 or a file; None is the model's own.
      dtype: what weights are stored in: float32 or bfloat16.

    Raises:
      ModelError: the model cannot be opened or is no T5, or the directory is not empty.
    """
    given = Arguments("export")
    place, folder = given.path("model", model), given.path("out", out)
    name = os.fspath(vocab) if vocab is not None else None
    with extras.needed_for("An export"):
        from flan_tasks.jobs.models import export as job

    return job(place, folder, vocab=name, dtype=dtype)


def shares(mixture: str | os.PathLike[str] | Mixture) -> MixtureShares:
    """Returns the rate and share of each dataset of a mixture, from declared sizes.

    No row is read; what a build has differs where a source has other numbers of rows.

    Raises:
      UnknownNameError: it names something unknown.
    """
    from flan_tasks.jobs.shares import shares as shares_of

    return shares_of(_mixture_of(mixture))


def verify(folder: str | os.PathLike[str]) -> Verified:
    """Compares every file, hash and count of a build with its manifest; `flan verify`.

    Raises:
      BuildError: they differ; it names the first file, and what is wrong with it.
    """
    place = Arguments("verify").path("folder", folder)
    with extras.needed_for("Verifying a build"):
        from flan_tasks.jobs.verify import verify as verified

    return verified(place)


def diff(a: str | os.PathLike[str] | Mixture, b: str | os.PathLike[str] | Mixture) -> Difference:
    """Says what differs between two builds, or two mixtures; `flan diff`.

    Args:
      a, b: directories of builds; or mixtures, each by name, as a TOML file or a `Mixture`.

    Raises:
      DeclarationError: one is a build and the other a mixture.
      BuildError: a directory is no build.
    """
    for name, item in (("a", a), ("b", b)):
        if not isinstance(item, Mixture):
            Arguments("diff").path(name, item)
    with extras.needed_for("Comparing"):
        from flan_tasks.jobs.diff import diff as difference

    return difference(a, b)


def report(
    folder: str | os.PathLike[str] | ReportSpec,
    out: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Path:
    """Writes the page that shows a build, with as many examples as are asked for; `flan report`.

    Args:
      folder: the build; or a whole `ReportSpec`.
      out: the file to write; by default the folder's name and -report.html, here.
      **settings: the other fields of `ReportSpec`, such as `examples=500`.

    Returns:
      The file.

    Raises:
      BuildError: the folder is no build.
      ConfigError: the file lies in it.
    """
    with extras.needed_for("A report"):
        from flan_tasks.jobs.report import report as write_report

    if out is not None:
        settings["out"] = out
    return write_report(spec_of(ReportSpec, folder, settings, lead="folder"))


def show(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec,
    number: int | None = 3,
    *,
    template: str | None = None,
    **settings: Any,
) -> ShownPrompts:
    """Returns prompts as a build draws them, which a notebook shows; `flan show`.

    They are the first rows of a build of the same settings.

    Args:
      mixture: a mixture, cluster or dataset by name, a TOML file, a `Mixture`; or a whole
        `BuildSpec`.
      number: how many; None is one for each template of one dataset.
      template: the one template of one dataset that is shown.
      **settings: the fields of `BuildSpec`, such as `seed=1` or `shots=2`; by default rows are the
        embedded ones, or those of the declared source where nothing must be downloaded for it, and
        the split is the first there is.

    Raises:
      UnknownNameError: a name is unknown, that of a setting among them.
      ConfigError: settings have the wrong type or range, or do not go together.
      SourceUnavailableError: rows are not available.
    """
    with extras.needed_for("Showing prompts"):
        from flan_tasks.jobs.show import shown_prompts
        from flan_tasks.vocabulary import asked_vocabulary, open_vocabulary

    if number is not None and (type(number) is not int or number < 1):
        raise DeclarationError(f"number {number!r}: wanted 1 or more, or None for each template")
    is_whole = isinstance(mixture, BuildSpec)
    spec = build_spec_of(mixture, settings)
    name = asked_vocabulary(spec)
    return shown_prompts(
        spec,
        number=number,
        template=template,
        vocabulary=open_vocabulary(name) if name is not None else None,
        fit=spec.lengths is not None,
        nearest=not is_whole and settings.get("source") is None,
        any_split=not is_whole and settings.get("split") is None,
    )


def lint(
    names: str | Sequence[str] = (),
    *,
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    most: int | None = 20_000,
    progress: Callable[[str], None] | None = None,
) -> LintResult:
    """Looks at templates alone, together, and filled with rows; `flan lint`.

    Args:
      names: datasets and clusters; none means all.
      source: kind of source that rows are read from; None is the embedded rows, and the files of
        datasets that declare files.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.
      most: rows of each split that are read from a source; None is all.
      progress: told what is being read; None is quiet.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster or kind of source.
      ConfigError: an argument has the wrong type or range.
    """
    given = Arguments("lint")
    chosen = given.names("names", names)
    place = given.data_dirs(data_dir, expand=catalog().expand)
    if most is not None:
        given.count("most", most)
    _check_source(source)
    with extras.needed_for("Reading rows"):
        from flan_tasks.jobs.lint import lint as job

    return job(chosen, source=source, data_dir=place, most=most, progress=progress)


def sources(
    names: str | Sequence[str] = (),
    *,
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
) -> SourceStates:
    """Says for datasets and clusters, or all, if rows are available; `flan sources`.

    Nothing is downloaded.

    Args:
      names: datasets and clusters; none means all.
      source: kind of source; None is what `configure` or the environment say, or declared.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster or kind of source.
      ConfigError: an argument has the wrong type.
    """
    given = Arguments("sources")
    asked = given.names("names", names)
    chosen = resolve(source=source, data_dir=given.data_dirs(data_dir, expand=catalog().expand))
    with extras.needed_for("Reading rows"):
        from flan_tasks.jobs.sources import sources as job

    return job(asked, source=chosen.source, data_dir=chosen.data_dir)


def contamination(
    folder: str | os.PathLike[str],
    against: str | Sequence[str],
    *,
    preset: str = PRESETS[0],
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    allow_missing: bool = False,
    store: str | os.PathLike[str] | None = None,
    show: int = 2,
    progress: Callable[[str], None] | None = None,
) -> Contamination:
    """Compares the examples of a build with evaluation sets; `flan contamination`.

    Args:
      folder: the build.
      against: datasets, clusters or mixtures, whose held-out side is meant; or files and folders:
        MMLU, BBH and MGSM as published, or tables of texts.
      preset: the rule: fields, gpt3 or tulu.
      source: kind of source; None is where the build's rows came from, as far as nothing must be
        downloaded.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.
      allow_missing: compare with the sets that are available.
      store: where examples are kept; None is the usual place.
      show: matches quoted for each pair of datasets.
      progress: told what is being done; None is quiet.

    Raises:
      UnknownNameError: a name is none, or the build has a dataset that is not known.
      ConfigError: an argument has the wrong type or range, or `against` is empty.
      BuildError: the folder is no build, or its rows are not those it was made of.
      SourceUnavailableError: rows are not available.
    """
    given = Arguments("contamination")
    place, asked = given.path("folder", folder), given.names("against", against, least=1)
    dirs = given.data_dirs(data_dir, expand=catalog().expand)
    given.count("show", show, least=0)
    if preset not in PRESETS:
        raise given.refuse("preset", preset, ", ".join(PRESETS))
    _check_source(source)
    with extras.needed_for("Comparing"):
        from flan_tasks.jobs.contamination import contamination as job

    return job(
        place,
        asked,
        preset=preset,
        source=source,
        data_dir=dirs,
        allow_missing=allow_missing,
        store=given.path("store", store) if store is not None else None,
        show=show,
        progress=progress,
    )


def open_build(
    folder: str | os.PathLike[str],
    *,
    vocab: str | os.PathLike[str] | None = None,
    check: str = "use",
) -> Reader:
    """Opens a build of format `arrays` for reading; public as `flan_tasks.open`.

    Args:
      folder: the build directory.
      vocab: for texts, where the build's vocabulary is neither bytes nor t5: its file.
      check: when files are compared with the hashes in the manifest: "use", each when it is first
        used; "open", all of them now; "never", for storage that sees to it itself.

    Raises:
      DeclarationError: `check` is none of these.
      BuildError: the directory is none, unfinished, damaged, or of another format.
      VocabularyError: the vocabulary cannot be read, or is not the one of the build.
    """
    with extras.needed_for("Reading a build"):
        from flan_tasks.engine.directory import read_manifest
        from flan_tasks.reader import Reader
        from flan_tasks.vocabulary import open_recorded

    place, vocabulary = Arguments("open").path("folder", folder), None
    if vocab is not None:
        recorded = read_manifest(place).get("vocabulary")
        vocabulary = open_recorded(os.fspath(vocab), recorded)
    return Reader(place, vocabulary=vocabulary, check=check)


def _register_late(item: Dataset | Family | Mixture) -> None:
    """Registers an addition with SeqIO where `flan_tasks.registration` is imported already."""
    import sys

    registration = sys.modules.get("flan_tasks.registration")
    if registration is not None:
        registration.register_item(item)


def _mixture_of(item: str | os.PathLike[str] | Mixture) -> Mixture:
    if isinstance(item, Mixture):
        return item
    if not isinstance(item, str | os.PathLike):
        want = "a mixture, by name, as a TOML file or declared"
        raise Arguments("shares").refuse("mixture", item, want)
    name = os.fspath(item)
    return read_mixture(Path(name)) if name.endswith(".toml") else catalog().mixture(name)


def _check_source(source: str | None) -> None:
    if source is not None and source not in SOURCE_KINDS:
        raise unknown_name("source", source, SOURCE_KINDS)
