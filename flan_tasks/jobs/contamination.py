"""Whether examples of a build occur in evaluation sets."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError, UnknownNameError
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.matches import Checker, Finding, evaluation_side
from flan_tasks.engine.asked_for import modules_of, source_of
from flan_tasks.engine.directory import read_manifest
from flan_tasks.engine.reopen import drawn, reopen
from flan_tasks.plan.prepare import SourceChoice, evaluation_parts
from flan_tasks.raw_rows import State, open_source
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.store.store import Store, default_store


@dataclass(frozen=True)
class Contamination:
    """What a build shares with evaluation sets."""

    folder: Path
    """The build."""
    against: tuple[str, ...]
    """What it was compared with, by the names that were given."""
    examples: int
    """Training examples that were compared."""
    evaluation_examples: int
    """Evaluation examples that were compared."""
    compared: tuple[tuple[str, str], ...]
    """(dataset, split) of each evaluation set."""
    findings: tuple[Finding, ...]
    """Pairs of a training and an evaluation set that share something."""

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return {
            "examples": self.examples,
            "evaluation_examples": self.evaluation_examples,
            "compared": [{"name": name, "split": split} for name, split in self.compared],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def _repr_html_(self) -> str:
        header = ("train", "evaluation", "split", "examples", "of", "kinds", "why")
        rows = [
            [
                one.dataset,
                one.evaluation,
                one.split,
                f"{one.examples:,}",
                f"{one.compared:,}",
                ", ".join(f"{count:,} {kind}" for kind, count in one.kinds.items()),
                one.explanation,
            ]
            for one in self.findings
        ]
        about = (
            f"{self.examples:,} training examples compared with {self.evaluation_examples:,} of "
            f"{len(self.compared)} evaluation sets; {len(self.findings)} pairs share something"
        )
        return notebook.page(str(self.folder), notebook.text(about), notebook.table(header, rows))


def contamination(
    folder: Path,
    against: Sequence[str],
    *,
    source: str | None = None,
    data_dir: Path | None = None,
    allow_missing: bool = False,
    store: Path | None = None,
    show: int = 2,
    modules: Sequence[str] = (),
    before: Callable[[Sequence[Dataset], str], None] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Contamination:
    """Compares the examples of a build with evaluation sets.

    Args:
      folder: the build.
      against: datasets, clusters or mixtures, whose held-out side is meant.
      source: kind of source; None is where the build's rows came from, as far as nothing must be
        downloaded.
      data_dir: a prepared TFDS tree, or a folder of files.
      allow_missing: compare with the sets that are available.
      store: where examples are kept; None is the usual place.
      show: matches quoted for each pair of datasets.
      modules: those of the user's that are imported.
      before: told which datasets are read from which kind of source, before any is.
      progress: told what is being done.

    Raises:
      UnknownNameError: a name is none, or the build has a dataset that is not known.
      BuildError: the folder is no build, or its rows are not those it was made of.
      SourceUnavailableError: rows are not available.
    """
    manifest = read_manifest(folder)
    built = _built(folder, manifest, modules)
    compared = [dataset for name in against for dataset in evaluation_side(catalog(), name)]
    choice = SourceChoice(source or source_of(manifest), data_dir)
    if source is None:
        _check_available([*built, *(() if allow_missing else compared)], choice)
    if before:
        before([*built, *compared], choice.kind)
    examples = Store(store or default_store())
    prepared, plan = reopen(manifest, catalog(), source=choice, store=examples, progress=progress)
    parts = evaluation_parts(
        tuple(against),
        catalog(),
        source=choice,
        store=examples,
        allow_missing=allow_missing,
        progress=progress,
    )
    if progress:
        progress("comparing")
    checker = Checker(catalog(), parts)
    train = drawn(prepared, plan, left_out=manifest.get("left_out", ()))
    return Contamination(
        folder=folder,
        against=tuple(against),
        examples=sum(len(part.chosen) for part in train),
        evaluation_examples=sum(len(part.chosen) for part in parts),
        compared=tuple((part.dataset.name, part.split) for part in parts),
        findings=tuple(one for part in train for one in checker.findings(part, show=show)),
    )


def _built(
    folder: Path, manifest: Mapping[str, Any], imported: Sequence[str]
) -> tuple[Dataset, ...]:
    """Returns the datasets of a build.

    Raises:
      UnknownNameError: one is not known; where it is of a module, with its name.
    """
    try:
        return catalog().expand(task["name"] for task in manifest["tasks"])
    except UnknownNameError as error:
        modules = [name for name in modules_of(manifest) if name not in imported]
        if not modules:
            raise
        words = " ".join(f"--module {shlex.quote(name)}" for name in modules)
        raise UnknownNameError(f"{folder} was built with {words}; give it here as well") from error


def _check_available(datasets: Sequence[Dataset], choice: SourceChoice) -> None:
    """Checks that nothing is downloaded that nobody asked for.

    Raises:
      SourceUnavailableError: rows are not available.
    """
    problems: list[tuple[str, str]] = []
    opened: dict[str, FamilySource] = {}
    for name, dataset in {dataset.name: dataset for dataset in datasets}.items():
        try:
            source = open_source(
                dataset,
                kind=choice.kind,
                data_dir=choice.data_dir,
                samples=catalog().samples(name),
                opened=opened,
            )
            status = source.status()
        except SourceUnavailableError as error:
            problems.append((name, error.reason))
            continue
        if status.state is not State.AVAILABLE:
            problems.append((name, f"{status.state}: {status.detail}"))
    if problems:
        lines = "\n".join(f"  {name}: {reason}" for name, reason in problems)
        raise SourceUnavailableError(
            f"the build's rows came from --source {choice.kind}, where these are not available:\n"
            f"{lines}\nGive --data-dir DIR where they lie prepared, as for the build; or --source "
            f"{choice.kind} to fetch them.",
            problems=problems,
        )
