"""The build that another grows from: what of it is kept, and whether it may be.

Its shards stay as they are, so everything their bytes depend on must be what it would be now. What
a manifest adds up is taken over as it stands there.
"""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.part_tree import part_tree
from flan_tasks.core.whole import file_aside
from flan_tasks.engine.asked_for import recorded_spec
from flan_tasks.engine.file_facts import file_facts
from flan_tasks.engine.manifest_file import MANIFEST, read_manifest
from flan_tasks.engine.option_counts import OPTION_STYLES, has_option_styles
from flan_tasks.engine.recipe import GROWN_FROM, Recipe, differences, library_versions
from flan_tasks.engine.writers.seqio_cache import cache_folder
from flan_tasks.engine.writers.writer import FACTS, Shard
from flan_tasks.plan.growth import Stage
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Prepared
from flan_tasks.specs.chat_choices import CHAT

# What may be asked for otherwise: it decides which examples there are, and how many rows of them,
# which are compared by what they come to.
_MAY_CHANGE = (
    *("mixture", "source", "examples", "shards", "report", "allow_missing", "drop_overlaps"),
    *("modules", "license_allow", "license_deny", "drop_contaminated", "contamination_preset"),
)
T = TypeVar("T")
# Numbers of tasks in `arrays` are wider from here on.
_WIDE = 1 << 15


