"""Trees of parameters by the names that lead to their leaves, and back."""

from collections.abc import Mapping
from typing import Any

Tree = Any


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
