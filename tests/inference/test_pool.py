"""Prompts of many units in full batches, whatever their lengths and order."""

import random
from collections import Counter

import pytest

from flan_tasks.inference.pool import Batch, Waiting, pooled


def prompts(sizes, *, kinds=(32, 128), lengths=(64, 128, 256, 512), seed=1):
    """Units of some sizes, of prompts of random lengths and kinds, numbered throughout."""
    draw = random.Random(seed)
    number = 0
    units = []
    for size in sizes:
        numbers = range(number, number + size)
        units.append([Waiting(draw.choice(kinds), draw.choice(lengths), n) for n in numbers])
        number += size
    return units


@pytest.mark.parametrize("sizes", [[], [0, 0], [1], [3, 0, 4], [4] * 60, [1000], [1, 500, 2]])
def test_every_prompt_is_answered_once_in_a_batch_that_holds_it(sizes):
    units = prompts(sizes)
    of_number = {one.item: one for unit in units for one in unit}
    batches = list(pooled(units, size=8))
    assert sorted(n for batch in batches for n in batch.items) == list(range(sum(sizes)))
    for batch in batches:
        assert 0 < len(batch.items) <= batch.rows <= 8
        assert {of_number[number].kind for number in batch.items} == {batch.kind}
        assert max(of_number[number].length for number in batch.items) == batch.length


def test_units_of_four_prompts_fill_batches():
    units = prompts([4] * 200)
    batches = list(pooled(units, size=32))
    needed = sum(one.length for unit in units for one in unit)
    computed = sum(batch.rows * batch.length for batch in batches)
    # A batch for each unit would compute eight rows for every one that is needed.
    assert sum(batch.rows for batch in batches) <= 1.08 * 800
    assert computed <= 1.25 * needed
    # One that is not full for each kind, at most.
    assert sum(len(batch.items) < batch.rows for batch in batches) <= 2


def test_few_prompts_move_up_to_longer_ones_and_need_no_program_of_their_own():
    units = [[Waiting(32, length, length) for length in [64] * 3 + [512] * 20]]
    batches = list(pooled(units, size=8))
    assert {(batch.length, batch.rows) for batch in batches} == {(512, 8)}
    assert [len(batch.items) for batch in batches] == [8, 8, 7]


@pytest.mark.parametrize(
    ("count", "multiple", "rows"), [(1, 1, 1), (3, 1, 4), (1, 2, 2), (5, 4, 8)]
)
def test_a_few_prompts_alone_are_not_padded_to_a_full_batch(count, multiple, rows):
    units = [[Waiting(None, 64, n) for n in range(count)]]
    assert [b.rows for b in pooled(units, size=32, multiple=multiple)] == [rows]


def test_a_batch_that_is_not_full_has_the_shape_of_the_full_ones_of_its_length():
    units = [[Waiting(None, 64, n) for n in range(9)]]
    assert list(pooled(units, size=8)) == [
        Batch(None, 64, 8, tuple(range(8))),
        Batch(None, 64, 8, (8,)),
    ]


def test_nothing_waits_longer_than_a_window():
    long = [Waiting(None, 512, "long")]
    short = [[Waiting(None, 64, f"{unit} {n}") for n in range(4)] for unit in range(100)]
    read = []

    def units():
        for unit in [long, *short]:
            read.append(unit)
            yield unit

    for batch in pooled(units(), size=4, window=5):
        if "long" in batch.items:
            break
    # Five batches of four, and what was left of the unit.
    assert len(read) == 6
    waiting = Counter(batch.rows - len(batch.items) for batch in pooled(short, size=3, window=5))
    assert sum(padding * count for padding, count in waiting.items()) <= 2 * 400 / 15


def test_batches_depend_on_the_prompts_and_their_order_alone():
    units = prompts([4] * 50)
    batches = list(pooled(units, size=8))
    assert list(pooled(iter(units), size=8)) == batches
    # How the prompts were grouped says only when a window may end.
    joined = [[one for unit in units for one in unit]]
    assert list(pooled(joined, size=8)) == batches
