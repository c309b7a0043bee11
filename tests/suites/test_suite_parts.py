"""Suites of suites: what is asked for them, and their numbers."""

import json

import pytest
import suite_runs
from suite_runs import suite_text
from without_model import WithoutModel

from flan_tasks.core.errors import DeclarationError
from flan_tasks.evaluation.records import Record
from flan_tasks.suites.library import named_suite, open_suite, published_suite
from flan_tasks.suites.parts import opened_parts

FORMS = {
    "mmlu@flan": "{}",
    "mmlu@flan_cot": "So. The answer is {}.",
    "bbh@suzgun_direct": "{}",
    "bbh@suzgun": "So the answer is {}.",
    "tydiqa@open_instruct_first": "{}",
    "mgsm@shi": "{}",
    "one@plain": "{}",
}


class Written(WithoutModel):
    """Writes what is right, but for some protocols."""

    def __init__(self, *wrong):
        super().__init__(settings={"wrong": list(wrong)})
        self.wrong = wrong

    def record(self, unit, prompt):
        form = "nothing" if unit.template in self.wrong else FORMS[unit.template]
        return Record(prompt, form.format(prompt.gold.answer))


def scored(folder, *names, answerer):
    return suite_runs.scored(folder, suite_runs.asked(*names), answerer)


def test_all_right_is_100_in_every_part(tmp_path):
    result = scored(tmp_path, "flan2022_heldout", answerer=Written())
    whole, *parts = result.suites
    assert whole.name == "flan2022_heldout" and {one.name for one in parts} < set(FORMS)
    assert [one.value for one in whole.parts] == [100] * 6
    assert whole.averages[0].value == 100 and whole.averages[0].num_tasks == 6
    assert whole.notes[0].startswith("not here: the paper's prompts of TyDiQA")
    assert any(line.startswith("mmlu@flan: ") for line in whole.differs)
    assert set(whole.differs_in_exemplars) == {
        f"{one.name}: {line}" for one in parts for line in one.differs_in_exemplars
    }
    content = json.loads((tmp_path / "scores.json").read_text())["suites"][0]
    assert content["name"] == "flan2022_heldout" and len(content["parts"]) == 6


def test_parts_are_scaled_above_chance_and_weigh_the_same(tmp_path):
    whole = scored(tmp_path, "flan2022_heldout", answerer=Written("mmlu@flan")).suites[0]
    values = {one.suite: one.value for one in whole.parts}
    # None right of four choices: (0 - 25) / 75.
    assert values.pop("mmlu@flan") == pytest.approx(-100 / 3)
    assert set(values.values()) == {100}
    assert whole.averages[0].value == pytest.approx((500 - 100 / 3) / 6)


def test_an_average_may_be_of_another_number(tmp_path, monkeypatch):
    # A word too much: some of F1 is left, and no exact match.
    monkeypatch.setitem(FORMS, "tydiqa@open_instruct_first", "{} indeed")
    whole, *parts = scored(tmp_path, "flan2022_heldout", answerer=Written()).suites
    (suite,) = (one for one in parts if one.name.startswith("tydiqa"))
    values = {one.name: one.value for one in suite.averages}
    assert values["exact match, macro of 8 languages"] == 0
    assert 0 < values["macro of 8 languages, without English"] < 100
    assert {one.name: one.value for one in whole.parts}["TyDiQA direct"] == 0


def test_chance_of_written_answers_is_that_of_what_a_question_lists(tmp_path):
    suite = scored(tmp_path, "bbh", answerer=Written()).suites[0]
    chances = {one.dataset: one.templates[0].chance["exact_match"] for one in suite.tasks}
    # No answers are listed, and there are more than two.
    assert chances["bbh:word_sorting"] == 0
    # "True" or "False", which the questions do not list.
    assert chances["bbh:boolean_expressions"] == 50
    average = suite.averages[0]
    assert average.name == "macro of 23 tasks" and 0 < average.chance < 50


ONE = suite_text('question = "{a}?"\nanswer = "{b}"\nchoices = 4', rows="rows.jsonl")
BOTH = """
description = "Two."
home = "here"
layout = "here"
parts = [
  { name = "one", suite = "one.toml@plain", average = "micro" },
  { name = "more", suite = "bbh@suzgun", average = "micro" },
]
averages = [{ name = "both", over = "parts" }]
"""


def test_a_suite_of_ones_own_has_parts_beside_it(tmp_path):
    rows = "".join(json.dumps({"a": n, "b": n}) + "\n" for n in range(2))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "one.toml").write_text(ONE)
    path = tmp_path / "both.toml"
    path.write_text(BOTH)
    whole = scored(tmp_path / "out", str(path), answerer=Written()).suites[0]
    assert (whole.name, whole.averages[0].value) == ("both", 100)
    path.write_text(BOTH.replace('"micro" },\n  {', '"macro" },\n  {'))
    with pytest.raises(DeclarationError, match='one has no average "macro"; it has micro'):
        opened_parts(named_suite(str(path)))
    path.write_text(BOTH.replace("one.toml@plain", "one.toml"))
    with pytest.raises(DeclarationError, match="must name its protocol"):
        named_suite(str(path))


def test_a_suite_of_parts_has_no_protocol():
    with pytest.raises(DeclarationError, match="has no protocol, but parts: mmlu@flan"):
        open_suite("flan2022_heldout@direct")
    assert not published_suite("flan2022_heldout").protocols
