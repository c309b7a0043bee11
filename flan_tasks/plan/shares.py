"""Shares of a tree of parts, exactly: fractions down to the rows of each dataset in each part."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flan_tasks.core.counting import counted
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
    most: int | Fraction | None = None
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
    def capacity(self) -> int | Fraction | None:
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


def shares_of(root: Node, total: int, *, mean: Callable[[int], Fraction] | None = None) -> Shares:
    """Shares rows by weights; what a ceiling frees goes to the others in proportion.

    Every part and dataset has its exact rows rounded up or down, and those inside a part add up
    to it.

    Args:
      root: the tree.
      total: rows of all.
      mean: number of an ingredient -> tokens of a row of it, where the weights of parts are shares
        of tokens; those of datasets in a part are of rows all the same. None is rows throughout.

    Raises:
      DeclarationError: ceilings allow fewer rows.
    """
    capacity = root.capacity
    if capacity is not None and total > capacity:
        raise DeclarationError(
            f"{counted(total, 'example')}: max_repeats allows {capacity:,} of what is available; "
            "ask for fewer, or raise it"
        )
    exact: dict[int, Fraction] = {}
    parts: dict[str, Fraction] = {}
    full: set[int] = set()
    rows: dict[int, int] = {}
    if mean is None:
        _fill(root, Fraction(total), exact, parts, full)
    else:
        _fill_by_tokens(root, Fraction(total), mean, exact, parts, full)
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


def _fill_by_tokens(
    root: Node,
    total: Fraction,
    mean: Callable[[int], Fraction],
    exact: dict[int, Fraction],
    parts: dict[str, Fraction],
    full: set[int],
) -> None:
    """Shares rows so that parts below their ceilings have tokens in proportion to their weights.

    For any number of tokens it is known what everything has of them. The number that gives `total`
    rows is looked for: between two datasets that come to their ceilings, rows grow evenly with it.
    """
    tree = _in_tokens(root, mean)
    low, high = Fraction(0), None if tree.capacity is None else Fraction(tree.capacity)
    tokens = total / _line(root, mean, full).slope
    if high is not None and total == root.capacity:
        tokens = high
    while True:
        of_each: dict[int, Fraction] = {}
        full.clear()
        _fill(tree, tokens if high is None else min(tokens, high), of_each, {}, full)
        exact |= {number: amount / mean(number) for number, amount in of_each.items()}
        rows = sum(exact.values())
        if rows == total:
            break
        low, high = (tokens, high) if rows < total else (low, tokens)
        line = _line(root, mean, full)
        tokens = (total - line.start) / line.slope if line.slope else low
        if not low < tokens or (high is not None and not tokens < high):
            tokens = 2 * low if high is None else (low + high) / 2
    for part in root.parts():
        parts[part.path] = sum((exact[number] for number in part.items), Fraction(0))


def _in_tokens(node: Node, mean: Callable[[int], Fraction]) -> Node:
    """A tree whose datasets have tokens where they had rows."""
    if node.item is None:
        return replace(node, nodes=tuple(_in_tokens(one, mean) for one in node.nodes))
    length = mean(node.item)
    most = None if node.most is None else node.most * length
    return replace(node, weight=node.weight * length, most=most)


@dataclass(frozen=True)
class _Line:
    """How the rows of a node grow with its tokens: to start + slope * tokens."""

    start: Fraction
    """Rows of no tokens, if all were as it is now; of what is full, its rows."""
    slope: Fraction
    """Rows of each token more; 0 of what is full."""
    tokens: Fraction
    """Tokens of what is full in it."""


def _line(node: Node, mean: Callable[[int], Fraction], full: Collection[int]) -> _Line:
    nothing = Fraction(0)
    if node.item is not None:
        length = mean(node.item)
        if node.item in full:
            assert node.most is not None
            return _Line(Fraction(node.most), nothing, node.most * length)
        return _Line(nothing, 1 / length, nothing)
    weight = tokens = start = slope = nothing
    for one in node.nodes:
        line = _line(one, mean, full)
        start += line.start
        if not line.slope:
            tokens += line.tokens
            continue
        # Weights of parts are of tokens, those of datasets of rows.
        share = one.weight if one.is_part else one.weight / line.slope
        weight += share
        slope += share * line.slope
    if not weight:
        return _Line(start, nothing, tokens)
    return _Line(start - slope / weight * tokens, slope / weight, tokens)


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


def exact_weights(rates: Sequence[float | Fraction]) -> list[Fraction]:
    """Returns rates as fractions."""
    return [Fraction(rate) for rate in rates]


def largest_remainder(rates: Sequence[float | Fraction], total: int) -> list[int]:
    """Shares `total` in proportion to `rates` in whole numbers; ties go to the first."""
    # Fractions, so that no rounding of floats can make the floors add up to more than `total`.
    weights = exact_weights(rates)
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    counts = [int(share) for share in exact]
    order = sorted(range(len(rates)), key=lambda i: (counts[i] - exact[i], i))
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts
