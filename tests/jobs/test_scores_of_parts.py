"""Suites some of whose datasets are missing, in the forms of others: no number is the whole's."""

import json

import pytest
import suite_runs
from suite_runs import MICRO, suite_text
from without_model import Told

from flan_tasks.core.errors import EvaluationError
from flan_tasks.jobs.scores import (
    CSV,
    EVAL_RESULTS,
    LATEX,
    LM_EVAL,
    MARKDOWN,
    MODEL_INDEX,
    scores_as,
)
from flan_tasks.suites.stored import read_scores

TWO = suite_text(
    "templates = true",
    datasets=["copa", "rte"],
    averages=f'{{ name = "macro", over = "tasks" }}, {MICRO}',
)
ONE = suite_text('question = "{a}?"\nanswer = "{a}"', rows="rows.jsonl")
BOTH = """
description = "Two."
home = "here"
layout = "here"
parts = [
  { name = "first", suite = "two.toml@plain", average = "macro" },
  { name = "second", suite = "one.toml@plain", average = "micro" },
]
averages = [{ name = "both", over = "parts" }]
"""
SUITES = {"two.toml": TWO, "one.toml": ONE, "both.toml": BOTH, "rows.jsonl": '{"a": 1}\n'}
NAME, PARTS = "two@plain (1 of 2 datasets)", "both (1 of 2 parts whole)"


class Some(Told):
    """Answers to some datasets alone."""

    def __init__(self, *missing):
        super().__init__(right=True)
        self.missing = missing

    def has(self, unit):
        return unit.dataset not in self.missing


def evaluated(folder, *missing):
    for name, text in SUITES.items():
        (folder / name).write_text(text)
    spec = suite_runs.asked(str(folder / "both.toml"), num_examples=2)
    suite_runs.scored(folder / "out", spec, Some(*missing), store=folder / "store")
    return folder / "out"


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return evaluated(tmp_path_factory.mktemp("part"), "copa")


def test_what_is_missing_is_kept(part):
    suites = {one.score.name: one.score for one in read_scores(part).suites}
    missing = {name: one.missing for name, one in suites.items()}
    assert missing == {"two@plain": ("copa",), "one@plain": (), "both": ("first",)}
    names = {one.scored_name for one in suites.values()}
    assert names == {NAME, "one@plain", PARTS}


def test_the_harness_has_no_group_by_the_name_of_the_whole(part):
    said = []
    values = json.loads(scores_as(part, LM_EVAL, say=said.append))
    groups = values["groups"]
    assert {NAME, f"{NAME}, micro", PARTS} < set(groups)
    assert not {"two@plain", "two@plain, micro", "both"} & set(values["results"])
    assert groups[NAME]["alias"] == f"{NAME}, macro"
    assert values["group_subtasks"][NAME] == ["flan_rte"]
    # Every name is that of a group or task here.
    assert values["group_subtasks"][PARTS] == [NAME, "one@plain"]
    assert {NAME, "one@plain", "flan_rte"} < set(values["results"])
    named = [line.partition("after what was scored: ")[2] for line in said if "named" in line]
    # A suite of suites says of which suite.
    assert sorted(line.partition(" is missing")[0] for line in named) == [
        "both: two@plain: 1 of 2 datasets",
        "two@plain: 1 of 2 datasets",
    ]
    marked = [line for line in said if "marked so" in line]
    assert not any("two@plain" in line for line in marked)


def test_the_hub_has_no_number_by_the_name_of_the_whole(part):
    said = []
    text = scores_as(part, MODEL_INDEX, say=said.append)
    assert f'name: "{NAME}"\n' in text and f'name: "{PARTS}"\n' in text
    assert 'name: "two@plain"\n' not in text and 'name: "both"\n' not in text
    assert any(line.startswith("named after what was scored: two@plain: 1 of 2") for line in said)
    named = {"two": ("me/two", "two"), "both": ("me/both", "both")}
    with pytest.raises(EvaluationError, match="two@plain: .* 1 of 2 datasets is missing"):
        scores_as(part, EVAL_RESULTS, benchmarks=named)


def test_tables_say_what_they_are_of(part):
    assert f"**{NAME}**" in scores_as(part, MARKDOWN) and f"**{PARTS}**" in scores_as(
        part, MARKDOWN
    )
    assert f"% {NAME}\n" in scores_as(part, LATEX) and f"% {PARTS}\n" in scores_as(part, LATEX)
    # Its lines are templates of datasets: there is no average in it.
    lines = scores_as(part, CSV).splitlines()[1:]
    assert lines and {line.partition(",")[0] for line in lines} <= {"rte", "one"}


def test_a_whole_suite_goes_by_its_name(tmp_path):
    folder = evaluated(tmp_path)
    said = []
    values = json.loads(scores_as(folder, LM_EVAL, say=said.append))
    assert {"two@plain", "both"} < set(values["groups"])
    assert not any("named after" in line for line in said)
    assert "missing" not in json.dumps(json.loads((folder / "scores.json").read_text())["suites"])