@dataclass(frozen=True)
class EarlierBuild:
    """A build that another grows from."""

    path: Path
    """Its directory, or its manifest alone, with which its shards are built once more."""
    manifest: Mapping[str, Any]
    """Its manifest."""

    @classmethod
    def open(cls, path: Path) -> "EarlierBuild":
        """Opens a build by its directory or manifest.

        Raises:
          BuildError: it is no complete build of train.
        """
        manifest = read_manifest(path)
        if manifest["split"] != "train":
            raise BuildError(
                f"{path} is a build of split {manifest['split']}; only builds of train have rates "
                "to grow by"
            )
        if "planned" not in manifest or "spec" not in (manifest.get("recipe") or {}):
            raise BuildError(f"{path} is a build of a release up to 0.1.0; build it anew first")
        return cls(path, manifest)

    @property
    def has_shards(self) -> bool:
        """Whether its files are there, to be kept."""
        return self.path.is_dir()

    @property
    def num_shards(self) -> int:
        """How many it has."""
        return len(self.manifest["shards"])

    @property
    def stages(self) -> list[dict[str, Any]]:
        """What of its plan was planned together, oldest first, as recipes have it.

        Each has the digest of the build, its mixture, its shards, and `rows`: task -> rows.
        """
        before = list(self.manifest["recipe"].get(GROWN_FROM, []))
        drawn = [t for t in self.manifest["tasks"] if t["available"] and t["templates"]]
        rows = {
            task["name"]: task["requested"]
            - sum(stage["rows"].get(task["name"], 0) for stage in before)
            for task in drawn
        }
        shards = self.num_shards - sum(stage["shards"] for stage in before)
        about = {name: self.manifest[name] for name in ("digest", "mixture")}
        return [*before, {**about, "shards": shards, "rows": rows}]

    def check(self, recipe: Recipe, prepared: Prepared, plan: Plan, catalog: Catalog) -> None:
        """Checks that its rows would be written today as they were.

        Args:
          recipe: of the build that grows from it.
          prepared: the mixture of that.
          plan: the rows of that.
          catalog: where datasets are looked up.

        Raises:
          BuildError: with everything that differs.
        """
        there = self.manifest["recipe"]
        names = list(self.stages[-1]["rows"])
        old, new = _what_bytes_are_of(there, names, there), _what_bytes_are_of(recipe, names, there)
        lines = differences(old, new) if old != new else []
        libraries, now = self.manifest["libraries"], library_versions()
        lines += [
            f"{name}: {libraries.get(name, 'none')}, now {now.get(name, 'none')}"
            for name in {**libraries, **now}
            if libraries.get(name) != now.get(name)
        ]
        lines += self._changed_prompts(prepared, catalog)
        if bool(self.manifest.get("parts")) != plan.has_parts:
            lines.append("the column part: rows of mixtures with parts have it, and no others")
        if has_option_styles(self.manifest) != plan.has_option_styles:
            lines.append("the column option_style: it is in all rows of a build or in none")
        if (len(names) <= _WIDE) != (len(plan.ingredients) <= _WIDE):
            lines.append(f"the width of numbers of tasks, of which there are more than {_WIDE:,}")
        if lines:
            raise BuildError(
                f"{self.path}: a build cannot grow from it, as its rows would not be written so "
                "now. Ask for the same, or build anew, without --grow-from. Between it and what is "
                "asked for differ:\n" + "\n".join(f"  {line}" for line in lines)
            )

    def unchanged(
        self, recipe: Recipe, shards: Sequence[Shard]
    ) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
        """Returns which shards of a format that keeps tasks apart are those of this build.

        Rows of a task depend there on the task alone, so a shard is the same where its recipe is:
        what all bytes depend on, the task, and which of its rows.

        Args:
          recipe: of the other build.
          shards: of the other build.

        Returns:
          Path of a shard -> its entry in the manifest here; and task -> why it is built anew.
        """
        there, libraries = self.manifest["recipe"], library_versions()
        common = [_what_bytes_are_of(one, [], there) for one in (there, recipe)]
        lines = differences(*common) if common[0] != common[1] else []
        if self.manifest["libraries"] != libraries:
            lines.append("versions of libraries")
        names = {cache_folder(name): name for name in recipe["tasks"]}
        entries = _by_rows(
            (entry["name"], entry["rows"] + len(entry.get(FACTS, {}).get("left_out", ())), entry)
            for entry in self.manifest["shards"]
        )
        mine = _by_rows((shard.path, shard.stop - shard.start, shard) for shard in shards)
        same: dict[str, Mapping[str, Any]] = {}
        reasons: dict[str, str] = {}
        for key, shard in mine.items():
            name, entry = names[key[0]], entries.get(key)
            if why := "; ".join(lines) or _why_other(there, recipe, name):
                reasons[name] = why
            elif entry is None:
                reasons[name] = "another number of rows or files of it"
            elif FACTS not in entry:
                reasons[name] = "the build is of a version that kept too little of its shards"
            else:
                same[shard.path] = entry
        return same, reasons

    def take(self, folder: Path, shard: Shard, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Takes one shard over into another build, and returns what is known of it.

        Args:
          folder: of the other build.
          shard: what it is there.
          entry: of the manifest here, which `unchanged` gave.

        Raises:
          BuildError: it is not what its manifest says, or cannot be taken over.
        """
        digests = {one["path"]: one for one in self.manifest["files"]}
        (old,) = entry["paths"]
        file = {key: digests[old][key] for key in ("bytes", "sha256")}
        _take_over(self.path / old, folder / shard.path, file)
        facts = entry[FACTS]
        return {
            **facts,
            "path": shard.path,
            "files": [{"path": shard.path, **file}],
            "left_out": [shard.start + row for row in facts["left_out"]],
        }

    def _changed_prompts(self, prepared: Prepared, catalog: Catalog) -> list[str]:
        # What parts say of prompts stands in no other part of the recipe.
        mixture = recorded_spec(self.manifest).mixture
        assert isinstance(mixture, Mixture)
        old = part_tree(mixture, catalog)
        before = {leaf.path: (dict(leaf.prompts), leaf.fewest_shots) for leaf in old.leaves}
        leaves = prepared.tree.leaves if prepared.tree else ()
        return [
            f"part {leaf.path}: how its prompts are made"
            if leaf.path
            else "how the mixture has prompts made"
            for leaf in leaves
            if leaf.path in before and before[leaf.path] != (dict(leaf.prompts), leaf.fewest_shots)
        ]

    def keep(self, folder: Path, shards: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Takes its shards over into another build, and returns what is known of all of them.

        Files become hard links, or copies where the file system has none.

        Args:
          folder: of the other build.
          shards: name of each shard there -> its files, in the order they have here.

        Raises:
          BuildError: a file is not what its manifest says, or cannot be taken over.
        """
        digests = {entry["path"]: entry for entry in self.manifest["files"]}
        files, entries = [], []
        for shard, (name, names) in zip(self.manifest["shards"], shards.items(), strict=True):
            for old, new in zip(shard["paths"], names, strict=True):
                facts = {key: digests[old][key] for key in ("bytes", "sha256")}
                _take_over(self.path / old, folder / new, facts)
                files.append({"path": new, **facts})
            entries.append({**shard, "name": name, "paths": list(names)})
        return {**self._sums(), "files": files, "shards": entries}

    def _sums(self) -> dict[str, Any]:
        """What its manifest has of all shards together, in the form in which one shard has it."""
        manifest = self.manifest
        tasks = {task["name"]: task for task in manifest["tasks"] if task["realized"]}
        found: dict[str, Any] = {
            "rows": manifest["rows"],
            "examples": manifest["examples"],
            "templates": {name: task["template_counts"] for name, task in tasks.items()},
            "num_shots": {name: task["num_shots"] for name, task in tasks.items()},
            "left_out": manifest["left_out"],
        }
        for name in ("tokens", "over_length", "tokens_over"):
            if name in manifest:
                found[name] = manifest[name]
        if "written" in manifest:
            found["written"] = {"inputs": {"tokens": manifest["written"]["inputs"]}}
        if "packing" in manifest:
            found |= {name: manifest["packing"][name] for name in ("bound", "simple_bound")}
        by_task = {task["name"]: task for task in manifest["tasks"]}
        found["fitting"] = _of_tasks(by_task, "fitting")
        # What is counted only where there is a vocabulary, styles of options, conversations.
        for name, is_there in (
            ("texts", "unknown" in manifest),
            (OPTION_STYLES, has_option_styles(manifest)),
            (CHAT, CHAT in manifest),
        ):
            if is_there:
                found[name] = _of_tasks(by_task, name)
        return found


def _by_rows(shards: Iterable[tuple[str, int, T]]) -> dict[tuple[str, int, int], T]:
    """Returns shards by their folder and which rows of its task they have.

    Args:
      shards: path, rows of the plan, and what it is, in the order of the plan.
    """
    found: dict[tuple[str, int, int], T] = {}
    done: Counter[str] = Counter()
    for path, rows, shard in shards:
        folder = path.rpartition("/")[0]
        found[folder, done[folder], done[folder] + rows] = shard
        done[folder] += rows
    return found


def _why_other(there: Recipe, now: Recipe, name: str) -> str:
    """Says why rows of a task are not those of the other recipe; nothing where they are."""
    if name not in there["tasks"]:
        return "not in that build"
    old, new = (_what_bytes_are_of(one, [name], there) for one in (there, now))
    prefix = f"{name}: "
    lines = differences(old, new) if old != new else []
    return "; ".join(line.removeprefix(prefix) for line in lines)


def _of_tasks(tasks: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    return {task: facts[name] for task, facts in sorted(tasks.items()) if name in facts}


def stage_rows(manifest: Mapping[str, Any]) -> list[list[int]]:
    """Returns the rows of each task of a build by stage, in the order of its tasks.

    Args:
      manifest: of the build.
    """
    tasks = manifest["tasks"]
    stages: Sequence[Stage] = [
        stage["rows"] for stage in (manifest.get("recipe") or {}).get(GROWN_FROM, ())
    ]
    before = [[stage.get(task["name"], 0) for task in tasks] for stage in stages]
    return [
        *before,
        [t["requested"] - sum(rows[n] for rows in before) for n, t in enumerate(tasks)],
    ]


def _what_bytes_are_of(recipe: Recipe, names: Sequence[str], there: Recipe) -> dict[str, Any]:
    """What the bytes of the kept shards depend on, but for how many rows there are."""
    spec = {key: value for key, value in recipe["spec"].items() if key not in _MAY_CHANGE}
    counts = ("rows", "rate")
    tasks = {
        name: {**recipe["tasks"][name], **{key: there["tasks"][name][key] for key in counts}}
        for name in names
    }
    return {**{key: recipe[key] for key in ("flan_tasks", "layout")}, "spec": spec, "tasks": tasks}


def _take_over(old: Path, new: Path, facts: Mapping[str, Any]) -> None:
    try:
        if file_facts(old) != facts:
            raise BuildError(
                f"{old} is not what {MANIFEST} beside it says. Copy or build that directory again; "
                "its manifest alone does as well, --grow-from MANIFEST, with which its shards are "
                "built once more"
            )
        new.parent.mkdir(parents=True, exist_ok=True)
        if new.exists() and os.path.samestat(old.stat(), new.stat()):
            return
        with file_aside(new) as aside:
            aside.unlink()
            try:
                os.link(old, aside)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                    raise
                with suppress(OSError):
                    aside.unlink()
                shutil.copyfile(old, aside)
    except OSError as error:
        raise BuildError(
            f"{old} cannot be taken over as {new}: {error.strerror or error}"
        ) from error
