"""What differs between two builds, or two mixtures: settings, parts, datasets, templates, rows."""

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.engine.directory import read_manifest
from flan_tasks.engine.recipe import GROWN_FROM
from flan_tasks.reports import packed_tables, stored
from flan_tasks.reports.make import read_templates
from flan_tasks.reports.part_changes import (
    Facts,
    PartChanges,
    part_changes,
    parts_of_build,
    rows_by_part,
)

# What is compared of two manifests as a whole, in the order shown.
_SETTINGS = (
    *("flan_tasks", "split", "seed", "order", "format", "style", "arch", "vocabulary", "lengths"),
    *("examples", "rows", "libraries"),
)
# What is compared of a task that both have.
_FACTS = ("rate", "share", "examples", "available", "license", "source", "store_key")
# Pieces of a text: words with the marks around them, and the blanks between, which differ too.
_WORD = re.compile(r"\s|[^\s]+")

# (same, gone or new; text), in order.
Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Side:
    """One of the two things compared."""

    name: str
    """How it was asked for."""
    settings: Mapping[str, Any]
    """What holds for all of it."""
    tasks: Mapping[str, Mapping[str, Any]]
    """Task -> facts, of _FACTS those that are known."""
    templates: Mapping[str, Mapping[str, Mapping[str, str]]]
    """Task -> template id -> its `kind`, `inputs` and `targets`."""
    folder: Path | None = None
    """Directory of a build; None for a mixture."""
    parts: Mapping[str, Facts] = field(default_factory=dict)
    """Path of a part -> facts, each before those inside it; empty of a mixture without parts."""


@dataclass(frozen=True)
class TemplateChange:
    """A template that only one side has, or that reads differently."""

    id: str
    """Template id."""
    change: str
    """added, removed or changed."""
    tasks: tuple[str, ...]
    """The tasks it belongs to."""
    inputs: Words
    """Words of the inputs, gone from A and new in B."""
    targets: Words
    """Words of the targets, gone from A and new in B."""


@dataclass(frozen=True)
class RowChanges:
    """Which rows differ; a row is known by its task, key, template and texts."""

    same: int = 0
    """Rows that are word for word in both."""
    same_order: bool = True
    """Whether the rows in both stand in one order, none of another between them."""
    removed: tuple[str, ...] = ()
    """"task key" of rows in A alone."""
    added: tuple[str, ...] = ()
    """"task key" of rows in B alone."""
    reworded: tuple[str, ...] = ()
    """"task key" of rows in both, with other words."""
    not_compared: str = ""
    """Why rows were not compared; empty where they were."""
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Outermost part -> how many of its rows are the same, removed, added and reworded; empty of
    builds without parts."""


@dataclass(frozen=True)
class Difference:
    """Everything that differs."""

    settings: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Setting -> (A, B)."""
    added: tuple[str, ...] = ()
    """Tasks in B alone."""
    removed: tuple[str, ...] = ()
    """Tasks in A alone."""
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)
    """Task -> fact -> (A, B)."""
    templates: tuple[TemplateChange, ...] = ()
    """Templates that differ."""
    parts: PartChanges = field(default_factory=PartChanges)
    """Parts that differ."""
    rows: RowChanges | None = None
    """None where mixtures are compared, which have no rows."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        rows = self.rows is None or (
            not (self.rows.added or self.rows.removed or self.rows.reworded)
            and self.rows.same_order
        )
        tasks = self.added or self.removed or self.changed or self.templates
        return rows and self.parts.is_empty and not (self.settings or tasks)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return asdict(self)


def side_of_build(folder: Path) -> Side:
    """Returns a build as a side.

    Raises:
      BuildError: it is no complete build.
    """
    manifest = read_manifest(folder)
    settings = {name: manifest[name] for name in _SETTINGS if name in manifest}
    tasks = {
        task["name"]: {**task, "examples": task["realized"], "source": _source(task["source"])}
        for task in manifest["tasks"]
    }
    if grown := (manifest.get("recipe") or {}).get(GROWN_FROM):
        settings[GROWN_FROM] = [stage["digest"][:12] for stage in grown]
    templates = {
        name: {template["id"]: template for template in some}
        for name, some in read_templates(folder, manifest).items()
    }
    mixture = {
        f"mixture.{name}": value for name, value in manifest["mixture"].items() if name != "parts"
    }
    parts = parts_of_build(manifest)
    return Side(str(folder), {**settings, **mixture}, tasks, templates, folder, parts)


def compare(a: Side, b: Side) -> Difference:
    """Returns what differs between two builds or two mixtures.

    Raises:
      BuildError: a file of a build cannot be read.
    """
    both = [name for name in a.tasks if name in b.tasks]
    changed = {
        name: facts for name in both if (facts := _facts(_FACTS, a.tasks[name], b.tasks[name]))
    }
    rows = compare_rows(a.folder, b.folder) if a.folder and b.folder else None
    return Difference(
        settings=_facts(
            (*a.settings, *(n for n in b.settings if n not in a.settings)), a.settings, b.settings
        ),
        added=tuple(name for name in b.tasks if name not in a.tasks),
        removed=tuple(name for name in a.tasks if name not in b.tasks),
        changed=changed,
        templates=tuple(_template_changes(a, b, both)),
        parts=part_changes(a.parts, b.parts),
        rows=rows,
    )


def word_diff(before: str, after: str) -> Words:
    """Returns the words of two texts as same, gone and new, in order."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[i:j])))
            continue
        if i < j:
            pieces.append(("gone", "".join(old[i:j])))
        if k < m:
            pieces.append(("new", "".join(new[k:m])))
    return tuple(pieces)


