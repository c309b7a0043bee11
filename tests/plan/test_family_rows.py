"""Rows of a family: gathered from one table for all its members, and the same as one by one."""

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from toy_families import family_catalog, write_tasks

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.member import Member
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.parts import Part
from flan_tasks.core.variation import Variation
from flan_tasks.engine.work import portable_plan
from flan_tasks.plan.plan import Draw, make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_chunk, render_task, render_texts
from flan_tasks.store.store import Store

SIZES = {f"task {number}": 5 + number for number in range(12)}
MEMBERS = tuple(Member(source_name=name, cluster=f"c{len(name)}") for name in SIZES)
MIX = Mixture(name="m", include=("toys",), cap=8)


def prepared(folder, mixture=MIX, **changes):
    catalog = family_catalog(folder, MEMBERS)
    store = Store(folder / "store")
    return prepare(mixture, catalog, source=SourceChoice(), store=store, **changes)


@pytest.fixture
def plan(tmp_path):
    write_tasks(tmp_path, SIZES)
    return make_plan(prepared(tmp_path), seed=3, num_examples=200)


def one_by_one(plan, rows):
    """What each row is, every task by itself."""
    texts = []
    for number in range(len(rows)):
        here = slice(number, number + 1)
        draw = Draw(rows.example[here], rows.epoch[here], rows.template[here])
        texts += render_task(plan.ingredients[rows.task[number]], draw, seed=plan.seed)
    return texts


def test_members_are_rendered_together_as_they_are_one_by_one(plan):
    rows = plan.rows(0, 200)
    assert set(plan.alike) == {0} and len(set(rows.task)) == 12
    expected = one_by_one(plan, rows)
    texts = render_texts(plan, rows)
    assert texts.inputs == [row.inputs for row in expected]
    assert texts.targets == [row.targets for row in expected]
    assert render_chunk(plan, rows) == expected
    for row in expected:
        assert row.example.fields["definition"] in row.inputs
        assert row.dataset.name.removeprefix("toys:") in row.targets


def test_rows_of_members_in_parts_say_which_part_they_are_of(tmp_path):
    write_tasks(tmp_path, SIZES)
    parts = (Part(name="a", include=("toys",)), Part(name="b", weight=2, include=("toys",)))
    plan = make_plan(prepared(tmp_path, Mixture(name="m", parts=parts)), seed=3, num_examples=90)
    rows = plan.rows(0, 90)
    together = render_chunk(plan, rows)
    assert together == one_by_one(plan, rows)
    assert Counter((row.part, row.prompt_type) for row in together) == {
        ("a", "zs_opt"): 30,
        ("b", "zs_opt"): 60,
    }
    assert {row.name for row in together} <= {item.name for item in plan.ingredients}


def test_rows_of_a_plan_are_the_same_in_another_process(plan):
    sent = pickle.dumps(portable_plan(plan))
    there = pickle.loads(sent)
    assert (
        render_texts(there, there.rows(0, 200)).inputs
        == render_texts(plan, plan.rows(0, 200)).inputs
    )
    assert set(there.alike) == {0}
    assert b"input 1 of" not in sent


def test_members_some_of_whose_examples_are_left_out_stay_together(tmp_path):
    write_tasks(tmp_path, SIZES)
    path = tmp_path / "tasks" / "task 7.json"
    # The mark between exemplars, in one row of one task.
    path.write_text(path.read_text().replace("input 4 of 7", "input 4 *** of 7"))
    ready = prepared(tmp_path)
    marked = {
        item.dataset.name: len(item.examples.holding(r"\*\*\*")) for item in ready.ingredients
    }
    store = Store(tmp_path / "other")
    items = tuple(
        item
        if not marked[item.dataset.name]
        else replace(
            item,
            examples=(left := store.without(item.examples, np.asarray([0]), reason="x")),
            available=len(left),
        )
        for item in ready.ingredients
    )
    plan = make_plan(replace(ready, ingredients=items), seed=0, num_examples=150)
    rows = plan.rows(0, 150)
    assert render_texts(plan, rows).inputs == [row.inputs for row in one_by_one(plan, rows)]


def test_shuffled_options_and_shots_are_those_of_each_task(tmp_path):
    write_tasks(tmp_path, SIZES)
    plan = make_plan(prepared(tmp_path, variation=Variation(shots=2)), seed=1, num_examples=60)
    rows = plan.rows(0, 60)
    for row in render_chunk(plan, rows):
        name = row.dataset.name.removeprefix("toys:")
        assert row.num_shots == 2 and row.inputs.count(f"{name}: out") == 2


def test_missing_tasks_of_a_family_are_named_few_together(tmp_path):
    write_tasks(tmp_path, {"task 3": 6})
    with pytest.raises(SourceUnavailableError) as error:
        prepared(tmp_path)
    line = str(error.value).split("\n")[1]
    why = "its file is missing; the folder has those of 1 of 12 tasks of toys"
    assert line.endswith(f"and 6 more of toys: {why}") and line.count("toys:") == 6
    assert dict(error.value.problems)["toys:task_0"] == why
    some = prepared(tmp_path, allow_missing=True)
    assert set(some.missing.values()) == {why}
    assert [item.dataset.name for item in some.ingredients] == ["toys:task_3"]


def test_a_bad_task_file_is_named_once(tmp_path):
    write_tasks(tmp_path, SIZES)
    (tmp_path / "tasks" / "task 7.json").write_text('{"Definition": [')
    with pytest.raises(RowError) as error:
        prepared(tmp_path)
    assert len(error.value.rows) == 1
    assert str(error.value).startswith("task 7.json: not valid JSON")
