import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core import choice
from flan_tasks.plan import draws

NUMBERS = st.integers(0, 2**64 - 1)


@given(NUMBERS, NUMBERS, st.integers(0, 2**62))
def test_mix_equals_core(a, b, c):
    assert int(draws.mix(a, np.asarray([b], np.uint64), c)[0]) == choice.mix(a, b, c)


@given(st.integers(1, 50), NUMBERS, st.integers(0, 2**62))
def test_below_equals_core(bound, a, b):
    assert int(draws.below(bound, a, np.asarray([b]))[0]) == choice.below(bound, a, b)


@given(st.integers(1, 500), NUMBERS)
def test_permute_equals_core(size, key):
    found = draws.permute(np.arange(size), size, key)
    assert found.tolist() == [choice.permute(i, size, key) for i in range(size)]


def test_permute_takes_a_key_for_each_index():
    keys = np.asarray([3, 3, 9], np.int64)
    found = draws.permute(np.asarray([0, 1, 0]), 100, keys)
    assert found.tolist() == [choice.permute(i, 100, k) for i, k in ((0, 3), (1, 3), (0, 9))]


@given(st.lists(st.tuples(st.integers(1, 3000), NUMBERS, st.floats(0, 1)), min_size=1, max_size=20))
def test_permute_takes_a_size_for_each_index(found):
    sizes, keys, indices = (list(column) for column in zip(*found, strict=True))
    indices = [min(int(i * size), size - 1) for i, size in zip(indices, sizes, strict=True)]
    got = draws.permute(np.asarray(indices), np.asarray(sizes), 5, np.asarray(keys, np.uint64), 7)
    assert got.tolist() == [
        choice.permute(i, size, 5, key, 7)
        for i, size, key in zip(indices, sizes, keys, strict=True)
    ]


@given(st.lists(st.tuples(st.integers(1, 50), NUMBERS), min_size=1, max_size=20))
def test_below_takes_a_bound_for_each_number(found):
    bounds, numbers = (list(column) for column in zip(*found, strict=True))
    got = draws.below(np.asarray(bounds), 3, np.asarray(numbers, np.uint64))
    assert got.tolist() == [choice.below(b, 3, n) for b, n in found]


@given(st.integers(1, 2**62), st.data())
def test_permute_of_large_sizes_equals_core(size, data):
    indices = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))
    wanted = [choice.permute(i, size, 11) for i in indices]
    assert draws.permute(np.asarray(indices), size, 11).tolist() == wanted
    each = draws.permute(np.asarray(indices), np.full(len(indices), size), 11)
    assert each.tolist() == wanted


@pytest.mark.parametrize("count", [8191, 8192, 8193, 20_000])
def test_long_arrays_are_cut_nowhere(count):
    indices = np.arange(count)
    found = draws.permute(indices, count, 4, indices % 3)
    short = [
        draws.permute(indices[k : k + 100], count, 4, indices[k : k + 100] % 3)
        for k in range(0, count, 100)
    ]
    assert np.array_equal(found, np.concatenate(short))
    assert np.array_equal(
        draws.mix(1, indices, 2),
        np.concatenate([draws.mix(1, indices[k : k + 100], 2) for k in range(0, count, 100)]),
    )
    assert sorted(draws.permute(indices, count, 9).tolist()) == list(range(count))


def test_nothing_drawn_is_nothing():
    none = np.zeros(0, np.int64)
    assert draws.permute(none, 5, 1).shape == draws.permute(none, none, 1, none).shape == (0,)
    assert draws.mix(1, none).shape == (0,)
