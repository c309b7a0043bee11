"""Whether examples of a build occur in evaluation sets."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.address import Address
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError, UnknownNameError
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.compared import Compared, FileTexts
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.file_sets import file_sets, is_path
from flan_tasks.decontamination.matches import (
    Checker,
    Finding,
    SetCounts,
    evaluation_side,
    meaning,
)
from flan_tasks.engine.asked_for import modules_of, source_of
from flan_tasks.engine.directory import read_manifest
from flan_tasks.engine.one_a_part import bare_name
from flan_tasks.engine.reopen import drawn, reopen
from flan_tasks.jobs.asked_suites import asked_by
from flan_tasks.plan.prepare import SourceChoice, evaluation_parts
from flan_tasks.raw_rows import State
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.specs.contamination_presets import FIELDS
from flan_tasks.store.store import open_store
from flan_tasks.suites.declared import Suite
from flan_tasks.suites.library import is_suite
from flan_tasks.suites.tasks import suite_tasks


@dataclass(frozen=True)
class Contamination:
    """What a build shares with evaluation sets."""

    folder: Path
    """The build."""
    against: tuple[str, ...]
    """What it was compared with, by the names that were given."""
    preset: str
    """By which rule."""
    examples: int
    """Training examples that were compared."""
    evaluation_examples: int
    """Evaluation examples that were compared."""
    compared: tuple[tuple[str, str], ...]
    """(name, split) of each evaluation set; the split is empty where a file has none."""
    sets: tuple[SetCounts, ...]
    """What of each evaluation set is shared by any training example."""
    findings: tuple[Finding, ...]
    """Pairs of a training and an evaluation set that share something."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Evaluation sets, as "name (split)", that were not compared as their rows are not available
    -> why."""

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        values = {
            "against": self.against,
            "preset": self.preset,
            "examples": self.examples,
            "evaluation_examples": self.evaluation_examples,
            "compared": [{"name": name, "split": split} for name, split in self.compared],
            "missing": dict(self.missing),
            "sets": [asdict(one) | {"share": one.share} for one in self.sets],
            "findings": [asdict(finding) for finding in self.findings],
        }
        # Lists for tuples, as whoever reads the file has them.
        as_read: dict[str, Any] = json.loads(json.dumps(values))
        return as_read

    def to_html(self) -> str:
        """Returns a page of it, with both texts of each match that is shown."""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            "<title>Contamination</title></head>\n"
            f"<body>{self._repr_html_()}</body></html>\n"
        )

    def _repr_html_(self) -> str:
        about = (
            f"{counted(self.examples, 'training example')} compared with "
            f"{self.evaluation_examples:,} of {counted(len(self.compared), 'evaluation set')} by "
            f"the rule {self.preset} ({meaning(self.preset)}); "
            f"{counted(len(self.findings), 'pair shares', 'pairs share')} something"
        )
        sets = [
            [one.name, one.split, f"{len(one.keys):,}", f"{one.examples:,}", f"{one.share:.2%}"]
            for one in self.sets
        ]
        pairs = [
            [
                one.dataset,
                one.evaluation,
                one.split,
                f"{one.examples:,}",
                f"{one.compared:,}",
                ", ".join(f"{count:,} {kind}" for kind, count in one.kinds.items()),
                one.explanation,
            ]
            for one in folded_findings(self.findings)
        ]
        matches = [
            [
                f"{one.dataset} {match.key}",
                f"{one.evaluation} {match.evaluation_key}",
                match.kind,
                f"{match.share:.0%}",
                match.words,
                "\n\n".join(match.text),
                "\n\n".join(match.evaluation_text),
            ]
            for one in self.findings
            for match in one.shown
        ]
        return notebook.page(
            str(self.folder),
            notebook.text(about),
            notebook.table(_MISSING, self.missing.items()) if self.missing else "",
            notebook.table(("evaluation", "split", "shared", "of", "share"), sets),
            notebook.table(_PAIRS, pairs),
            notebook.table(_MATCHES, matches) if matches else "",
        )


_MISSING = ("not compared with, as not available", "why")
_PAIRS = ("train", "evaluation", "split", "examples", "of", "kinds", "why")
_MATCHES = ("train", "evaluation", "kind", "share", "shared words", "text", "evaluation text")


def folded_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Returns findings in which the members of a family are one, on both sides.

    Training examples add up; of evaluation examples, which several may share, the most that one
    member shares stands for all, so it is at least that many.
    """
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for one in findings:
        train, train_mark, _ = one.dataset.partition(MEMBER_MARK)
        other, other_mark, _ = one.evaluation.partition(MEMBER_MARK)
        why = one.explanation if train_mark or other_mark else ""
        groups.setdefault((train + train_mark, other + other_mark, one.split, why), []).append(one)
    return [
        group[0] if len(group) == 1 else _together(train, other, group)
        for (train, other, _, _), group in groups.items()
    ]


def _together(train: str, other: str, group: Sequence[Finding]) -> Finding:
    kinds: dict[str, int] = {}
    for one in group:
        for kind, count in one.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    tasks = {one.dataset: one.compared for one in group}
    sets = {one.evaluation: one.evaluation_compared for one in group}
    return replace(
        group[0],
        dataset=_of_family(train, list(tasks)),
        evaluation=_of_family(other, list(sets)),
        kinds=kinds,
        examples=sum(one.examples for one in group),
        compared=sum(tasks.values()),
        evaluation_examples=max(one.evaluation_examples for one in group),
        evaluation_compared=sum(sets.values()),
        shown=(),
    )


