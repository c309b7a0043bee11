"""What parts, ceilings and weights of tokens make of a mixture that is planned."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.part_tree import Branch
from flan_tasks.core.parts import EXAMPLES, TOKENS
from flan_tasks.plan.prepare import Ingredient, MeanTokens, Prepared
from flan_tasks.plan.shares import Node, pruned


def shared_tree(prepared: Prepared, items: Sequence[Ingredient]) -> Node | None:
    """Returns what parts and ceilings make of a mixture; None where there are neither.

    Raises:
      DeclarationError: weights are of tokens, and no vocabulary counts them.
    """
    mixture = prepared.mixture
    ceilings = prepared.tree is not None and any(leaf.max_repeats for leaf in prepared.tree.leaves)
    if prepared.tree is None or prepared.split != "train" or not (mixture.parts or ceilings):
        return None
    tree = pruned(_node(prepared.tree, items))
    assert tree is not None  # some item has examples
    if mixture.weights != EXAMPLES and not prepared.mean_tokens:
        raise DeclarationError(
            f'mixture "{mixture.name}": weights = "{mixture.weights}" are of tokens, which a '
            "vocabulary counts; give one, --vocab"
        )
    return tree


def mean_tokens(
    prepared: Prepared, items: Sequence[Ingredient]
) -> Callable[[int], Fraction] | None:
    """Returns the tokens of a row by the number of its ingredient, where weights are of tokens."""
    weights = prepared.mixture.weights
    if weights == EXAMPLES:
        return None
    return lambda number: _mean(prepared.mean_tokens[items[number].name], inputs=weights == TOKENS)


def _mean(tokens: MeanTokens, *, inputs: bool) -> Fraction:
    return Fraction(tokens.targets + (tokens.inputs if inputs else 0), tokens.rows)


def _node(branch: Branch, items: Sequence[Ingredient]) -> Node:
    nodes = tuple(_node(one, items) for one in branch.branches)
    if branch.leaf is not None:
        repeats = branch.leaf.max_repeats
        nodes = tuple(
            Node(
                branch.path,
                Fraction(item.rate),
                item=number,
                most=None if repeats is None else int(repeats * item.available),
            )
            for number, item in enumerate(items)
            if item.part == branch.path
        )
    return Node(branch.path, branch.weight, nodes)
