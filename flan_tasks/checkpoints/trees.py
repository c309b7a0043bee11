"""Trees of a checkpoint: by path, without what is None, and what of one does not fit another."""

from collections.abc import Iterable, Mapping
from typing import Any

Tree = Any


def differences(stored: Mapping[tuple, tuple], expected: Tree) -> list[str]:
    """Says what of the stored shapes does not fit: missing, not expected, of another shape."""
    needed = {key: tuple(leaf.shape) for key, leaf in flat(expected).items()}
    lines = [f"missing: {_name(key)} {shape}" for key, shape in needed.items() if key not in stored]
    lines += [f"unexpected: {_name(key)} {s}" for key, s in stored.items() if key not in needed]
    lines += [
        f"shape: {_name(key)} is {stored[key]}, the model's {shape}"
        for key, shape in needed.items()
        if key in stored and stored[key] != shape
    ]
    return lines


def without_nothing(tree: Tree) -> Tree:
    """A tree of dicts without the leaves that are None."""
    if not isinstance(tree, Mapping):
        return tree
    present = {name: without_nothing(value) for name, value in tree.items() if value is not None}
    return {k: v for k, v in present.items() if not (isinstance(v, Mapping) and not v)}


def with_nothing(template: Tree, tree: Tree) -> Tree:
    """The inverse: a tree with None where the template has it."""
    if template is None or not isinstance(template, Mapping):
        return None if template is None else tree
    return {
        name: with_nothing(value, tree.get(name, {}) if isinstance(tree, Mapping) else {})
        for name, value in template.items()
    }


def flat(tree: Tree, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The leaves of a tree by the names that lead to them."""
    if not isinstance(tree, Mapping):
        return {above: tree}
    return {k: v for name, value in tree.items() for k, v in flat(value, (*above, name)).items()}


def nested(leaves: Mapping[tuple[str, ...], Any]) -> Tree:
    """The inverse of `flat`."""
    tree: dict[str, Any] = {}
    for (*above, last), value in leaves.items():
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return tree


def _name(key: Iterable[str]) -> str:
    return "/".join(key)
