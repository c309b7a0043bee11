"""Scores of two models on suites, compared as the suites' protocols read and score answers."""

import json

import pytest
import suite_runs
from suite_runs import suite_text
from without_model import ByRule

import flan_tasks as ft
from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.comparison_tables import HELD_OUT, NEITHER

OWN = suite_text(
    """
question = "{a} and {a}?"
answer = "{b}"
stops = ["\\n"]
read = { after = "is ", drop_period = true }
""",
    rows="sums.jsonl",
    protocol="short",
)


def answered(folder, *names, rule):
    answerer = ByRule(rule, folder.name)
    return suite_runs.scored(
        folder, suite_runs.asked(*names), answerer, store=folder.parent / "store"
    )


def spoken(unit, gold):
    """What is right as a model writes it, with a further question behind it."""
    if gold.options:
        return gold.answer
    mark = "#### " if unit.dataset == "gsm8k" else ""
    return f"So the answer is {mark}{gold.answer}.\n\nQ: What is more? The answer is 77."


def silent(unit, gold):
    return "\n\nQ: none"


def own_suite(folder):
    rows = [{"a": str(n), "b": str(2 * n)} for n in range(4)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sums.toml").write_text(OWN)
    return str(folder / "sums.toml")


def test_changes_are_those_of_the_scores(tmp_path):
    names = ("bbh", "mmlu", "mmlu@flan", own_suite(tmp_path))
    sides = [
        answered(tmp_path / name, *names, rule=rule)
        for name, rule in (("a", silent), ("b", spoken))
    ]
    result = ft.compare(tmp_path / "a", tmp_path / "b", held_out=["mmlu"])
    by_name = {change.dataset: change for change in result.changes[0]}
    before, after = (
        {
            (task.dataset, suite.protocol): next(iter(task.templates[0].scores.values()))
            for suite in side.suites
            for task in suite.tasks
        }
        for side in sides
    )
    assert {f"{name}@{protocol}" for name, protocol in before} == set(by_name)
    for (name, protocol), value in before.items():
        change = by_name[f"{name}@{protocol}"]
        assert (change.before, change.after) == (value, after[name, protocol])
    assert by_name["sums@short"].after == 100 and by_name["sums@short"].cluster == "sums"
    assert all(by_name[name].after == 100 for name in by_name if name.startswith("bbh:"))
    of_mmlu = {role for name, role in result.roles.items() if name.startswith("mmlu:")}
    assert of_mmlu == {HELD_OUT} and result.roles["sums@short"] == NEITHER
    flip = next(one for one in result.comparisons[0].flips if one.unit.dataset == "sums")
    assert flip.predictions == ("", flip.answer)


def test_a_suite_and_the_dataset_it_asks_stay_apart(tmp_path):
    for name, rule in (("a", silent), ("b", spoken)):
        answered(tmp_path / name, "gsm8k", "flan:gsm8k", rule=rule)
    result = ft.compare(tmp_path / "a", tmp_path / "b")
    shown = {change.dataset: change for change in result.changes[0]}
    assert set(shown) == {"gsm8k", "gsm8k@lm_eval_first_n"}
    assert shown["gsm8k@lm_eval_first_n"].number == "exact_match"
    assert shown["gsm8k@lm_eval_first_n"].num_templates == 1


def test_what_reads_answers_must_be_known_and_the_same(tmp_path):
    suite = own_suite(tmp_path)
    for name in ("a", "b"):
        answered(tmp_path / name, suite, rule=spoken)
    path = tmp_path / "b" / "scores.json"
    content = json.loads(path.read_text())
    content["suites"][0]["reading"]["read"]["drop_period"] = False
    path.write_text(json.dumps(content))
    with pytest.raises(EvaluationError, match="were read differently"):
        ft.compare(tmp_path / "a", tmp_path / "b")
    for name in ("a", "b"):
        (tmp_path / name / "scores.json").unlink()
    with pytest.raises(EvaluationError, match="how answers to sums@short are read stands in no"):
        ft.compare(tmp_path / "a", tmp_path / "b")


def test_answers_that_ended_elsewhere_are_not_compared(tmp_path):
    suite = own_suite(tmp_path)
    answered(tmp_path / "a", suite, rule=spoken)
    (tmp_path / "sums.toml").write_text(OWN.replace('stops = ["\\n"]', 'stops = ["Q"]'))
    answered(tmp_path / "b", suite, rule=spoken)
    for name in ("a", "b"):
        (tmp_path / name / "scores.json").write_text((tmp_path / "a" / "scores.json").read_text())
    with pytest.raises(EvaluationError, match="where an answer ends"):
        ft.compare(tmp_path / "a", tmp_path / "b")
