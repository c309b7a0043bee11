"""Building a mixture: what is going to be built, and its files."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import notebook
from flan_tasks.core.configuration import resolve
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import UnknownNameError, VocabularyError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import AUTO, BuildSpec

if TYPE_CHECKING:
    from flan_tasks.engine.run_local import Status
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.engine.work import MapShards
    from flan_tasks.packing.length_choices import LengthChoice
    from flan_tasks.plan.plan import Plan
    from flan_tasks.plan.prepare import Prepared
    from flan_tasks.vocabulary import Vocabulary


@dataclass(frozen=True)
class PlannedBuild:
    """A build before its first file: what is in it is known, and nothing is written."""

    spec: BuildSpec
    """What was asked for."""
    prepared: "Prepared"
    """The mixture with its examples."""
    plan: "Plan"
    """Its rows."""
    settings: "BuildSettings"
    """How they are going to be written."""
    refused: tuple[Dataset, ...] = ()
    """Datasets left out by their licence."""
    length_choices: tuple["LengthChoice", ...] = ()
    """Lengths that were compared, where they are proposed from the data."""

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        """One entry a task: its rate and share, and how many examples are available, requested,
        repeated and never seen."""
        from flan_tasks.engine.manifest import task_table

        return task_table(self.prepared, self.plan)

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
        out: str | os.PathLike,
        *,
        workers: int = 1,
        map_shards: "MapShards | None" = None,
        progress: "Callable[[Status], None] | None" = None,
    ) -> "BuildResult":
        """Writes the files; an interrupted build of the same goes on where it stopped.

        Args:
          out: a new or empty directory, or an unfinished build of the same.
          workers: local processes, each at a shard of its own.
          map_shards: another way to build the shards, such as `engine.run_beam.Beam`.
          progress: told how far the build is, several times a second.

        Raises:
          BuildError: the directory holds something else, or cannot be written.
        """
        from flan_tasks.engine.run_local import build as write_build
        from flan_tasks.reports.make import reporter

        built = write_build(
            self.prepared,
            self.plan,
            self.settings,
            Path(out),
            spec=self.spec,
            workers=workers,
            map_shards=map_shards,
            report=reporter(self.plan, self.settings.vocabulary) if self.spec.report else None,
            watch=progress,
        )
        return BuildResult(
            folder=Path(out),
            manifest=built.manifest,
            was_there=built.was_there,
            kept=built.kept,
            seconds=built.seconds,
        )


@dataclass(frozen=True)
class BuildResult:
    """What a build gave."""

    folder: Path
    """The directory."""
    manifest: Mapping[str, Any]
    """Its manifest, as written."""
    was_there: bool
    """Whether the build was there already, complete, and nothing was written."""
    kept: int = 0
    """Shards that an earlier, interrupted run had finished."""
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
        for task in self.tasks:
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
        title = f"{self.folder}: {self.examples:,} examples, {self.rows:,} rows"
        return notebook.page(title, notebook.table(("cluster", "task", "share", "examples"), rows))


def build(
    spec: BuildSpec,
    out: str | os.PathLike,
    *,
    workers: int = 1,
    map_shards: "MapShards | None" = None,
    progress: "Callable[[Status], None] | None" = None,
    reading: Callable[[str], None] | None = None,
) -> BuildResult:
    """Builds a mixture into a directory of shards; see `PlannedBuild.write` and `plan_build`."""
    planned = plan_build(spec, reading=reading)
    return planned.write(out, workers=workers, map_shards=map_shards, progress=progress)


def plan_build(
    spec: BuildSpec,
    *,
    reading: Callable[[str], None] | None = None,
    opened: "Callable[[Vocabulary], None] | None" = None,
) -> PlannedBuild:
    """Reads the examples of a mixture, or finds them in the store, and plans its rows.

    Args:
      spec: what is asked for.
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
    from flan_tasks.engine.run_local import check_settings
    from flan_tasks.engine.writers import WRITERS
    from flan_tasks.plan.plan import make_plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.store.store import Store, default_store

    for name in spec.modules:
        import_module(name, "modules")
    declared, refused = declared_mixture(spec)
    spec = _said_once(spec)
    settings = _settings(spec)
    if settings.vocabulary and opened:
        opened(settings.vocabulary)
    check_settings(settings)
    if spec.lengths == AUTO and settings.vocabulary is None:
        raise ConfigError("BuildSpec", [("lengths", "auto counts tokens; give a vocabulary")])
    prepared = prepare(
        declared,
        catalog(),
        source=SourceChoice(spec.source, Path(spec.data_dir) if spec.data_dir else None),
        split=spec.split,
        store=Store(Path(spec.store) if spec.store else default_store()),
        allow_missing=spec.allow_missing,
        variation=spec.variation,
        drop_against=spec.drop_contaminated,
        progress=reading,
    )
    plan = make_plan(
        prepared,
        seed=spec.seed,
        num_examples=spec.examples,
        grouped=WRITERS[spec.format].grouped,
    )
    choices: tuple[LengthChoice, ...] = ()
    if spec.lengths == AUTO:
        from flan_tasks.packing.length_choices import length_choices, proposed

        assert settings.vocabulary is not None
        choices = tuple(length_choices(plan, settings.vocabulary, arch=settings.arch))
        settings = replace(settings, lengths=dict(proposed(choices).lengths))
    return PlannedBuild(spec, prepared, plan, settings, refused, choices)


def declared_mixture(spec: BuildSpec) -> tuple[Mixture, tuple[Dataset, ...]]:
    """Returns the mixture that is meant, and the datasets left out of it by their licence.

    Raises:
      UnknownNameError: it names something unknown.
    """
    mixture = spec.mixture
    if isinstance(mixture, str):
        is_file = mixture.endswith(".toml")
        mixture = read_mixture(Path(mixture)) if is_file else catalog().mixture(mixture)
    names = (*mixture.include, *mixture.exclude, *mixture.hold_out, *mixture.rates)
    try:
        catalog().expand(names)
    except UnknownNameError as error:
        raise UnknownNameError(f"{spec.name}: {error}") from error
    if spec.drop_overlaps:
        mixture = replace(mixture, drop_overlaps=True)
    refused = catalog().refused_licenses(mixture, allow=spec.license_allow, deny=spec.license_deny)
    left = replace(mixture, exclude=(*mixture.exclude, *(one.name for one in refused)))
    return left, tuple(refused)


def _said_once(spec: BuildSpec) -> BuildSpec:
    """Returns what was asked for in the one way to say it, so that its record is the same.

    Raises:
      ConfigError: a declared mixture has the name of another that is known.
    """
    if spec.drop_overlaps:
        mixture, _ = declared_mixture(replace(spec, drop_overlaps=False))
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
    from flan_tasks.raw_rows import open_source
    from flan_tasks.store.store import Store, default_store

    mixture, _ = declared_mixture(spec)
    store = Store(Path(spec.store) if spec.store else default_store())
    lines: list[str] = []
    explained: set[str] = set()
    for dataset in catalog().members(mixture):
        if spec.split not in dataset.splits.names or dataset.family in explained:
            continue
        # All members of a family are in one file.
        explained |= {dataset.family} - {""}
        try:
            rows = open_source(
                dataset,
                kind=spec.source,
                data_dir=Path(spec.data_dir) if spec.data_dir else None,
                samples=catalog().samples(dataset.name),
            )
            limit = mixture.limit if spec.split == "train" else None
            lines += store.explain(dataset, rows, spec.split, limit=limit)
        except SourceUnavailableError:
            continue
    return lines


def _settings(spec: BuildSpec) -> "BuildSettings":
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.engine.writers import WRITERS

    writer = WRITERS[spec.format]
    return BuildSettings(
        format=spec.format,
        split=spec.split,
        style=spec.style,
        lengths=spec.whole_lengths,
        vocabulary=_vocabulary(spec, needs_ids=writer.needs_vocabulary),
        num_shards=spec.shards,
        arch=spec.arch,
        # SeqIO trims what it reads of a cache, to lengths of its own unless some are named here.
        fit=True if writer.fits_if_asked and spec.lengths is not None else None,
    )


def _vocabulary(spec: BuildSpec, *, needs_ids: bool) -> "Vocabulary | None":
    from flan_tasks.vocabulary import named_with, open_vocabulary

    # Exemplars are fitted to a number of tokens.
    default = resolve().vocab if needs_ids or spec.shots else None
    name = spec.vocab or default
    if name is None:
        for field in ("eos", "control_tokens"):
            if getattr(spec, field) is not None:
                raise ConfigError("BuildSpec", [(field, "is of a vocabulary; give one")])
        return None
    try:
        return open_vocabulary(named_with(name, eos=spec.eos, control_tokens=spec.control_tokens))
    except VocabularyError as error:
        if not needs_ids and spec.vocab is None:
            error.add_note(
                "--shots fits exemplars into the inputs' length in tokens, so text formats need a "
                "vocabulary with it; --vocab bytes needs no file"
            )
        raise
