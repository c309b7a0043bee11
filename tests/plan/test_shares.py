"""Shares of a tree of parts: exact at every level, ceilings kept, nothing lost."""

import random
from fractions import Fraction

import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.plan.shares import Node, largest_remainder, pruned, shares_of


def tree(chance: random.Random, depth: int, numbers, path: str = "", *, ceilings: bool) -> Node:
    """A tree of random weights, with datasets or parts in each part."""
    weight = Fraction(str(round(chance.uniform(0.01, 1), chance.randint(2, 5))))
    count = chance.randint(1, 5)
    if depth == 0 or (path and chance.random() < 0.3):
        nodes = []
        for _ in range(count):
            most = chance.randint(0, 40) if ceilings and chance.random() < 0.5 else None
            rate = Fraction(chance.choice((3000.0, 17.3, 1 / 3, 0.1)))
            nodes.append(Node(path, rate, item=next(numbers), most=most))
        return Node(path, weight, tuple(nodes))
    inside = [
        tree(chance, depth - 1, numbers, f"{path}/p{n}".strip("/"), ceilings=ceilings)
        for n in range(count)
    ]
    return Node(path, weight, tuple(inside))


def check_level(node: Node, found, rows: int, exact: Fraction) -> None:
    """Compares what a part has with its exact rows, and what is inside with the part."""
    assert abs(rows - exact) < 1
    if node.item is not None:
        assert found.rows[node.item] == rows
        return
    inside = [sum(found.rows[item] for item in one.items) for one in node.nodes]
    assert sum(inside) == rows
    for one, count in zip(node.nodes, inside, strict=True):
        share = found.parts[one.path] if one.is_part else found.exact[one.items[0]]
        check_level(one, found, count, share)


@pytest.mark.parametrize("seed", range(60))
def test_parts_add_up_and_none_is_off_by_one(seed):
    chance = random.Random(seed)
    root = tree(chance, 3, iter(range(10_000)), ceilings=False)
    total = chance.choice((1, 7, 100, 12_345))
    found = shares_of(root, total)
    assert sum(found.rows.values()) == sum(found.exact.values()) == total
    check_level(root, found, total, Fraction(total))
    # Without ceilings a share is the product of the weights on the way to it, exactly.
    for node in root.nodes:
        if node.is_part:
            weight = node.weight / sum(one.weight for one in root.nodes)
            assert found.parts[node.path] == total * weight


@pytest.mark.parametrize("seed", range(60))
def test_ceilings_are_kept_and_what_they_free_is_shared_in_proportion(seed):
    chance = random.Random(seed)
    root = tree(chance, 2, iter(range(10_000)), ceilings=True)
    most = {}

    def note(node):
        if node.item is not None:
            most[node.item] = node.most
        for one in node.nodes:
            note(one)

    note(root)
    total = 500 if root.capacity is None else root.capacity // 2
    found = shares_of(root, total)
    assert sum(found.rows.values()) == total
    check_level(root, found, total, Fraction(total))
    for number, ceiling in most.items():
        assert ceiling is None or found.rows[number] <= ceiling
    # Datasets side by side that are not at their ceiling keep the proportion of their rates.
    for part in (root, *root.parts()):
        free = [one for one in part.nodes if one.item is not None and one.item not in found.full]
        ratios = {found.exact[one.item] / one.weight for one in free}
        assert len(ratios) <= 1


def test_one_level_is_the_largest_remainder_of_a_mixture_without_parts():
    rates = [3000.0, 2500.0, 277.0, 1 / 3]
    root = Node("", Fraction(1), tuple(Node("", Fraction(r), item=n) for n, r in enumerate(rates)))
    for total in (1, 10, 997, 5000):
        assert list(shares_of(root, total).rows.values()) == largest_remainder(rates, total)


def test_decimal_weights_do_not_drift():
    weights = ("0.4", "0.32", "0.2", "0.05", "0.03")
    parts = tuple(
        Node(name, Fraction(weight), (Node(name, Fraction(1), item=n),))
        for n, (name, weight) in enumerate(zip("abcde", weights, strict=True))
    )
    found = shares_of(Node("", Fraction(1), parts), 10**12)
    assert [found.rows[n] for n in range(5)] == [
        4 * 10**11,
        32 * 10**10,
        2 * 10**11,
        5 * 10**10,
        3 * 10**10,
    ]


def test_more_than_ceilings_allow_is_refused():
    root = Node("", Fraction(1), (Node("", Fraction(1), item=0, most=5),))
    assert shares_of(root, 5).full == {0}
    with pytest.raises(DeclarationError, match="max_repeats allows 5"):
        shares_of(root, 6)


