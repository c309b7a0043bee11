"""Rates and shares of a mixture's datasets from declared sizes, without a row of data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture, one_pass, read_mixture
from flan_tasks.core.part_tree import Branch, Leaf, part_tree
from flan_tasks.core.parts import EXAMPLES
from flan_tasks.core.splits import share_limit
from flan_tasks.datasets import catalog
from flan_tasks.plan.shares import Node, pruned, shares_of


@dataclass(frozen=True)
class Share:
    """One dataset of a mixture."""

    name: str
    """Its name."""
    cluster: str
    """Its cluster."""
    rate: float
    """Mixing rate."""
    share: float
    """Part of all rows, from 0 to 1."""
    size_declared: bool
    """Whether its size is declared; a dataset without has no rate before its rows are read."""
    evaluated_only: bool
    """Whether it is never trained on."""
    part: str = ""
    """Path of the part it is in; empty of a mixture without parts."""


@dataclass(frozen=True)
class PartShare:
    """One part of a mixture."""

    path: str
    """Names of the parts from the outermost, joined by /."""
    weight: float
    """Its weight beside the others of its level."""
    share: float
    """Part of all rows (of all tokens, where weights are of tokens), from 0 to 1."""
    exact: str
    """The same as a fraction."""


@dataclass(frozen=True)
class MixtureShares:
    """A mixture by declared sizes."""

    name: str
    """Its name."""
    description: str
    """What it is, in a sentence."""
    held_out: tuple[str, ...]
    """Datasets that are held out."""
    datasets: tuple[Share, ...]
    """Its datasets, in the order of the catalog; of several parts one part after the other."""
    parts: tuple[PartShare, ...] = ()
    """Its parts, each before those inside it."""
    weights: str = EXAMPLES
    """What shares are of: examples, tokens or trained_tokens."""

    @property
    def clusters(self) -> dict[str, float]:
        """Cluster -> share."""
        found: dict[str, float] = {}
        for one in self.datasets:
            if not one.evaluated_only:
                found[one.cluster] = found.get(one.cluster, 0.0) + one.share
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return asdict(self)

    def _repr_html_(self) -> str:
        trained = [(one.path, one.share) for one in self.parts] or [
            (one.name, one.share) for one in self.datasets if not one.evaluated_only
        ]
        held = [notebook.text(f"held out: {', '.join(self.held_out)}")] if self.held_out else []
        about = notebook.text(self.description)
        return notebook.page(self.name, about, notebook.bars(trained), *held)


def shares(mixture: Mixture) -> MixtureShares:
    """Returns the rate and share of each dataset of a mixture, from declared sizes.

    Raises:
      UnknownNameError: it names something unknown.
      DeclarationError: its parts cannot be; with all that is wrong.
    """
    if mixture.parts:
        return _shares_of_parts(mixture)
    members = catalog().members(mixture)
    counts = declared_counts(mixture)
    rates: Mapping[str, float] = catalog().rates(mixture, members, counts)
    total = sum(rates.values()) or 1.0
    return MixtureShares(
        name=mixture.name,
        description=mixture.description,
        held_out=tuple(dataset.name for dataset in catalog().held_out(mixture)),
        datasets=tuple(
            Share(
                name=dataset.name,
                cluster=dataset.cluster,
                rate=round(rates.get(dataset.name, 0.0), 4),
                share=round(rates.get(dataset.name, 0.0) / total, 6),
                size_declared=bool(dataset.declared_rows("train")),
                evaluated_only=not dataset.is_trained_on,
            )
            for dataset in members
        ),
    )


def named(name: str) -> Mixture:
    """Returns the mixture that a name means, or that of a TOML file.

    Raises:
      UnknownNameError: no mixture, cluster or dataset has that name.
      DeclarationError: the file is missing or malformed.
    """
    return read_mixture(Path(name)) if name.endswith(".toml") else catalog().mixture(name)


def _shares_of_parts(mixture: Mixture) -> MixtureShares:
    tree = part_tree(mixture, catalog())
    leaves = [_DeclaredLeaf(leaf) for leaf in tree.leaves]
    members = [(leaf, dataset) for leaf in leaves for dataset in leaf.members]
    node = pruned(_node(tree, {leaf.leaf.path: leaf for leaf in leaves}, iter(range(len(members)))))
    if node is None:
        raise DeclarationError(
            f'mixture "{mixture.name}": no dataset has a declared size; a build counts its rows'
        )
    total = sum(leaf.one_pass for leaf in leaves)
    total = total if node.capacity is None else min(total, int(node.capacity))
    found = shares_of(node, total)

    def share(exact: Fraction) -> Fraction:
        return exact / total if total else Fraction(0)

    return MixtureShares(
        name=mixture.name,
        description=mixture.description,
        held_out=tuple(dataset.name for dataset in catalog().held_out(mixture)),
        datasets=tuple(
            Share(
                name=dataset.name,
                cluster=dataset.cluster,
                rate=round(leaf.rates.get(dataset.name, 0.0), 4),
                share=round(float(share(found.exact.get(number, Fraction(0)))), 6),
                size_declared=bool(dataset.declared_rows("train")),
                evaluated_only=not dataset.is_trained_on,
                part=leaf.leaf.path,
            )
            for number, (leaf, dataset) in enumerate(members)
        ),
        parts=tuple(
            PartShare(
                path=branch.path,
                weight=float(branch.weight),
                share=round(float(share(found.parts.get(branch.path, Fraction(0)))), 6),
                exact=str(share(found.parts.get(branch.path, Fraction(0)))),
            )
            for branch in _branches(tree)
        ),
        weights=mixture.weights,
    )


def _branches(branch: Branch) -> Iterator[Branch]:
    for one in branch.branches:
        yield one
        yield from _branches(one)


class _DeclaredLeaf:
    """A part without parts, by declared sizes."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.members: Sequence[Dataset] = catalog().left_of(leaf.mixture)
        self.counts = declared_counts(leaf.mixture)
        self.rates = catalog().rates(leaf.mixture, self.members, self.counts)

    @property
    def one_pass(self) -> int:
        return one_pass(self.leaf.mixture, self.members, self.counts)


def _node(branch: Branch, leaves: Mapping[str, _DeclaredLeaf], numbers: Iterator[int]) -> Node:
    nodes = [_node(one, leaves, numbers) for one in branch.branches]
    for dataset in leaves[branch.path].members if branch.leaf else ():
        leaf, repeats = leaves[branch.path], leaves[branch.path].leaf.max_repeats
        most = None if repeats is None else int(repeats * leaf.counts.get(dataset.name, 0))
        rate = Fraction(leaf.rates.get(dataset.name, 0.0))
        nodes.append(Node(branch.path, rate, item=next(numbers), most=most))
    return Node(branch.path, branch.weight, tuple(nodes))


def declared_counts(mixture: Mixture) -> dict[str, int]:
    """Returns the training examples of each dataset by declared sizes, after carve and limit."""
    groups: dict[str, dict[str, int]] = {}
    for dataset in catalog().members(mixture):
        if dataset.is_trained_on:
            sizes = groups.setdefault(dataset.parent, {})
            sizes[dataset.name] = dataset.declared_rows("train") or 0
    return {
        name: count
        for sizes in groups.values()
        for name, count in share_limit(mixture.limit, sizes).items()
    }
