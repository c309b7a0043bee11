"""What differs between the scores of models on the same prompts."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import EvaluationError, UnknownNameError
from flan_tasks.core.part_tree import MARK
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.matches import evaluation_side
from flan_tasks.engine.directory import read_manifest
from flan_tasks.evaluation.answers import Answers, write_kept
from flan_tasks.evaluation.comparison import (
    Change,
    Compared,
    Comparison,
    compare_answers,
    shown_changes,
)
from flan_tasks.evaluation.comparison_tables import (
    HELD_OUT,
    NEITHER,
    TRAINED_ON,
    Mean,
    as_latex,
    as_markdown,
    change_table,
    changes_as_csv,
    mean_gain,
    mean_table,
)
from flan_tasks.evaluation.normalizing import SUM, way_name, ways_of
from flan_tasks.evaluation.pairs import common_units
from flan_tasks.evaluation.records import Unit
from flan_tasks.evaluation.settings import setting_differences
from flan_tasks.suites.compared import compared_tasks
from flan_tasks.suites.typos import TYPOS_MARK

# Who answered; that it differs is why one compares.
_WHO = ("  the model:", "  the predictions:", "  who answers:")


@dataclass(frozen=True)
class ModelComparison:
    """What differs between evaluations, each compared with the first."""

    folders: tuple[Path, ...]
    """The evaluations."""
    names: tuple[str, ...]
    """What tables call them."""
    comparisons: tuple[Comparison, ...]
    """Each other one with the first."""
    settings: tuple[str, ...]
    """Settings that differ, but for the model; a line each."""
    roles: Mapping[str, str]
    """Dataset, or task of a suite -> HELD_OUT, TRAINED_ON or NEITHER; empty where neither was
    said."""
    left_out: tuple[str, ...] = ()
    """Datasets that not all have, where common ones alone are compared."""
    unchecked: int = 0
    """Files of answers that were written before there were digests."""
    way: str = SUM
    """How options were ranked that are compared: SUM, or how sums are normalized."""

    @property
    def changes(self) -> tuple[tuple[Change, ...], ...]:
        """What tables show, of each other model: a change for each dataset."""
        return tuple(tuple(shown_changes(one.changes, way=self.way)) for one in self.comparisons)

    @property
    def clusters(self) -> tuple[tuple[Mean, ...], ...]:
        """Mean gain of each cluster with several datasets, and of all, of each other model."""

        def means(changes: Sequence[Change]) -> tuple[Mean, ...]:
            names = dict.fromkeys(change.cluster for change in changes)
            groups = [(name, [c for c in changes if c.cluster == name]) for name in names]
            several = [(name, group) for name, group in groups if len(group) > 1]
            whole = [("all datasets", list(changes))] if len(groups) > 1 else []
            return tuple(mean_gain(name, group) for name, group in (*several, *whole))

        return tuple(means(_one_each(changes)) for changes in self.changes)

    @property
    def gains(self) -> tuple[tuple[Mean, ...], ...]:
        """Mean gain by role, of each other model: on tasks that were held out, on those that were
        trained on, and on those that are neither, where a loss is what was forgotten.
        """

        def means(changes: Sequence[Change]) -> tuple[Mean, ...]:
            groups = [
                (role, [c for c in changes if self.roles.get(c.dataset) == role])
                for role in (HELD_OUT, TRAINED_ON, NEITHER)
            ]
            return tuple(mean_gain(role, group) for role, group in groups if group)

        return tuple(means(_one_each(changes)) for changes in self.changes)

    @property
    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Caption, columns and lines of each table."""
        how = "" if self.way == SUM else f", options normalized by {way_name(self.way)}"
        tables = [
            (f"each dataset, over its templates{how}", *change_table(self.names, self.changes))
        ]
        for caption, means in (("by cluster", self.clusters), ("by role", self.gains)):
            if means[0]:
                tables.append((caption, *mean_table(self.names, means)))
        return tables

    def to_json(self) -> dict[str, Any]:
        """Returns everything but the prompts, as JSON-able values."""
        return {
            "folders": [str(folder) for folder in self.folders],
            "names": list(self.names),
            "settings": list(self.settings),
            "roles": dict(self.roles),
            "left_out": list(self.left_out),
            "way": self.way,
            "models": [
                {
                    "name": name,
                    "changes": [asdict(change) for change in one.changes],
                    "clusters": [asdict(mean) for mean in clusters],
                    "roles": [asdict(mean) for mean in gains],
                    "flips": len(one.flips),
                }
                for name, one, clusters, gains in zip(
                    self.names[1:], self.comparisons, self.clusters, self.gains, strict=True
                )
            ],
        }

    def texts(self) -> dict[str, str]:
        """Returns the files of a comparison: name -> text."""
        markdown = [
            f"**{caption}**\n\n{as_markdown(columns, lines)}"
            for caption, columns, lines in self.tables
        ]
        latex = [
            f"% {caption}\n{as_latex(columns, lines)}" for caption, columns, lines in self.tables
        ]
        flips = [
            json.dumps({"model": name, **flip.to_json()}, ensure_ascii=False) + "\n"
            for name, one in zip(self.names[1:], self.comparisons, strict=True)
            for flip in one.flips
        ]
        all_changes = [one.changes for one in self.comparisons]
        return {
            "comparison.json": json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n",
            "comparison.csv": changes_as_csv(self.names, all_changes),
            "comparison.md": "\n".join(markdown),
            "comparison.tex": "\n".join(latex),
            "flips.jsonl": "".join(flips),
        }

    def write(self, folder: Path) -> list[Path]:
        """Writes its files; returns where they are.

        Raises:
          EvaluationError: one cannot be written.
        """
        texts = self.texts()
        for name, text in texts.items():
            write_kept(folder / name, text)
        return [folder / name for name in texts]

    def _repr_html_(self) -> str:
        parts = [
            part
            for caption, columns, lines in self.tables
            for part in (notebook.text(caption), notebook.table(columns, lines))
        ]
        return notebook.page(" | ".join(self.names), *parts)


def _one_each(changes: Sequence[Change]) -> list[Change]:
    """One change of each dataset: ranked by the sum where there are several ways."""
    first: dict[str, Change] = {}
    for change in changes:
        first.setdefault(change.dataset, change)
    return list(first.values())


def compare(
    folders: Sequence[Path],
    *,
    names: Sequence[str] = (),
    held_out: Sequence[str] = (),
    trained_on: Sequence[str] = (),
    common: bool = False,
    normalize: str | None = None,
    modules: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> ModelComparison:
    """Compares evaluations with the first, example by example.

    Args:
      folders: directories of `flan eval`, two or more; the first is the model before.
      names: what tables call them; the names of the folders if empty.
      held_out: datasets, clusters or mixtures (their held-out side) that were not trained on.
      trained_on: datasets, clusters, mixtures or builds that were.
      common: compare what all have; else evaluations of different things are refused.
      normalize: what options are compared by in place of their sums: tokens, characters, bytes or
        unconditional.
      modules: those of the user's that are imported.
      progress: told the dataset that is compared.

    Raises:
      EvaluationError: a folder is no evaluation, they are of different prompts, or answers lack
        what the normalization needs.
      UnknownNameError: a name is unknown.
    """
    way = SUM if normalize is None else ways_of([normalize])[0]
    for name in modules:
        import_module(name, "modules")
    if len(folders) < 2:
        raise EvaluationError("give two evaluations or more; the first is the model before")
    if names and len(names) != len(folders):
        number = counted(len(names), "name")
        raise EvaluationError(f"{number} for {len(folders)} evaluations; give one each")
    opened = [Answers.of_folder(folder) for folder in folders]
    units = common_units(opened, common=common)
    asked = {unit.dataset for one in opened for unit in one.units}
    roles = _roles(asked, held_out, trained_on, catalog())
    wholes = wholes_of(opened, units, catalog())
    comparisons = tuple(
        compare_answers(
            opened[0],
            one,
            units,
            wholes.__getitem__,
            common=common,
            way=way,
            progress=progress,
        )
        for one in opened[1:]
    )
    settings = dict.fromkeys(
        line.strip()
        for one in opened[1:]
        for line in setting_differences(opened[0].settings, one.settings)
        if not line.startswith(_WHO)
    )
    return ModelComparison(
        folders=tuple(folders),
        names=tuple(names) or names_of(folders),
        comparisons=comparisons,
        settings=tuple(settings),
        roles={
            whole.name: roles[unit.dataset]
            for unit, whole in wholes.items()
            if unit.dataset in roles
        },
        left_out=tuple(sorted(asked - {unit.dataset for unit in units})),
        unchecked=sum(len(one.unchecked) for one in opened),
        way=way,
    )


def wholes_of(
    folders: Sequence[Answers], units: Sequence[Unit], known: Catalog
) -> dict[Unit, Compared]:
    """Returns of each unit what it is part of: a dataset, or a task of a suite by one protocol.

    Raises:
      UnknownNameError: a dataset is unknown.
      EvaluationError: it is not known how answers to a suite are read.
    """
    wholes = compared_tasks(folders, units, known)
    for unit in units:
        if unit not in wholes:
            dataset = known[unit.dataset]
            with_typos = " with typos" if unit.template.endswith(TYPOS_MARK) else ""
            name = f"{dataset.name}{with_typos}"
            wholes[unit] = Compared(name, dataset.cluster, dataset.metrics)
    return wholes


def names_of(folders: Sequence[Path]) -> tuple[str, ...]:
    """Returns the last parts of paths that tell them apart.

    Raises:
      EvaluationError: a folder is given twice.
    """
    paths = [folder.resolve() for folder in folders]
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return tuple(names)
    raise EvaluationError(f"{folders[0]} is given twice; give evaluations of different models")


def _roles(
    asked: set[str], held_out: Sequence[str], trained_on: Sequence[str], known: Catalog
) -> dict[str, str]:
    """Dataset -> what it was for the tuned model; empty where nothing was said.

    Raises:
      EvaluationError: a dataset is said to be held out, and trained on.
      UnknownNameError: a name is unknown.
    """
    if not (held_out or trained_on):
        return {}
    out = {dataset.name for name in held_out for dataset in evaluation_side(known, name)}
    trained = {name for one in trained_on for name in _trained_on(one, known)}
    if both := sorted(out & trained & asked):
        raise EvaluationError(
            f"{', '.join(both)}: said to be held out, and trained on; say one of them"
        )
    clusters = {known[name].cluster for name in out}
    return {
        name: HELD_OUT
        if name in out
        else TRAINED_ON
        if name in trained
        # Of the held-out cluster, though it was not named: neither held out nor forgotten.
        else HELD_OUT
        if name in known and known[name].cluster in clusters
        else NEITHER
        for name in sorted(asked)
    }


def _trained_on(name: str, known: Catalog) -> set[str]:
    if Path(name).is_dir():
        names = (task["name"] for task in read_manifest(Path(name))["tasks"])
        return {one.rpartition(MARK)[2] for one in names}
    try:
        return {dataset.name for dataset in known.members(known.mixture(name))}
    except UnknownNameError as error:
        error.add_note("wanted a dataset, a cluster, a mixture, or the directory of a build")
        raise