def test_empty_parts_leave_their_share_to_the_others():
    def leaf(path, weight, items):
        return Node(path, Fraction(weight), tuple(Node(path, Fraction(1), item=n) for n in items))

    root = pruned(Node("", Fraction(1), (leaf("a", 2, [0]), leaf("b", 5, []), leaf("c", 1, [1]))))
    assert [node.path for node in root.nodes] == ["a", "c"]
    assert shares_of(root, 9).rows == {0: 6, 1: 3}
    assert pruned(Node("", Fraction(1), (leaf("b", 5, []),))) is None


def test_weights_of_tokens_give_shares_of_tokens():
    tokens = {0: Fraction(10), 1: Fraction(40), 2: Fraction(25), 3: Fraction(100)}
    inner = Node(
        "a",
        Fraction(3),
        (
            Node("a/x", Fraction(1), (Node("a/x", Fraction(1), item=0),)),
            Node("a/y", Fraction(1), (Node("a/y", Fraction(1), item=1),)),
        ),
    )
    other = Node("b", Fraction(1), (Node("b", Fraction(2), item=2), Node("b", Fraction(1), item=3)))
    root = Node("", Fraction(1), (inner, other))
    found = shares_of(root, 10**9, mean=tokens.__getitem__)
    total = {number: exact * tokens[number] for number, exact in found.exact.items()}
    whole = sum(total.values())
    assert total[0] == total[1]
    assert (total[0] + total[1]) / whole == Fraction(3, 4)
    # Datasets of one part keep the rates of examples.
    assert found.exact[2] == 2 * found.exact[3]


def tokens_of(node, exact, lengths):
    return sum((exact[item] * lengths[item] for item in node.items), Fraction(0))


@pytest.mark.parametrize("seed", range(60))
def test_what_ceilings_free_is_shared_by_the_weights_of_tokens(seed):
    chance = random.Random(seed)
    root = tree(chance, 3, iter(range(10_000)), ceilings=True)
    lengths = {item: Fraction(chance.randint(1, 900), chance.randint(1, 7)) for item in root.items}
    total = 500 if root.capacity is None else max(1, root.capacity * chance.randint(1, 4) // 4)
    if root.capacity == 0:
        total = 0
    lengths[0] = Fraction(1000)  # others come to their ceilings in another order for it
    found = shares_of(root, total, mean=lengths.__getitem__)
    assert sum(found.rows.values()) == sum(found.exact.values()) == total
    check_level(root, found, total, Fraction(total))
    by_item = {}
    for part in (root, *root.parts()):
        by_item |= {one.item: one for one in part.nodes if one.item is not None}
    for number, one in by_item.items():
        assert one.most is None or found.exact[number] <= one.most
        assert (number in found.full) == (one.most is not None and found.exact[number] == one.most)

    def level(one):
        """What nodes beside each other have alike: tokens of parts, rows of datasets."""
        amount = tokens_of(one, found.exact, lengths) if one.is_part else found.exact[one.item]
        return amount / one.weight

    for part in (root, *root.parts()):
        grows = [level(one) for one in part.nodes if set(one.items) - found.full]
        stays = [level(one) for one in part.nodes if not set(one.items) - found.full]
        assert len(set(grows)) <= 1
        # What is at its ceiling would have as much or more.
        assert all(one <= grows[0] for one in stays if grows)


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_one_length_are_shared_as_rows(seed):
    root = tree(random.Random(seed), 3, iter(range(10_000)), ceilings=True)
    total = 300 if root.capacity is None else root.capacity // 2
    assert shares_of(root, total, mean=lambda _: Fraction(17)) == shares_of(root, total)


def test_a_part_at_its_ceiling_leaves_tokens_to_the_others():
    def leaf(path, weight, item, most=None):
        return Node(path, Fraction(weight), (Node(path, Fraction(1), item=item, most=most),))

    # Of 100 rows, `a` is at its 10 rows of 50 tokens; `b` and `c` have tokens as 1 to 3.
    root = Node("", Fraction(1), (leaf("a", 6, 0, 10), leaf("b", 1, 1), leaf("c", 3, 2)))
    tokens = {0: Fraction(50), 1: Fraction(10), 2: Fraction(30)}
    found = shares_of(root, 100, mean=tokens.__getitem__)
    assert found.exact == {0: 10, 1: 45, 2: 45} and found.full == {0}
