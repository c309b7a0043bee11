import json

import pytest
from toy_families import MEMBERS, toy_family

from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.family_index import read_member, write_index
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits, restricted


def test_a_member_is_called_as_the_source_does_in_lower_case_words(tmp_path):
    family = toy_family(tmp_path)
    assert list(family.members) == ["task1_colors_of_birds", "task2_where"]
    assert family.member("task1_Colors.of-birds") is family.member("task1_colors_of_birds")


def test_a_member_is_a_dataset_with_what_its_line_says(tmp_path):
    family = toy_family(tmp_path)
    first, second = (family.task(name) for name in family.members)
    assert first.name == "toys:task1_colors_of_birds"
    assert (first.cluster, first.license, first.languages) == ("color", "CC0-1.0", ("en",))
    assert first.fields == ("text", "definition") and first.row_fields == ("text",)
    assert first.splits.names == ("train", "validation")
    assert first.summary == "Answers what a task's definition asks."
    assert first.normalize({"input": "a", "output": "b"}).answer == "task1_colors_of_birds: b"
    assert (second.license, second.languages, second.overlaps) == ("MIT", ("ja",), ("rte",))
    assert second.splits == Splits.test_only("tasks")
    assert family.task("task2_where") is second


def test_an_unknown_member_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match='task of toys "task2_wher". Did you mean task2_wh'):
        toy_family(tmp_path).task("task2_wher")


def test_the_index_is_read_when_a_member_is_needed(tmp_path):
    family = toy_family(tmp_path, "no JSON")
    with pytest.raises(DeclarationError, match="line 1"):
        family.task("task2_where")


def test_an_index_names_file_and_line_of_each_problem(tmp_path):
    lines = [
        {"source_name": "a.b", "cluster": "x"},
        {"source_name": "a-b", "cluster": "x"},
        {"source_name": "c", "cluster": "No Name"},
        {"source_name": "d", "cluster": "x", "licence": "MIT"},
        {"source_name": "e"},
        {"source_name": "f", "cluster": "x", "size": {"tasks": "many"}},
        {"source_name": "g", "cluster": "x", "name": "h"},
        {"source_name": "i", "cluster": "x", "splits": ["test", "train"]},
        {"source_name": "j", "cluster": "x", "splits": ["dev"]},
        ["k"],
    ]
    family = toy_family(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DeclarationError) as error:
        _ = family.members
    said = str(error.value).split("\n")
    assert len(said) == 9
    for number, words in (
        (2, '"a-b" is called a_b here, and so is "a.b" of line 1'),
        (3, 'cluster "No Name" must be'),
        (4, 'unknown key "licence"'),
        (5, 'no "cluster"'),
        (6, "want"),
        (7, '"g" is called g here, not h'),
        (8, "its family has no test split"),
        (9, 'split "dev" must be one of'),
        (10, "a JSON object, not list"),
    ):
        assert any(f"toys.index.jsonl, line {number}: " in line and words in line for line in said)


def test_an_index_without_tasks_is_refused(tmp_path):
    with pytest.raises(DeclarationError, match="has no task"):
        _ = toy_family(tmp_path, "\n").members


def test_a_missing_index_is_named(tmp_path):
    family = toy_family(tmp_path)
    family.index.unlink()
    with pytest.raises(DeclarationError, match=r"toys\.index\.jsonl cannot be read: No such file"):
        _ = family.members


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Toys"}, "lower-case"),
        ({"fields": ("definition",)}, "of a row or of a task, not both"),
        ({"constants_of": None}, "belong together"),
        ({"source": Files({"tasks": "*.jsonl"})}, "the list of rows in a file"),
        ({"task_column": "definition"}, "name columns of the source"),
        ({"task_of": str.lower}, "task_of makes names of what is in task_column"),
        ({"metrics": ("rouges",)}, "rouge"),
        ({"license": 3}, "license"),
        ({"keep": {"titel": "end"}}, "titel"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(tmp_path, changes, words):
    with pytest.raises(DeclarationError, match=words):
        toy_family(tmp_path, **changes)


def test_writing_and_reading_an_index_is_the_identity():
    lines = write_index(MEMBERS).splitlines()
    assert tuple(read_member(line) for line in lines) == MEMBERS
    assert "in_default_mixtures" not in lines[0]
    left_out = Member(source_name="a", cluster="b", in_default_mixtures=False)
    assert read_member(write_index([left_out])) == left_out


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), Splits(train="a", carve_validation=2, carve_test=3)),
        (("train",), Splits(train="a")),
        (("train", "test"), Splits(train="a", carve_test=3)),
        (("test",), Splits.test_only("a")),
        (("validation",), Splits(train=None, validation="a")),
    ],
)
def test_what_is_carved_for_other_splits_stays_with_those_a_member_has(names, expected):
    assert restricted(Splits(train="a", carve_validation=2, carve_test=3), names) == expected


def test_splits_of_evaluation_alone_need_source_splits_of_their_own():
    assert restricted(Splits.given(), ("validation", "test")).train is None
    with pytest.raises(DeclarationError, match="source splits of their own"):
        restricted(Splits(train="a", carve_validation=2, carve_test=3), ("validation", "test"))
