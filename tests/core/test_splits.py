import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.splits import Splits, share_limit

RULES = [
    Splits.given(),
    Splits.given(validation=None),
    Splits.validation_from_train(200),
    Splits.validation_from_train(50, train="train_xl"),
    Splits.carved(validation=100, test=500),
    *(Splits.carved(validation=200, test=3000, block=(i, 3)) for i in range(3)),
    Splits.test_only(),
    Splits(carve_validation=30, test_first=100),
]


@pytest.mark.parametrize(
    "changes",
    [
        {"train": 3},
        {"validation": ["x"]},
        {"carve_validation": "3"},
        {"carve_test": 1.5},
        {"carve_test": True},
        {"carve_test": 10**30},
        {"block": (1,)},
        {"block": "12"},
    ],
)
def test_values_of_other_types_are_refused(changes):
    with pytest.raises(DeclarationError, match=f"Splits: {next(iter(changes))} is"):
        Splits(**changes)


@given(st.sampled_from(RULES), st.integers(0, 20_000))
def test_splits_share_no_row_at_any_size(rule, num_rows):
    seen = {}
    for split in rule.names:
        part = rule.slice(split, num_rows)
        assert 0 <= part.start <= part.stop <= num_rows
        for other in seen.get(part.source_split, []):
            assert part.stop <= other.start or other.stop <= part.start
        seen.setdefault(part.source_split, []).append(part)


@given(st.integers(0, 20_000))
def test_blocks_of_one_source_share_no_training_row(num_rows):
    rules = [Splits.carved(validation=200, test=3000, block=(i, 3)) for i in range(3)]
    parts = [rule.slice(s, num_rows) for rule in rules for s in ("train", "validation")]
    rows = sorted((part.start, part.stop) for part in parts)
    assert all(before[1] <= after[0] for before, after in zip(rows, rows[1:], strict=False))


@pytest.mark.parametrize(
    ("num_rows", "train", "validation"),
    [(2490, 2290, 200), (400, 200, 200), (399, 360, 39), (64, 58, 6), (12, 11, 1), (2, 2, 0)],
)
def test_validation_is_a_tenth_where_the_carve_would_take_more_than_half(
    num_rows, train, validation
):
    rule = Splits.validation_from_train(200)
    assert len(rule.slice("train", num_rows)) == train
    assert len(rule.slice("validation", num_rows)) == validation


def test_carved_parts_lie_at_the_end_of_train():
    rule = Splits.carved(validation=100, test=500)
    parts = [rule.slice(split, 3731) for split in rule.names]
    assert [(p.start, p.stop) for p in parts] == [(0, 3131), (3131, 3231), (3231, 3731)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": "train", "validation": "train"},
        {"train": None},
        {"train": None, "test": "test", "carve_validation": 5},
        {"validation": "validation", "carve_validation": 5},
        {"carve_test": -1},
        {"block": (3, 3)},
    ],
)
def test_splits_refuse_what_cannot_be(wrong):
    with pytest.raises(DeclarationError):
        Splits(**wrong)


@given(
    st.integers(1, 40_000),
    st.dictionaries(st.text("abc", min_size=1), st.integers(0, 100_000), min_size=1, max_size=4),
)
def test_share_limit_uses_the_limit_and_no_more_than_there_is(limit, sizes):
    shares = share_limit(limit, sizes)
    assert sum(shares.values()) == min(limit, sum(sizes.values()))
    assert all(0 <= shares[name] <= size for name, size in sizes.items())


def test_share_limit_follows_sizes():
    shares = share_limit(30_000, {"r1": 16_946, "r2": 45_460, "r3": 100_459})
    assert shares == {"r1": 3121, "r2": 8374, "r3": 18505}


def test_test_rows_in_front_are_all_taken_before_any_is_trained_on():
    rule = Splits(carve_validation=30, test_first=100)
    slices = {rows: {name: rule.slice(name, rows) for name in rule.names} for rows in (26, 1000)}
    assert [(s.start, s.stop) for s in slices[1000].values()] == [(100, 970), (970, 1000), (0, 100)]
    assert {name: len(s) for name, s in slices[26].items()} == {
        "train": 0,
        "validation": 0,
        "test": 26,
    }


@pytest.mark.parametrize("changes", [{"carve_test": 1}, {"test": "test"}, {"train": None}])
def test_test_rows_in_front_of_train_need_train_and_no_other_test(changes):
    with pytest.raises(DeclarationError, match="the start of train"):
        Splits(**({"test_first": 100, "validation": "validation"} | changes))
