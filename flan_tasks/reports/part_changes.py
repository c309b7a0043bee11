"""What differs between parts of two builds or mixtures: weights, tasks, rows, prompts, styles."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.part_tree import MARK
from flan_tasks.engine.one_a_part import outermost
from flan_tasks.engine.option_counts import OPTION_STYLES, counts_by_part

Facts = Mapping[str, Any]
# Facts of a build's parts, under the names they have in a comparison; `rows` are those written.
_OF_BUILDS = {
    **{name: name for name in ("weight", "share", "requested")},
    "realized": "rows",
    **{name: name for name in ("available", "repeats", "tasks", "missing", "prompts")},
}
# What a declaration says of a part that says nothing of it by itself.
_APART = ("name", "weight", "parts")


@dataclass(frozen=True)
class PartChanges:
    """Which parts differ, each by its path."""

    added: tuple[str, ...] = ()
    """Parts in B alone."""
    removed: tuple[str, ...] = ()
    """Parts in A alone."""
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)
    """Part -> fact -> (A, B). Of a build: weight, share, rows, tasks, what is missing, prompts, the
    options by style, and whatever is declared of it, such as cap, shots, kinds and option_style."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed)


def parts_of_build(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns part -> facts, of a build; nothing where its mixture has no parts."""
    entries = manifest.get("parts", ())
    parts = {
        entry["path"]: {ours: entry[name] for name, ours in _OF_BUILDS.items() if name in entry}
        for entry in entries
    }
    styles = counts_by_part(manifest) if OPTION_STYLES in manifest else {}
    for path, counts in styles.items():
        if path in parts:
            parts[path][OPTION_STYLES] = dict(sorted(counts.items()))
    return with_declared(parts, manifest["mixture"].get("parts", ()))


def with_declared(
    parts: Mapping[str, Facts], declared: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Returns part -> its facts and what its declaration says; what is known already stays.

    Args:
      parts: path -> facts.
      declared: the parts of a mixture, as JSON.
    """
    stated = dict(_declared(declared, ""))
    return {path: {**facts, **stated.get(path, {}), **facts} for path, facts in parts.items()}


def _declared(parts: Iterable[Mapping[str, Any]], around: str) -> Iterator[tuple[str, Facts]]:
    for part in parts:
        path = f"{around}{part['name']}"
        yield path, {name: value for name, value in part.items() if name not in _APART}
        yield from _declared(part.get("parts", ()), f"{path}{MARK}")


def part_changes(a: Mapping[str, Facts], b: Mapping[str, Facts]) -> PartChanges:
    """Returns what differs between the parts of two sides."""
    changed: dict[str, dict[str, tuple[Any, Any]]] = {}
    for path, before in a.items():
        after = b.get(path, before)
        names = (*before, *(name for name in after if name not in before))
        facts = {
            name: (before.get(name), after.get(name))
            for name in names
            if before.get(name) != after.get(name)
        }
        if facts:
            changed[path] = facts
    return PartChanges(
        added=tuple(path for path in b if path not in a),
        removed=tuple(path for path in a if path not in b),
        changed=changed,
    )


def rows_by_part(names: Mapping[str, Iterable[str]]) -> dict[str, dict[str, int]]:
    """Returns outermost part -> kind of rows -> how many there are.

    Args:
      names: kind of rows -> the name of each, which begins with the path of its part.
    """
    counts = {kind: Counter(map(outermost, of_kind)) for kind, of_kind in names.items()}
    parts = dict.fromkeys(part for one in counts.values() for part in one)
    return {part: {kind: one[part] for kind, one in counts.items()} for part in sorted(parts)}
