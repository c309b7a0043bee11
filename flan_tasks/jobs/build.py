"""Building a mixture: what is going to be built, and its files."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import notebook
from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.counting import counted
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.engine.from_spec import Planned, declared_mixture, plan_spec, store_of
from flan_tasks.engine.one_a_part import one_a_part
from flan_tasks.specs.build_spec import BuildSpec

if TYPE_CHECKING:
    from flan_tasks.engine.run_local import Status
    from flan_tasks.engine.runner import Runner
    from flan_tasks.vocabulary import Vocabulary


@dataclass(frozen=True)
class PlannedBuild(Planned):
    """A build before its first file: what is in it is known, and nothing is written."""

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        """One entry a task: its rate and share, and how many examples are available, requested,
        repeated and never seen."""
        from flan_tasks.engine.manifest import task_table

        return task_table(self.prepared, self.plan)

    @cached_property
    def parts(self) -> list[dict[str, Any]]:
        """One entry a part: its weight and share, what is requested, and how often that repeats
        what is available; none where there are no parts."""
        from flan_tasks.engine.part_table import part_table

        return part_table(self.prepared, self.plan)

    @property
    def examples(self) -> int:
        """Rows of the plan."""
        return len(self.plan)

    @property
    def missing(self) -> Mapping[str, str]:
        """Dataset -> why its rows are not available."""
        return self.prepared.missing

    @property
    def overlaps(self) -> dict[str, tuple[str, ...]]:
        """Dataset trained on -> held-out datasets that share text with it by declaration."""
        if self.prepared.split != "train":
            return {}
        trained = {item.dataset.name for item in self.prepared.ingredients}
        pairs = catalog().overlapping(self.prepared.mixture).items()
        return {name: tuple(others) for name, others in pairs if name in trained}

    @property
    def notes(self) -> list[str]:
        """Where a source has other numbers of rows than was declared."""
        from flan_tasks.engine.manifest import size_notes

        # Embedded rows are a dozen or two of each dataset, and are meant to be.
        return [] if self.spec.source == "samples" else size_notes(self.prepared)

    def write(
        self,
        out: str | os.PathLike | Address,
        *,
        workers: int = 1,
        runner: "Runner | None" = None,
        progress: "Callable[[Status], None] | None" = None,
    ) -> "BuildResult":
        """Writes the files; an interrupted build of the same goes on where it stopped.

        Args:
          out: a new or empty directory, or an unfinished build of the same; or the address of
            one, such as `s3://bucket/folder`.
          workers: local processes, each at a shard of its own.
          runner: who builds the shards, where these are not meant: a cluster.
          progress: told how far the build is, several times a second.

        Raises:
          BuildError: the directory holds something else, or cannot be written.
        """
        from flan_tasks.engine.run_local import build as write_build
        from flan_tasks.reports.make import reporter

        where = path_or_address(out)
        built = write_build(
            self.prepared,
            self.plan,
            self.settings,
            where,
            spec=self.spec,
            workers=workers,
            runner=runner,
            report=reporter(self.plan, self.settings.vocabulary) if self.spec.report else None,
            watch=progress,
            earlier=self.earlier,
        )
        return BuildResult(
            folder=where,
            manifest=built.manifest,
            was_there=built.was_there,
            kept=built.kept,
            taken_over=built.taken_over,
            not_taken=built.not_taken,
            seconds=built.seconds,
        )


@dataclass(frozen=True)
class BuildResult:
    """What a build gave."""

    folder: Path | Address
    """The directory, or its address."""
    manifest: Mapping[str, Any]
    """Its manifest, as written."""
    was_there: bool
    """Whether the build was there already, complete, and nothing was written."""
    kept: int = 0
    """Shards that an earlier, interrupted run had finished."""
    taken_over: int = 0
    """Shards of the build that it grew from, taken over as they are."""
    not_taken: Mapping[str, str] = field(default_factory=dict)
    """Of seqio-cache, task -> why shards of it are not those of that build."""
    seconds: float = 0.0
    """Seconds that the shards of this run took."""

    @property
    def examples(self) -> int:
        """Examples in the files."""
        return self.manifest["examples"]

    @property
    def rows(self) -> int:
        """Rows in the files: examples, or packed rows."""
        return self.manifest["rows"]

    @property
    def tasks(self) -> Sequence[Mapping[str, Any]]:
        """One entry a task: rate, share, what was requested, realized, repeated, skipped."""
        return self.manifest["tasks"]

    @property
    def tokens(self) -> Mapping[str, int] | None:
        """Part -> its tokens; None where there is no vocabulary."""
        return self.manifest.get("tokens")

    @property
    def skipped(self) -> dict[str, int]:
        """Reason -> rows that gave no example."""
        counts: dict[str, int] = {}
        for task in one_a_part(self.tasks):
            for reason, count in task["skipped"].items():
                counts[reason] = counts.get(reason, 0) + count
        return counts

    @property
    def missing(self) -> Mapping[str, str]:
        """Dataset -> why its rows were not available."""
        return self.manifest["missing"]

    @property
    def warnings(self) -> Sequence[str]:
        """What whoever builds it should look at."""
        return self.manifest.get("warnings", ())

    @property
    def command(self) -> str:
        """The command that makes the same bytes.

        Of a mixture declared in Python it names a file, whose content the manifest has; datasets
        that were added need the `modules` that add them.
        """
        return self.manifest["command"]

    def _repr_html_(self) -> str:
        rows = [
            [task["cluster"], task["name"], f"{task['share']:.2%}", f"{task['realized']:,}"]
            for task in self.tasks
        ]
        title = f"{self.folder}: {counted(self.examples, 'example')}, {counted(self.rows, 'row')}"
        return notebook.page(title, notebook.table(("cluster", "task", "share", "examples"), rows))


def build(
    spec: BuildSpec,
    out: str | os.PathLike | Address,
    *,
    workers: int = 1,
    runner: "Runner | None" = None,
    progress: "Callable[[Status], None] | None" = None,
    reading: Callable[[str], None] | None = None,
) -> BuildResult:
    """Builds a mixture into a directory of shards; see `PlannedBuild.write` and `plan_build`."""
    check_out(out)
    planned = plan_build(spec, workers=workers, runner=runner, reading=reading)
    return planned.write(out, workers=workers, runner=runner, progress=progress)


def check_out(out: str | os.PathLike | Address) -> None:
    """Looks whether a place can be built at, before anything is read for it.

    What stands there is compared later, when it is known what is to be built.

    Raises:
      DeclarationError: it is an address that holds credentials.
      BuildError: no library for such addresses is installed, two builds could not be kept apart
        there, or it cannot be read.
    """
    where = path_or_address(out)
    if isinstance(where, Address):
        from flan_tasks.storage.storage import Storage

        storage = Storage(where)
        storage.check_creates()
        storage.names()


def plan_build(
    spec: BuildSpec,
    *,
    workers: int = 1,
    runner: "Runner | None" = None,
    reading: Callable[[str], None] | None = None,
    opened: "Callable[[Vocabulary], None] | None" = None,
) -> PlannedBuild:
    """Reads the examples of a mixture, or finds them in the store, and plans its rows.

    Args:
      spec: what is asked for.
      workers: local processes that read rows which the store does not have.
      runner: who reads them, where these are not meant.
      reading: told what is being fetched or read.
      opened: told which vocabulary it is, as soon as that is known.

    Raises:
      UnknownNameError: a dataset, cluster, mixture or template is none.
      ConfigError: settings do not go together.
      DeclarationError: nor do they with what is installed, or no dataset has that split.
      VocabularyError: the vocabulary cannot be read.
      SourceUnavailableError: rows of some datasets are not available.
      RowError: rows break their schema.
    """
    for name in spec.modules:
        import_module(name, "modules")
    spec = _said_once(spec)
    planned = plan_spec(
        spec, catalog(), workers=workers, runner=runner, progress=reading, opened=opened
    )
    return PlannedBuild(**vars(planned))


def _said_once(spec: BuildSpec) -> BuildSpec:
    """Returns what was asked for in the one way to say it, so that its record is the same.

    Raises:
      ConfigError: a declared mixture has the name of another that is known.
    """
    if spec.drop_overlaps:
        mixture, _ = declared_mixture(replace(spec, drop_overlaps=False), catalog())
        spec = replace(spec, drop_overlaps=not mixture.drop_overlaps)
    if not isinstance(spec.mixture, Mixture):
        return spec
    name = spec.mixture.name
    if catalog().knows(name):
        if catalog().mixture(name) != spec.mixture:
            what = f'has the name of another that is known, "{name}"; give it one of its own'
            raise ConfigError("BuildSpec", [("mixture", what)])
        spec = replace(spec, mixture=name)
    return spec


def explain_store(spec: BuildSpec) -> list[str]:
    """Says of each dataset whether its stored examples are found, or what changed since."""
    from flan_tasks.core.errors import SourceUnavailableError
    from flan_tasks.core.family import stored_as
    from flan_tasks.raw_rows import open_source

    mixture, _ = declared_mixture(spec, catalog())
    store = store_of(spec)
    lines: list[str] = []
    explained: set[str] = set()
    for dataset in catalog().members(mixture):
        if spec.split not in dataset.splits.names:
            continue
        # Many members of a family are in one file.
        if dataset.family and stored_as(dataset) in explained:
            continue
        explained |= {stored_as(dataset)} if dataset.family else set()
        try:
            rows = open_source(
                dataset,
                kind=spec.source,
                data_dir=spec.place,
                samples=catalog().samples(dataset.name),
            )
            limit = mixture.limit if spec.split == "train" else None
            lines += store.explain(dataset, rows, spec.split, limit=limit)
        except SourceUnavailableError:
            continue
    return lines
