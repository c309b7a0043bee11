"""Prompts of many units in batches of a budget of tokens, whatever their lengths and order."""

import random

import pytest

from flan_tasks.inference.pool import Batch, Pool, Waiting, length_class, pooled, windows

TOKENS = 1024


def prompts(sizes, *, kinds=(32, 128), lengths=(20, 500), seed=1):
    """Units of some sizes, of prompts of random lengths and kinds, numbered throughout."""
    draw = random.Random(seed)
    number = 0
    units = []
    for size in sizes:
        numbers = range(number, number + size)
        units.append([Waiting(draw.choice(kinds), draw.randint(*lengths), n) for n in numbers])
        number += size
    return units


@pytest.mark.parametrize("sizes", [[], [0, 0], [1], [3, 0, 4], [4] * 60, [1000], [1, 500, 2]])
@pytest.mark.parametrize("most", [None, 8])
def test_every_prompt_is_answered_once_in_a_batch_that_holds_it(sizes, most):
    units = prompts(sizes)
    of_number = {one.item: one for unit in units for one in unit}
    batches = list(pooled(units, tokens=TOKENS, most=most))
    assert sorted(n for batch in batches for n in batch.items) == list(range(sum(sizes)))
    for batch in batches:
        assert 0 < len(batch.items) <= batch.rows
        assert most is None or batch.rows <= most
        assert batch.rows * batch.length <= TOKENS or batch.rows == 1
        assert {of_number[number].kind for number in batch.items} == {batch.kind}
        assert max(of_number[number].length for number in batch.items) <= batch.length


def test_units_of_four_prompts_fill_batches_and_little_is_padded():
    units = prompts([4] * 500)
    batches = list(pooled(units, tokens=TOKENS))
    needed = sum(one.length for unit in units for one in unit)
    computed = sum(batch.rows * batch.length for batch in batches)
    assert computed <= 1.15 * needed
    # Programs are few, and one batch that is not full for each kind and window, at most.
    assert len({(batch.kind, batch.length) for batch in batches}) <= 2 * 16
    few = sum(len(batch.items) < batch.rows for batch in batches)
    assert few <= 2 * len(list(windows(units, tokens=128 * TOKENS)))


def test_lengths_are_at_most_an_eighth_above_what_they_hold():
    for length in range(1, 3000):
        padded = length_class(length)
        assert length <= padded < max(length + 8, 1.125 * length + 1)
    assert len({length_class(length) for length in range(1, 2049)}) <= 50


def test_few_prompts_move_up_to_longer_ones_and_need_no_program_of_their_own():
    units = [[Waiting(32, length, length) for length in [64] * 3 + [512] * 20]]
    batches = list(pooled(units, tokens=8 * 512))
    assert {(batch.length, batch.rows) for batch in batches} == {(512, 8)}
    assert [len(batch.items) for batch in batches] == [8, 8, 7]


def test_many_short_prompts_are_not_padded_to_a_long_one():
    units = [[Waiting(32, length, length) for length in [1000] + [100] * 500]]
    batches = list(pooled(units, tokens=TOKENS))
    assert {batch.length for batch in batches} == {104, 1024}
    assert sum(batch.rows * batch.length for batch in batches) < 1.2 * (1000 + 500 * 100)


def test_a_program_that_is_there_is_used_again():
    pool = Pool(8 * 512)
    few, many = ([Waiting(None, 60, n) for n in range(count)] for count in (3, 1000))
    long = [Waiting(None, 500, "long") for _ in range(9)]
    assert {batch.length for batch in pool.batches([*few, *long])} == {512}
    assert {batch.length for batch in pool.batches([*many, *long])} == {64, 512}
    assert {batch.length for batch in pool.batches(many[:70])} == {64}


def test_programs_that_are_costly_are_few():
    window = [Waiting(None, length, length) for length in range(64, 512, 2)]
    counts = []
    for program in (None, 10_000, 100_000):
        batches = list(Pool(8 * 512, program=program).batches(window))
        assert sorted(n for batch in batches for n in batch.items) == list(range(64, 512, 2))
        counts.append(len({batch.length for batch in batches}))
    assert counts == [5, 2, 1]


@pytest.mark.parametrize(
    ("count", "multiple", "rows"), [(1, 1, 1), (3, 1, 4), (1, 2, 2), (5, 4, 8)]
)
def test_a_few_prompts_alone_are_not_padded_to_a_full_batch(count, multiple, rows):
    units = [[Waiting(None, 64, n) for n in range(count)]]
    assert [b.rows for b in pooled(units, tokens=32 * 64, multiple=multiple)] == [rows]


def test_rows_are_a_multiple_of_the_devices():
    batches = list(pooled(prompts([300]), tokens=TOKENS, multiple=3))
    assert all(batch.rows % 3 == 0 for batch in batches)


@pytest.mark.parametrize(
    ("length", "most", "multiple", "rows"),
    [(72, None, 1, 64), (112, None, 1, 64), (64, None, 1, 64), (72, 40, 1, 40), (800, None, 3, 6)],
)
def test_rows_may_be_a_power_of_two_that_holds_the_tokens(length, most, multiple, rows):
    assert Pool(4096, most, multiple, doubles=True).size(length) == rows


def test_a_batch_that_is_not_full_has_the_shape_of_the_full_ones_of_its_length():
    units = [[Waiting(None, 64, n) for n in range(9)]]
    assert list(pooled(units, tokens=8 * 64)) == [
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

    for batch in pooled(units(), tokens=256, window=5):
        if "long" in batch.items:
            break
    # Five batches of 256 tokens.
    assert len(read) == 4


def test_batches_depend_on_the_prompts_and_their_order_alone():
    units = prompts([4] * 50)
    batches = list(pooled(units, tokens=TOKENS))
    assert list(pooled(iter(units), tokens=TOKENS)) == batches
    # How the prompts were grouped says only when a window may end.
    joined = [[one for unit in units for one in unit]]
    assert list(pooled(joined, tokens=TOKENS)) == batches
