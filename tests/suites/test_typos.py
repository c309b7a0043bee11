"""Typos: beside the key, one letter in twenty, the same for the same seed."""

from flan_tasks.evaluation.records import Prompt, Record, Unit
from flan_tasks.metrics.gold import Gold
from flan_tasks.suites.measures import measured
from flan_tasks.suites.typos import NEIGHBORS, RATE, mistyped

TEXT = "The quick brown fox jumps over the LAZY dog, 12 times. " * 100


def test_a_typo_is_a_letter_beside_the_key():
    typed = mistyped(TEXT, seed=1)
    assert len(typed) == len(TEXT)
    changed = [(a, b) for a, b in zip(TEXT, typed, strict=True) if a != b]
    for before, after in changed:
        assert after.lower() in NEIGHBORS[before.lower()]
        assert before.isupper() == after.isupper()
    letters = sum(one.lower() in NEIGHBORS for one in TEXT)
    assert 0.8 * RATE < len(changed) / letters < 1.2 * RATE


def test_neighbors_lie_beside_each_other_both_ways():
    assert sorted(NEIGHBORS["g"]) == ["b", "f", "h", "t", "v", "y"]
    assert all(
        letter in NEIGHBORS[other] and letter != other
        for letter in NEIGHBORS
        for other in NEIGHBORS[letter]
    )


def test_the_same_seed_makes_the_same_typos():
    assert mistyped(TEXT, seed=1) == mistyped(TEXT, seed=1) != mistyped(TEXT, seed=2)
    assert mistyped("1 + 2 = 3, \u00e9\u4e2d", seed=3) == "1 + 2 = 3, \u00e9\u4e2d"
    # Another text for the same seed would be another evaluation.
    assert mistyped(TEXT[:55], seed=7) == GOLDEN


GOLDEN = "The quick hrown fox jumpx over the LAZY dog, 12 times. "


class Kept:
    """Answers by unit."""

    def __init__(self, **units):
        self.units = units

    def has(self, unit):
        return unit.method == "generate" and unit.template in self.units

    def kept(self, unit):
        return self.units[unit.template]


def test_the_worst_is_the_lower_of_both_example_by_example():
    def records(*said):
        golds = [Gold("x", ("x",), key=f"test:{n}") for n in range(len(said))]
        return [Record(Prompt("?", gold), one) for gold, one in zip(golds, said, strict=True)]

    answers = Kept(**{"a": records("x", "x", "-", "-"), "a+typos": records("x", "-", "x", "-")})
    found = measured(
        "toy",
        ["a"],
        answers,
        split="test",
        metrics=("accuracy",),
        numbers=("accuracy",),
        mistyped={Unit("toy", "a+typos", "test", "generate")},
        wanted={"score", "typos", "worst", "calibration"},
    )
    assert found == {"typos": 50, "worst": 25}
