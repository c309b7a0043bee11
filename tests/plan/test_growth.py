"""What is added to a plan that grows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.plan.growth import added_rows
from flan_tasks.plan.order import rows_of_tasks
from flan_tasks.plan.shares import largest_remainder


@given(st.lists(st.integers(1, 50), min_size=1, max_size=9), st.integers(1, 99), st.integers(1, 99))
def test_more_rows_of_one_mixture_can_always_be_added(rates, rows, more):
    there = largest_remainder(rates, rows)
    total = rows + more
    exact = [Fraction(rate * total, sum(rates)) for rate in rates]
    added = added_rows(["t"] * len(rates), exact, there, mixture="m")
    assert sum(added) == more and min(added) >= 0
    whole = [a + b for a, b in zip(added, there, strict=True)]
    assert all(abs(count - share) < 2 for count, share in zip(whole, exact, strict=True))


def test_what_is_named_is_enough():
    exact, there = [Fraction(10), Fraction(30)], [20, 15]
    with pytest.raises(DeclarationError, match="20 of a, whose share would be 10.*ask for 80 rows"):
        added_rows(["a", "b"], exact, there, mixture="m")
    assert added_rows(["a", "b"], [Fraction(20), Fraction(60)], there, mixture="m") == [0, 45]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=4),
    st.integers(0, 2**40),
)
def test_every_stage_has_its_rows_once_and_passes_go_on(stages, seed):
    size = sum(map(sum, stages))
    task, row = rows_of_tasks(np.arange(3 * size), stages, seed)
    counts = np.sum(stages, axis=0)
    edges = [0, *np.cumsum([sum(stage) for stage in stages])]
    for stage, start, stop in zip(stages, edges, edges[1:], strict=False):
        assert np.bincount(task[start:stop], minlength=2).tolist() == list(stage)
    for number in range(2):
        assert sorted(row[:size][task[:size] == number]) == list(range(counts[number]))
        assert sorted(row[task == number]) == list(range(3 * counts[number]))
    # What it grew from is as it was, and so is any row that is asked for alone.
    alone = rows_of_tasks(np.arange(edges[1]), stages[:1], seed)
    assert (alone[0] == task[: edges[1]]).all() and (alone[1] == row[: edges[1]]).all()
    some = np.asarray([size - 1, 2 * size, 0])
    assert (rows_of_tasks(some, stages, seed)[1] == row[some]).all()
