"""Packing: what every packing of examples into rows must keep to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.packing.packing import MAX_EXAMPLES, lower_bound, pack, simple_bound

LIMITS = (32, 8)
two_sides = st.lists(st.tuples(st.integers(1, 32), st.integers(1, 8)), max_size=80)
one_side = st.lists(st.tuples(st.integers(1, 40)), max_size=80)


def rows_of(packing):
    return np.split(packing.order, packing.offsets[1:-1])


@given(st.one_of(st.tuples(two_sides, st.just(LIMITS)), st.tuples(one_side, st.just((40,)))))
def test_every_example_is_in_one_row_and_every_row_within_its_limits(case):
    lengths, limits = np.asarray(case[0], np.int64).reshape(-1, len(case[1])), case[1]
    packing = pack(lengths, limits)
    assert sorted(packing.order.tolist()) == list(range(len(lengths)))
    assert packing.offsets[0] == 0
    assert packing.offsets[-1] == len(lengths)
    assert (np.diff(packing.offsets) > 0).all()
    for row in rows_of(packing) if len(lengths) else []:
        assert (lengths[row].sum(axis=0) <= limits).all()


@given(two_sides)
def test_no_packing_goes_under_its_bounds(lengths):
    lengths = np.asarray(lengths, np.int64).reshape(-1, 2)
    rows = pack(lengths, LIMITS).num_rows
    assert simple_bound(lengths, LIMITS) <= lower_bound(lengths, LIMITS) <= rows


def fewest_rows(lengths, limits):
    """The true optimum by trying every way; for a handful of examples."""
    best = len(lengths)

    def place(number, rows):
        nonlocal best
        if len(rows) >= best:
            return
        if number == len(lengths):
            best = len(rows)
            return
        for i, row in enumerate(rows):
            if (row + lengths[number] <= limits).all():
                place(number + 1, [*rows[:i], row + lengths[number], *rows[i + 1 :]])
        place(number + 1, [*rows, lengths[number]])

    place(0, [])
    return best


@given(st.lists(st.tuples(st.integers(1, 32), st.integers(1, 8)), min_size=1, max_size=6))
def test_the_bound_is_never_above_the_best_packing(lengths):
    lengths = np.asarray(lengths, np.int64)
    best = fewest_rows(lengths, np.asarray(LIMITS))
    assert lower_bound(lengths, LIMITS) <= best <= pack(lengths, LIMITS).num_rows


def test_rows_hold_no_more_examples_than_a_byte_can_number():
    packing = pack(np.ones((1000, 2), np.int64), (4096, 4096))
    assert np.diff(packing.offsets).max() == MAX_EXAMPLES
    assert packing.num_rows == 4 == lower_bound(np.ones((1000, 2), np.int64), (4096, 4096))


def test_packing_is_near_its_bound_on_lengths_like_those_of_a_mixture():
    draw = np.random.default_rng(0)
    lengths = np.stack(
        (
            np.clip(draw.lognormal(4.2, 0.9, 4000), 8, 1024),
            np.clip(draw.lognormal(1.8, 1.2, 4000), 2, 256),
        ),
        axis=1,
    ).astype(np.int64)
    rows = pack(lengths, (1024, 256)).num_rows
    assert rows <= 1.02 * lower_bound(lengths, (1024, 256))


def test_long_targets_share_rows_with_long_inputs():
    lengths = np.asarray([[900, 10]] * 10 + [[100, 240]] * 10)
    assert pack(lengths, (1024, 256)).num_rows == 10


@pytest.mark.parametrize("lengths", [[[0, 1]], [[33, 1]], [[1, 9]]])
def test_lengths_out_of_range_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must be from 1"):
        pack(np.asarray(lengths), LIMITS)
