"""Trees of a checkpoint: without what is None, and what of one does not fit another."""

from collections.abc import Iterable, Mapping
from typing import Any

from flan_tasks.models.trees import flat

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


def _name(key: Iterable[str]) -> str:
    return "/".join(key)
