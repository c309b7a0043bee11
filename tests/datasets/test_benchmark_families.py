"""MMLU, BIG-Bench Hard and MGSM as families: outside training, with wordings of ours."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.core.family import family_of
from flan_tasks.datasets import catalog

ROW = {"question": "Why? ", "A": "one", "B": "two ", "C": "3", "D": "0.10", "answer": "B"}


def normalized(name, row):
    family, member = family_of(catalog()[name])
    return family.normalize(row, member)


def test_there_are_as_many_tasks_as_are_published():
    families = catalog().families
    sizes = {name: len(families[name].members) for name in ("mmlu", "bbh", "mgsm")}
    assert sizes == {"mmlu": 57, "bbh": 27, "mgsm": 11}
    facts = [member.facts for member in families["bbh"].members.values()]
    assert len({one["task"] for one in facts}) == 23
    assert sum(m.size["test"] for m in families["bbh"].members.values()) == 6511
    by_category = {}
    for member in families["mmlu"].members.values():
        category = member.facts["category"]
        by_category[category] = by_category.get(category, 0) + 1
    assert by_category == {"STEM": 18, "humanities": 13, "social sciences": 12, "other": 14}


def test_nothing_is_trained_on_them():
    for name in ("mmlu:anatomy", "bbh:snarks", "mgsm:de"):
        assert not catalog()[name].is_trained_on
    for mixture in catalog().mixtures:
        families = {dataset.family for dataset in catalog().members(mixture)}
        assert not families & {"mmlu", "bbh", "mgsm"}, mixture.name


def test_choices_are_texts_in_our_wordings():
    example = normalized("mmlu:anatomy", ROW)
    assert example.options == ("one", "two", "3", "0.10") and example.answer == "two"
    assert example.fields == {"question": "Why?"}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("mmlu:anatomy", {**ROW, "D": "3 "}, "two choices are equal"),
        ("mmlu:anatomy", {**ROW, "D": " "}, "no question or an empty choice"),
        ("mmlu:anatomy", {**ROW, "answer": "E"}, "no letter as its answer"),
        ("bbh:snarks", {"input": "q", "target": " "}, "no input or no target"),
        ("mgsm:de", {"question": " ", "answer": "3"}, "no question or no answer"),
    ],
)
def test_rows_that_cannot_be_asked_are_skipped_with_a_reason(name, row, reason):
    assert normalized(name, row) == Skip(reason)
