import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.build import draws
from flan_tasks.core import choice

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
