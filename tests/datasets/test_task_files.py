"""Task files of Natural Instructions: what is read of them, and what damaged ones are told."""

import json

import pytest

from flan_tasks.core.errors import RowError
from flan_tasks.datasets._task_files import Solved, definition_and_examples, parse_task

RELEASED = {
    "Contributors": ["Somebody"],
    "Source": ["birds"],
    "URL": [float("nan")],
    "Categories": ["Word Semantics"],
    "Definition": ["Name the bird.", "Say which bird it is."],
    "Input_language": ["English", "German"],
    "Output_language": ["English"],
    "Positive Examples": [{"input": "long legs", "output": "heron", "explanation": "It wades."}],
    "Negative Examples": [],
    "Instances": [{"id": "task1-00", "input": "black", "output": ["raven", "crow"]}],
    "Instance License": ["MIT"],
}
OLDER = {
    "Definition": "Name the bird.",
    "Categories": "Word Semantics",
    "Positive Examples": [{"input": "long legs", "output": "heron"}],
    "Negative Examples": [],
    "Instances": [{"input": "black", "output": "raven"}],
}


def parsed(task):
    return parse_task(json.dumps(task), name="task1_birds", where="task1_birds.json")


def test_the_released_form_is_read_with_its_bare_nan():
    assert "NaN" in json.dumps(RELEASED)
    task = parsed(RELEASED)
    assert task.definitions == ("Name the bird.", "Say which bird it is.")
    assert task.examples == (Solved("long legs", "heron", "It wades."),)
    assert task.instances == ({"id": "task1-00", "input": "black", "output": ["raven", "crow"]},)
    assert (task.sources, task.categories, task.licenses) == (
        ("birds",),
        ("Word Semantics",),
        ("MIT",),
    )
    assert task.input_languages == ("English", "German")


def test_the_older_form_has_texts_for_lists():
    task = parsed(OLDER)
    assert task.definitions == ("Name the bird.",)
    assert task.examples == (Solved("long legs", "heron", ""),)
    assert task.instances == ({"id": "", "input": "black", "output": ["raven"]},)
    assert (task.categories, task.sources, task.licenses) == (("Word Semantics",), (), ())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Definition": ["", " "]}, '"Definition" is empty'),
        ({"Definition": 3}, '"Definition" is 3; it must be a text or a list of texts'),
        ({"Definition": ["a", {"b": 1}]}, '"Definition" is {'),
        ({"Instances": {"a": 1}}, '"Instances" is {'),
        ({"Instances": [3]}, '"Instances", entry 0, is 3; it must be an object'),
        ({"Instances": [{"input": "x"}]}, 'instance 0 has no "output"'),
        ({"Instances": [{"input": 3, "output": "x"}]}, 'instance 0: "input" is 3'),
        ({"Instances": [{"input": "x", "output": ["y", 3]}]}, 'instance 0: "output" is 3'),
        ({"Instances": [{"input": "x", "output": None}]}, 'instance 0: "output" is None'),
        ({"Instances": [{"id": 7, "input": "x", "output": "y"}]}, 'instance 0: "id" is 7'),
        ({"Positive Examples": [{"input": "x"}]}, 'positive example 0 needs "input" and "output"'),
        ({"Positive Examples": [{"input": "x", "output": 3}]}, "positive example 0 has 3"),
        ({"Source": [3]}, '"Source" is 3'),
    ],
)
def test_a_damaged_task_is_told_its_place_and_what_would_be_right(changes, told):
    with pytest.raises(RowError) as error:
        parsed(RELEASED | changes)
    assert "task1_birds.json: " in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "a task is a JSON object"),
        (b'{"Definition": "\xff"}', "not UTF-8"),
        (b"{}", 'no "Definition", "Positive Examples", "Instances"'),
        (b'{"Definition": "a", "Definition": "b"}', "more than one value is called Definition"),
    ],
)
def test_what_is_no_task_file_is_refused(text, told):
    with pytest.raises(RowError, match=told):
        parse_task(text, name="x", where="x.json")


def test_all_problems_of_a_file_are_told_together():
    damaged = {"Source": [3], "Instances": [{"input": "x"}, {"output": "y"}]}
    with pytest.raises(RowError) as error:
        parsed(RELEASED | damaged)
    assert len(error.value.rows) == 3


def test_a_record_without_examples_has_its_definition():
    assert definition_and_examples({"Definition": "Do it."}, where="x") == ("Do it.", ())
    assert definition_and_examples({}, where="x") == ("", ())
