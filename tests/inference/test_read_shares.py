"""Shares of prompts that are read at once."""

import pytest

from flan_tasks.inference.read_shares import Share, read_at_once, shares_of


def test_shares_are_padded_to_the_least_length_that_holds_them():
    shares = shares_of([3, 9, 4, 17, 20], 2, [24, 8, 16])
    assert shares == [Share(range(2), 16), Share(range(2, 4), 24), Share(range(4, 5), 24)]


@pytest.mark.parametrize(
    "rows, devices, at_once",
    [(64, 1, 16), (16, 1, 4), (8, 1, 4), (3, 1, 3), (1, 1, 1), (64, 8, 16), (8, 8, 8), (24, 3, 6)],
)
def test_a_quarter_of_the_rows_is_read_at_once_and_few_are_whole(rows, devices, at_once):
    assert read_at_once(rows, devices) == at_once