def _of_family(name: str, members: Sequence[str]) -> str:
    if len(members) == 1:
        return members[0]
    return f"{name.removesuffix(MEMBER_MARK)} ({len(members):,} tasks)"


def contamination(
    folder: Path,
    against: Sequence[str],
    *,
    preset: str = FIELDS,
    source: str | None = None,
    data_dir: Path | None = None,
    allow_missing: bool = False,
    store: Path | Address | None = None,
    show: int = 2,
    modules: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Contamination:
    """Compares the examples of a build with evaluation sets.

    Args:
      folder: the build.
      against: suites, datasets, clusters or mixtures, whose held-out side is meant; or files and
        folders.
      preset: by which rule they are compared.
      source: kind of source; None is where the build's rows came from, as far as nothing must be
        downloaded.
      data_dir: a prepared TFDS tree, or a folder of files.
      allow_missing: compare with the sets that are available.
      store: where examples are kept; None is the usual place.
      show: matches quoted for each pair of datasets.
      modules: those of the user's that are imported.
      progress: told what is being done.

    Raises:
      UnknownNameError: a name is none, or the build has a dataset that is not known.
      BuildError: the folder is no build, or its rows are not those it was made of.
      SourceUnavailableError: rows are not available.
      RowError: a file to compare with is damaged.
    """
    manifest = read_manifest(folder)
    built = _built(folder, manifest, modules)
    names, files = _compared_with(against, data_dir)
    sides = (dataset for name in names for dataset in evaluation_side(catalog(), name))
    compared = list({dataset.name: dataset for dataset in sides}.values())
    choice = SourceChoice(source or source_of(manifest), data_dir)
    choice.check(catalog())
    if source is None:
        choice = choice.for_compared(compared, built, catalog())
    if source is None:
        _check_available([*built, *(() if allow_missing else compared)], choice)
    examples = open_store(store)
    prepared, plan = reopen(manifest, catalog(), source=choice, store=examples, progress=progress)
    parts: tuple[Compared, ...] = tuple(files)
    missing: dict[str, str] = {}
    if compared:
        stored = evaluation_parts(
            compared,
            catalog(),
            source=choice,
            asked=against,
            built=built,
            store=examples,
            allow_missing=allow_missing,
            missing=missing,
            progress=progress,
        )
        parts = (*stored, *files)
    if progress:
        progress("comparing")
    checker = Checker(catalog(), parts, preset)
    train = drawn(prepared, plan, left_out=manifest.get("left_out", ()))
    findings = []
    for number, part in enumerate(train, 1):
        if progress and len(train) > 1:
            progress(f"comparing {part.name} ({number:,} of {len(train):,})")
        findings += checker.findings(part, show=show)
    return Contamination(
        folder=folder,
        against=tuple(against),
        preset=preset,
        examples=sum(len(part) for part in train),
        evaluation_examples=sum(len(part) for part in parts),
        compared=tuple((part.name, part.split) for part in parts),
        sets=checker.counts(),
        findings=tuple(findings),
        missing={name: reason.splitlines()[0] for name, reason in missing.items()},
    )


def _compared_with(
    against: Sequence[str], data_dir: Path | None
) -> tuple[list[str], list[FileTexts]]:
    """Returns names of datasets, clusters and mixtures, and sets of texts out of files.

    A suite by its name is what `flan eval` asks by it, even where a mixture has the same name.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: a suite's file is malformed.
      SourceUnavailableError, RowError: a file cannot be read.
    """
    names: list[str] = []
    sets: list[FileTexts] = []
    for name in against:
        if is_suite(name):
            for suite, protocol in asked_by(name, data_dir):
                asked = protocol.datasets or suite.datasets
                names += [one for one in asked if one not in names]
                sets += own_rows(suite)
        elif _is_known(name):
            names.append(name)
        elif is_path(name):
            sets += file_sets(Path(name))
        else:
            names.append(name)  # refused where it is looked up, with the nearest names
    return names, sets


def own_rows(suite: Suite) -> list[FileTexts]:
    """Returns the rows of a suite that has files of its own, by what its prompts call them."""
    sets = []
    splits = {protocol.split: protocol for protocol in suite.protocols} if suite.files else {}
    for split, protocol in splits.items():
        for task in suite_tasks(suite, protocol, catalog(), source=SourceChoice())[0]:
            texts = [Texts(tuple(row.values())) for row in task.rows]
            keys = [f"{split}:{number}" for number in range(len(texts))]
            sets.append(FileTexts(task.name, texts, keys, split))
    return sets


def _is_known(name: str) -> bool:
    """Whether a name is that of a dataset, cluster or mixture."""
    try:
        evaluation_side(catalog(), name)
    except UnknownNameError:
        return False
    return True


def _built(
    folder: Path, manifest: Mapping[str, Any], imported: Sequence[str]
) -> tuple[Dataset, ...]:
    """Returns the datasets of a build.

    Raises:
      UnknownNameError: one is not known; where it is of a module, with its name.
    """
    try:
        # The parts of a mixture may hold a task several times.
        return catalog().expand(dict.fromkeys(bare_name(task) for task in manifest["tasks"]))
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
            status = choice.open(dataset, catalog(), opened=opened).status()
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
