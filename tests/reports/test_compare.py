"""What `flan diff` finds: nothing between equals, and each kind of difference by its name."""

import json
import shutil

import pytest
from packed_build import seal_again

from flan_tasks.reports.compare import compare, compare_rows, side_of_build, word_diff


@pytest.fixture
def pair(make_build, tmp_path):
    """A build and a copy to be changed."""
    folder = make_build()
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    return folder, other


def lines_of(folder, number=0):
    path = folder / "data" / f"train-0000{number}-of-00002.jsonl"
    return path, [json.loads(line) for line in path.read_text().split("\n") if line]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seal_again(path.parent.parent)


def test_a_build_does_not_differ_from_its_copy(pair):
    found = compare(*map(side_of_build, pair))
    assert found.is_empty and found.rows.same == 56


def test_a_removed_row_an_added_one_and_a_reworded_one_are_named(pair):
    path, rows = lines_of(pair[1])
    gone, reworded = rows[0], rows[1]
    rows[0] = {**gone, "key": "train:new"}
    rows[1] = {**reworded, "inputs": "other words"}
    write(path, rows)
    found = compare_rows(*pair)
    name = gone["task"].removeprefix("flan:")
    assert found.removed == (f"{name} {gone['key']}",)
    assert found.added == (f"{name} train:new",)
    assert found.reworded == (f"{reworded['task'].removeprefix('flan:')} {reworded['key']}",)
    assert (found.same, found.same_order) == (54, True)


def test_the_same_rows_in_another_order_are_said_to_be(pair):
    path, rows = lines_of(pair[1])
    write(path, rows[::-1])
    found = compare_rows(*pair)
    assert (found.same, found.same_order, found.removed) == (56, False, ())
    assert not compare(*map(side_of_build, pair)).is_empty


def test_a_template_changed_in_several_tasks_stands_once(pair):
    path = pair[1] / "templates.json"
    templates = json.loads(path.read_text())
    for some in templates.values():
        some[0]["inputs"] = some[0]["inputs"].replace("a bird", "the bird")
    path.write_text(json.dumps(templates))
    seal_again(pair[1])
    (change,) = compare(*map(side_of_build, pair)).templates
    assert (change.id, change.change, change.tasks) == ("plain", "changed", ("birds", "fish"))
    assert [text for kind, text in change.inputs if kind != "same"] == ["a", "the"]


def test_tasks_rates_and_settings_that_differ_are_named(pair):
    tasks = json.loads((pair[1] / "manifest.json").read_text())["tasks"]
    changed = [{**tasks[0], "rate": 1.0}, {**tasks[1], "name": "mice"}]
    seal_again(pair[1], tasks=changed, seed=7)
    found = compare(*map(side_of_build, pair))
    assert found.settings == {"seed": (0, 7)}
    assert (found.added, found.removed) == (("mice",), ("fish",))
    assert found.changed == {"birds": {"rate": (30.0, 1.0)}}


def test_packed_rows_are_compared_by_their_ids(make_build, tmp_path):
    import numpy as np

    folder = make_build("arrays")
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    assert compare(*map(side_of_build, (folder, other))).is_empty
    path = other / "data" / "train-00000-of-00002.targets.npy"
    ids = np.load(path)
    ids[0, 0] += 1
    np.save(path, ids)
    seal_again(other)
    found = compare_rows(folder, other)
    assert (found.same, len(found.reworded)) == (55, 1)


def test_texts_and_ids_are_not_compared(make_build):
    found = compare_rows(make_build(), make_build("arrays"))
    assert found.not_compared == "one holds texts and the other packed ids"


def test_word_diff_gives_back_both_texts():
    before, after = "Is it  true?\nSay yes.", "Is that true?\n\nSay no."
    words = word_diff(before, after)
    assert "".join(text for kind, text in words if kind != "new") == before
    assert "".join(text for kind, text in words if kind != "gone") == after
    assert ("new", "that") in words
