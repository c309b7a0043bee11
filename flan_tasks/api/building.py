"""Builds from Python: made, compared with what they should be, shown and opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.arguments import Arguments
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.spec import spec_of
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec, build_spec_of
from flan_tasks.specs.report_spec import ReportSpec
from flan_tasks.specs.runner_spec import LOCAL, RunnerSpec

if TYPE_CHECKING:
    from flan_tasks.engine.run_local import Status as BuildStatus
    from flan_tasks.jobs.build import BuildResult
    from flan_tasks.jobs.shares import MixtureShares
    from flan_tasks.jobs.verify import Verified
    from flan_tasks.reader import Reader
    from flan_tasks.reports.compare import Difference


def build(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    runner: str = LOCAL,
    scheduler: str | None = None,
    beam_args: str | None = None,
    worker_timeout: float | None = None,
    progress: Callable[[BuildStatus], None] | None = None,
    **settings: Any,
) -> BuildResult:
    """Builds a mixture into a directory of files; what `flan build` does, with the same bytes.

    An interrupted build goes on where it stopped, when it is asked for again.

    Args:
      mixture: a mixture, cluster or dataset by name, a TOML file, a `Mixture`; or a whole
        `BuildSpec`.
      out: a new or empty directory, or an unfinished build of the same; or the address of one, such
        as `s3://bucket/folder`.
      workers: local processes, which read rows and build shards.
      runner: who does that: "local" processes, "beam", or "dask" with a scheduler.
      scheduler: the address of Dask's, or the file that it wrote.
      beam_args: pipeline options for Beam, as words of a command line.
      worker_timeout: seconds that a scheduler and its first worker are waited for.
      progress: told how far the build is, several times a second; None is quiet.
      **settings: the fields of `BuildSpec`, such as `format="arrays"` or `seed=1`; source and
        data_dir are by default what `configure` or the environment say.

    Raises:
      UnknownNameError: a name is unknown, that of a setting among them.
      ConfigError: settings have the wrong type or range, or do not go together.
      SourceUnavailableError: rows of some datasets are not available.
      BuildError: the directory holds something else, or cannot be written.
    """
    folder = Arguments("build").place("out", out)
    Arguments("build").count("workers", workers)
    with extras.needed_for("A build"):
        from flan_tasks.engine.runners import runner_of
        from flan_tasks.jobs import build as job

    how = RunnerSpec(
        workers=workers,
        runner=runner,  # type: ignore[arg-type]  # it says itself which there are
        scheduler=scheduler,
        beam_args=beam_args,
        worker_timeout=worker_timeout,
    )
    spec = build_spec_of(mixture, settings)
    return job.build(spec, folder, runner=runner_of(how), progress=progress)


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

    Args:
      folder: the build, or its address.

    Raises:
      BuildError: they differ; it names the first file, and what is wrong with it.
    """
    place = Arguments("verify").place("folder", folder)
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


def open_build(
    folder: str | os.PathLike[str],
    *,
    vocab: str | os.PathLike[str] | None = None,
    check: str = "use",
) -> Reader:
    """Opens a build of format `arrays` for reading; public as `flan_tasks.open`.

    Args:
      folder: the build directory, or its address, such as `s3://bucket/folder`.
      vocab: for texts, where the build's vocabulary is neither bytes nor t5: its file.
      check: when files are compared with the hashes in the manifest: "use", each when it is first
        used; "open", all of them now; "never", for storage that sees to it itself.

    Raises:
      DeclarationError: `check` is none of these.
      BuildError: the directory is none, unfinished, damaged, or of another format.
      VocabularyError: the vocabulary cannot be read, or is not the one of the build.
    """
    with extras.needed_for("Reading a build"):
        from flan_tasks.engine.local_copy import manifest_at
        from flan_tasks.reader import Reader
        from flan_tasks.vocabulary import open_recorded

    place, vocabulary = Arguments("open").place("folder", folder), None
    if vocab is not None:
        recorded = manifest_at(place).get("vocabulary")
        vocabulary = open_recorded(os.fspath(vocab), recorded)
    return Reader(place, vocabulary=vocabulary, check=check)


def _mixture_of(item: str | os.PathLike[str] | Mixture) -> Mixture:
    if isinstance(item, Mixture):
        return item
    if not isinstance(item, str | os.PathLike):
        want = "a mixture, by name, as a TOML file or declared"
        raise Arguments("shares").refuse("mixture", item, want)
    name = os.fspath(item)
    return read_mixture(Path(name)) if name.endswith(".toml") else catalog().mixture(name)
