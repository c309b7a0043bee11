"""Shares of a tree of parts, exactly: fractions down to the rows of each dataset in each part."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flan_tasks.core.errors import DeclarationError


@dataclass(frozen=True)
class Node:
    """The whole, a part, or a dataset in a part."""

    path: str
    """The part's path; empty of the whole, and of a dataset the path of its part."""
    weight: Fraction
    """Its weight among those beside it."""
    nodes: tuple["Node", ...] = ()
    """What it is made of."""
    item: int | None = None
    """Of a dataset its number among the ingredients."""
    most: int | None = None
    """Of a dataset the most rows it may have; None is any number."""

    @property
    def is_part(self) -> bool:
        """Whether it is a part, or the whole."""
        return self.item is None

    @property
    def items(self) -> list[int]:
        """The numbers of the ingredients in it."""
        if self.item is not None:
            return [self.item]
        return [number for node in self.nodes for number in node.items]

    @property
    def capacity(self) -> int | None:
        """The most rows that there may be of it; None is any number."""
        if self.item is not None:
            return self.most
        inside = [node.capacity for node in self.nodes]
        known = [one for one in inside if one is not None]
        return sum(known) if len(known) == len(inside) else None

    def parts(self) -> Iterator["Node"]:
        """Yields the parts in it, each before those inside it."""
        for node in self.nodes:
            if node.is_part:
                yield node
                yield from node.parts()


@dataclass(frozen=True)
class Shares:
    """What each node has of a number of rows."""

    exact: Mapping[int, Fraction]
    """Number of an ingredient -> its exact rows."""
    rows: Mapping[int, int]
    """The same in whole rows."""
    parts: Mapping[str, Fraction]
    """Path of a part -> its exact rows."""
    full: frozenset[int]
    """Ingredients that are drawn as often as they may be."""


def pruned(node: Node) -> Node | None:
    """Returns a tree without the parts that nothing is in, and without weights of 0."""
    if node.item is not None:
        return node if node.weight > 0 else None
    inside = tuple(one for one in map(pruned, node.nodes) if one is not None)
    return replace(node, nodes=inside) if inside else None


def weighed_by_length(node: Node, mean: Callable[[int], Fraction]) -> Node:
    """Returns a tree whose parts have the weights of rows that give the same shares of tokens.

    Args:
      node: the tree, whose parts have weights of tokens.
      mean: number of an ingredient -> tokens of a row of it.
    """
    return _weighed(node, mean)[0]


def _weighed(node: Node, mean: Callable[[int], Fraction]) -> tuple[Node, Fraction]:
    """A node, and how many tokens a row of it has on average."""
    if node.item is not None:
        return node, mean(node.item)
    inside = []
    for one in node.nodes:
        changed, length = _weighed(one, mean)
        if one.is_part:
            changed = replace(changed, weight=one.weight / length)
        inside.append((changed, length))
    total = sum(one.weight for one, _ in inside)
    length = sum((one.weight * each for one, each in inside), Fraction(0)) / total
    return replace(node, nodes=tuple(one for one, _ in inside)), length


def shares_of(root: Node, total: int) -> Shares:
    """Shares rows by weights; what a ceiling frees goes to the others in proportion.

    Every part and dataset has its exact rows rounded up or down, and those inside a part add up
    to it.

    Raises:
      DeclarationError: ceilings allow fewer rows.
    """
    capacity = root.capacity
    if capacity is not None and total > capacity:
        raise DeclarationError(
            f"{total:,} examples: max_repeats allows {capacity:,} of what is available; ask for "
            "fewer, or raise it"
        )
    exact: dict[int, Fraction] = {}
    parts: dict[str, Fraction] = {}
    full: set[int] = set()
    rows: dict[int, int] = {}
    _fill(root, Fraction(total), exact, parts, full)
    _round(root, total, exact, parts, rows)
    return Shares(exact, rows, parts, frozenset(full))


def _fill(
    node: Node,
    amount: Fraction,
    exact: dict[int, Fraction],
    parts: dict[str, Fraction],
    full: set[int],
) -> None:
    if node.item is not None:
        exact[node.item] = amount
        if node.most is not None and amount == node.most:
            full.add(node.item)
        return
    if node.path:
        parts[node.path] = amount
    left, waiting = amount, list(node.nodes)
    while waiting:
        total = sum(one.weight for one in waiting)
        over = [
            one
            for one in waiting
            if (most := one.capacity) is not None and left * one.weight / total >= most
        ]
        # Those at their ceiling stay there: what they free only adds to the others.
        for one in over:
            _fill(one, Fraction(one.capacity or 0), exact, parts, full)
        if not over:
            for one in waiting:
                _fill(one, left * one.weight / total, exact, parts, full)
            return
        left -= sum(one.capacity or 0 for one in over)
        waiting = [one for one in waiting if one not in over]


def _round(
    node: Node,
    rows: int,
    exact: Mapping[int, Fraction],
    parts: Mapping[str, Fraction],
    into: dict[int, int],
) -> None:
    """Shares whole rows among what is inside: all rounded down, the largest remainders up."""
    if node.item is not None:
        into[node.item] = rows
        return
    shares = [parts[one.path] if one.is_part else exact[one.items[0]] for one in node.nodes]
    whole = [int(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda number: (whole[number] - shares[number], number))
    for number in order[: rows - sum(whole)]:
        whole[number] += 1
    for one, count in zip(node.nodes, whole, strict=True):
        _round(one, count, exact, parts, into)


def exact_weights(rates: Sequence[float]) -> list[Fraction]:
    """Returns rates as fractions."""
    return [Fraction(rate) for rate in rates]