def compare_rows(a: Path, b: Path) -> RowChanges:
    """Returns which rows of two builds differ.

    Raises:
      BuildError: a file cannot be read.
    """
    manifests = read_manifest(a), read_manifest(b)
    for folder, manifest in zip((a, b), manifests, strict=True):
        if manifest["format"] not in stored.READERS and manifest["format"] != packed_tables.FORMAT:
            return RowChanges(not_compared=f"{folder} is of format {manifest['format']}")
    kinds = {manifest["format"] == packed_tables.FORMAT for manifest in manifests}
    if len(kinds) > 1:
        return RowChanges(not_compared="one holds texts and the other packed ids")
    one, other = (list(_rows(f, m)) for f, m in zip((a, b), manifests, strict=True))
    left, right = Counter(row for _, row in one), Counter(row for _, row in other)
    same = left & right
    removed, added, reworded = _named(one, other, left - same, right - same)
    parts: dict[str, dict[str, int]] = {}
    if all(manifest.get("parts") for manifest in manifests):
        there = [name for name, _ in _take(one, same)]
        kinds_of = {"same": there, "removed": removed, "added": added, "reworded": reworded}
        parts = rows_by_part(kinds_of)
    return RowChanges(
        same=same.total(),
        same_order=_common(one, same) == _common(other, same),
        removed=removed,
        added=added,
        reworded=reworded,
        parts=parts,
    )


def _named(
    one: Sequence[tuple[str, bytes]],
    other: Sequence[tuple[str, bytes]],
    left: Counter[bytes],
    right: Counter[bytes],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Returns "task key" of the rows that are gone, new, and in both with other words."""
    gone = Counter(name for name, row in _take(one, left))
    new = Counter(name for name, row in _take(other, right))
    reworded = gone & new
    both = (gone - reworded, new - reworded, reworded)
    removed, added, changed = (tuple(names.elements()) for names in both)
    return removed, added, changed


def _take(rows: Sequence[tuple[str, bytes]], counts: Counter[bytes]) -> Iterator[tuple[str, bytes]]:
    left = Counter(counts)
    for name, row in rows:
        if left[row] > 0:
            left[row] -= 1
            yield name, row


def _common(rows: Sequence[tuple[str, bytes]], same: Counter[bytes]) -> list[bytes]:
    return [row for _, row in _take(rows, same)]


def _rows(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yields (task and key, digest) of each row; of packed rows (task, digest of the ids)."""
    if manifest["format"] == packed_tables.FORMAT:
        for packed in packed_tables.read_rows(folder, manifest, np.arange(manifest["rows"])):
            parts = zip(packed.tasks, packed.inputs, packed.targets, strict=True)
            for task, inputs, targets in parts:
                name = manifest["tasks"][task]["name"]
                yield name, _digest(name.encode(), inputs.tobytes(), targets.tobytes())
        return
    for row in stored.all_rows(folder, manifest):
        texts = (row["name"], row["key"], row["template"], row["inputs"], row["targets"])
        name = f"{row['name']} {row['key']}"
        yield name, _digest(*(text.encode() for text in texts))


def _digest(*parts: bytes) -> bytes:
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()


def _facts(
    names: Sequence[str], a: Mapping[str, Any], b: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def _source(source: Mapping[str, Any]) -> str:
    words = (source.get(name) for name in ("source", "name", "version", "revision"))
    return " ".join(str(word) for word in words if word)


def _template_changes(a: Side, b: Side, tasks: Sequence[str]) -> Iterator[TemplateChange]:
    """Parts of a dataset share their templates, so equal changes stand once."""
    tasks_of: dict[tuple[str, str, Words, Words], list[str]] = {}
    for task in tasks:
        before, after = a.templates.get(task, {}), b.templates.get(task, {})
        if not before or not after:
            continue  # a build of before templates.json says nothing of them
        for name in [*before, *(n for n in after if n not in before)]:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            change = "changed" if old and new else "added" if new else "removed"
            words = [
                word_diff((old or {}).get(part, ""), (new or {}).get(part, ""))
                for part in ("inputs", "targets")
            ]
            tasks_of.setdefault((name, change, words[0], words[1]), []).append(task)
    for (name, change, inputs, targets), names in tasks_of.items():
        yield TemplateChange(name, change, tuple(names), inputs, targets)
