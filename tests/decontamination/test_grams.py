import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.decontamination import grams
from flan_tasks.decontamination.grams import Grams, Lists, distinct, sound

ids = st.lists(st.integers(-2, 3), max_size=40).map(lambda values: np.asarray(values, np.int32))


def runs(values: np.ndarray, n: int) -> dict[int, tuple[int, ...]]:
    """The runs of n known words, by position."""
    whole = {at: tuple(values[at : at + n].tolist()) for at in range(len(values) - n + 1)}
    return {at: run for at, run in whole.items() if min(run) >= 0}


@given(ids, ids, st.integers(1, 5), st.booleans())
def test_runs_are_found_where_they_stand(known, asked, n, collide):
    with pytest.MonkeyPatch.context() as patch:
        if collide:  # half of the words have one code, until there is another salt
            usual = grams._codes
            patch.setattr(grams, "_codes", lambda v, salt: usual(v // 2 if salt == 0 else v, salt))
        inside = runs(known, n)
        table = Grams(known, n, np.flatnonzero(sound(known, n)))
        at, numbers = table.find(asked)
        wanted = {place: run for place, run in runs(asked, n).items() if run in inside.values()}
        assert at.tolist() == sorted(wanted)
        for place, number in zip(at.tolist(), numbers, strict=True):
            assert inside[int(table.first[number])] == wanted[place]
        position, places = table.places.of(numbers)
        for one in range(len(numbers)):
            same = [where for where, run in inside.items() if run == wanted[int(at[one])]]
            assert places[position == one].tolist() == same


@given(ids, st.integers(1, 15))
def test_hashes_of_equal_runs_are_equal_and_of_others_not(values, n):
    if len(values) < n:
        return
    hashes = grams._hashes(values, n, 0).tolist()
    contents = [tuple(values[at : at + n].tolist()) for at in range(len(hashes))]
    assert len(set(hashes)) == len(set(contents)) == len(set(zip(hashes, contents, strict=True)))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4))))
def test_lists_hold_distinct_numbers_by_key(pairs):
    columns = np.asarray(pairs, np.int64).reshape(-1, 2).T
    lists = Lists(columns[0], columns[1], 5)
    position, values = lists.of(np.arange(5))
    assert list(zip(position.tolist(), values.tolist(), strict=True)) == sorted(set(pairs))
    assert lists.counts(np.arange(5)).tolist() == np.bincount(position, minlength=5).tolist()
    rows = distinct(columns[0], columns[1])
    assert list(zip(*(column.tolist() for column in rows), strict=True)) == sorted(set(pairs))
