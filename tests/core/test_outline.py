"""What the index of a family says without its members."""

import dataclasses
import json

import pytest
from toy_families import toy_family

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.family import Family
from flan_tasks.core.outline import is_trained_on, member_names
from flan_tasks.core.splits import Splits
from flan_tasks.datasets import catalog


def test_names_are_those_of_the_members():
    for family in catalog().families.values():
        again = dataclasses.replace(family)
        assert member_names(again) == tuple(family.members)
        usual = [family.task(m.name) for m in family.members.values() if m.in_default_mixtures]
        assert is_trained_on(again) == any(task.is_trained_on for task in usual)


def index_of(*lines: dict) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


ONE = {"source_name": "Task1.One", "cluster": "x"}
TEST = {"source_name": "two", "cluster": "x", "splits": ["test"]}
LEFT_OUT = {"source_name": "three", "cluster": "x", "in_default_mixtures": False}


@pytest.mark.parametrize(
    ("lines", "changes", "trained"),
    [
        ([ONE, TEST], {}, True),
        ([TEST], {}, False),
        ([TEST, LEFT_OUT], {}, False),
        ([ONE], {"splits": Splits.test_only("tasks")}, False),
    ],
)
def test_a_family_is_trained_on_where_a_usual_member_is(tmp_path, lines, changes, trained):
    family = dataclasses.replace(toy_family(tmp_path, index_of(*lines)), **changes)
    assert is_trained_on(family) is trained
    assert "members" not in vars(family)


def test_no_member_is_built_for_the_names(tmp_path, monkeypatch):
    def built(*args):
        raise AssertionError("a member was built")

    family = toy_family(tmp_path, index_of(ONE, TEST))
    monkeypatch.setattr(Family, "members", property(built))
    assert member_names(family) == ("task1_one", "two")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (index_of(ONE, {"cluster": "x"}), 'line 2: no "source_name"'),
        (index_of(ONE, {**ONE, "source_name": "task1-one"}), "line 2: .* is called task1_one"),
        (index_of(ONE, {**ONE, "source_name": 5}), "line 2"),
        ("no JSON", "line 1"),
        ("", "has no task"),
    ],
)
def test_a_line_without_a_name_of_its_own_is_told(tmp_path, index, message):
    with pytest.raises(DeclarationError, match=message):
        member_names(toy_family(tmp_path, index))
