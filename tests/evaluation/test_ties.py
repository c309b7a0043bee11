"""Options with the same ids: no answer among them, counted and warned of."""

import json
from dataclasses import replace

import pytest
from conftest import toy_dataset

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.elsewhere import answered
from flan_tasks.evaluation.records import NORMALIZED, RANK, SUM, Prompt, Record, Unit
from flan_tasks.evaluation.score_tables import write_results
from flan_tasks.evaluation.summary import score_unit, summarize
from flan_tasks.evaluation.ties import equal_options
from flan_tasks.evaluation.warnings import score_warnings
from flan_tasks.metrics.gold import Gold

BIRDS = toy_dataset()
UNIT = Unit("birds", "plain", "test", RANK)
OPTIONS = ("yes", "no", "perhaps")


def prompt(answer="yes", key="k"):
    return Prompt("?", Gold(answer, (answer,), OPTIONS, {}, key))


def test_equal_options_are_numbered_by_the_first_of_them():
    assert equal_options([[1, 2], [1], [3, 2]]) == ()
    assert equal_options([[3, 2, 1], [3, 2, 1], [4, 1], [3, 2, 1]]) == (0, 0, 2, 0)
    assert equal_options([]) == ()


def test_there_is_no_answer_where_the_likeliest_has_equals():
    tied = Record(prompt(), sums=(-1.0, -1.0, -2.0), tokens=(2, 2, 8), equal=(0, 0, 2))
    assert tied.is_tied(SUM) and tied.prediction(SUM) == ""
    # In another way the option that stands alone is the likeliest.
    assert not tied.is_tied(NORMALIZED) and tied.prediction(NORMALIZED) == "perhaps"
    assert Record.from_json(tied.to_json(UNIT)) == tied
    alone = replace(tied, equal=())
    assert "equal_options" not in alone.to_json(UNIT)


@pytest.mark.parametrize("order", [("yes", "no"), ("no", "yes")])
def test_a_tie_counts_as_wrong_whatever_the_order_of_options(order):
    gold = Gold("yes", ("yes",), order, {}, "k")
    tied = Record(Prompt("?", gold), sums=(-3.0, -3.0), tokens=(2, 2), equal=(0, 0))
    for score in score_unit(BIRDS, UNIT, [tied] * 4):
        assert score.scores["accuracy"] == 0.0
        assert (score.shared, score.ties) == (4, 4)


def test_ties_and_cut_prompts_are_warned_of_and_stand_in_the_results(tmp_path):
    tied = Record(prompt(), sums=(-1.0, -1.0, -2.0), tokens=(2, 2, 2), equal=(0, 0, 2))
    sure = Record(prompt(), sums=(-2.0, -2.0, -1.0), tokens=(2, 2, 2), equal=(0, 0, 2))
    fine = Record(prompt(), sums=(-1.0, -2.0, -3.0), tokens=(2, 2, 2))
    scores = [summarize(BIRDS, score_unit(BIRDS, UNIT, [tied, sure, fine, fine]))]
    lines = score_warnings(scores)
    assert len(lines) == 2
    assert lines[0].startswith(
        "birds, by sum: 2 of 4 prompts have options with the same ids, which no model tells "
        "apart; 1 had such a one as the likeliest and count as wrong."
    )
    write_results(tmp_path, scores, settings={}, missing={}, left_out={})
    held = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert held["warnings"] == lines
    assert [one["ties"] for one in held["datasets"][0]["templates"]] == [1, 1]
    assert score_warnings([summarize(BIRDS, score_unit(BIRDS, UNIT, [fine] * 4))]) == []
    cut = [replace(fine, trimmed=True), *[fine] * 3]
    (line,) = score_warnings([summarize(BIRDS, score_unit(BIRDS, UNIT, cut))])
    assert line.startswith("birds: 1 of 4 prompts was cut to fit")


def test_ties_come_back_from_a_file_of_predictions():
    tied = Record(prompt(), sums=(-1.0, -1.0, -2.0), tokens=(2, 2, 2), equal=(0, 0, 2))
    line = json.loads(tied.to_json(UNIT))
    assert answered(UNIT, [tied.prompt], {"k": line}) == [tied]
    with pytest.raises(EvaluationError, match=r"equal_options is \[0, 9, 2\]"):
        answered(UNIT, [tied.prompt], {"k": {**line, "equal_options": [0, 9, 2]}})
