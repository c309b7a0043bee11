"""Each metric against a case computed by hand."""

import pytest

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.evaluation.gold import Gold
from flan_tasks.evaluation.metrics import METRICS, metric
from flan_tasks.evaluation.seqio_metrics import (
    Candidate,
    best_options,
    generation_metrics,
    rank_metrics,
)


def golds(*answers, options=(), references=None, extra=None):
    return [
        Gold(
            answer,
            tuple(references[i]) if references else (answer,),
            options,
            extra[i] if extra else {},
            key=str(i),
        )
        for i, answer in enumerate(answers)
    ]


THREE = ("yes", "no", "maybe")


def test_accuracy_folds_case_and_a_final_period():
    assert metric("accuracy")(golds("yes", "no", "yes"), ["Yes.", "no", "no"]) == {
        "accuracy": pytest.approx(200 / 3)
    }


def test_macro_f1_averages_over_all_classes():
    found = metric("macro_f1")(
        golds("yes", "yes", "no", "maybe", options=THREE), ["yes", "no", "no", "what?"]
    )
    # yes: P 1, R 1/2, F 2/3. no: P 1/2, R 1, F 2/3. maybe: 0.
    assert found["macro_f1"] == pytest.approx(100 * (2 / 3 + 2 / 3 + 0) / 3)


def test_f1_is_that_of_yes():
    found = metric("f1")(golds("yes", "yes", "no", options=("no", "yes")), ["yes", "no", "yes"])
    assert found["f1"] == pytest.approx(50)


def test_matthews_of_a_known_table():
    # TP 1, TN 1, FP 1, FN 0: (1*1 - 1*0) / sqrt(2*1*2*1) = 0.5
    found = metric("matthews")(
        golds("yes", "no", "no", options=("no", "yes")), ["yes", "no", "yes"]
    )
    assert found["matthews"] == pytest.approx(50)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_correlations_use_the_gold_score(name):
    extra = [{"score": s} for s in (0.0, 2.6, 5.0)]
    answers = golds("0", "3", "5", extra=extra)
    assert metric(name)(answers, ["0", "2.6", "5"])[name] == pytest.approx(100)
    assert metric(name)(answers, ["5", "2.4", "0."])[name] == pytest.approx(-100)
    assert metric(name)(answers, ["1", "1", "1"])[name] == 0


def test_squad_takes_the_best_reference():
    answers = golds("the cat", "Paris", references=[("the cat", "a black cat"), ("Paris",)])
    found = metric("squad")(answers, ["Black cat!", "Rome"])
    assert found == {"em": 50, "f1": 50}
    half = metric("squad")(golds("black cat"), ["the cat sat"])
    # common 1 word of 2 found and 2 right
    assert half["f1"] == pytest.approx(50)


def test_multirc_counts_a_question_when_all_its_answers_are_right():
    extra = [{"paragraph": 1, "question": q} for q in (1, 1, 2)]
    answers = golds("yes", "no", "yes", options=("no", "yes"), extra=extra)
    found = metric("multirc")(answers, ["yes", "yes", "yes"])
    assert found["em"] == 50
    assert found["f1"] == pytest.approx(80)


def test_rouge_takes_the_best_reference():
    answers = golds("x", references=[("a dog ran", "the cat sat")])
    found = metric("rouge")(answers, ["the cat sat"])
    assert found == {"rouge1": 100, "rouge2": 100, "rougeLsum": 100}


def test_bleu_of_equal_texts_is_100():
    answers = golds("the cat sat on the mat today")
    assert metric("bleu")(answers, ["the cat sat on the mat today"])["bleu"] == pytest.approx(100)


def test_edit_distance_is_a_share_of_the_answer():
    assert metric("edit_distance")(golds("abcd"), ["abxd"])["edit_distance"] == 25


def test_an_unknown_metric_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean accuracy"):
        metric("acuracy")


def test_every_declared_metric_is_known():
    from flan_tasks.datasets import catalog

    for dataset in catalog().datasets:
        assert set(dataset.metrics) <= set(METRICS), dataset.name


def test_best_options_takes_the_highest_score_of_each_example():
    gold = golds("yes", "no", options=("yes", "no"))
    targets = [Candidate(g, option) for g in gold for option in g.options]
    found, chosen = best_options(targets, [-1.0, -2.0, -3.0, -3.0])
    assert chosen == ["yes", "yes"]
    assert found == gold


def test_gold_of_an_inverted_template_has_its_target_as_only_reference():
    from flan_tasks.core.example import Example

    example = Example(fields={"a": "x"}, answer="Paris", references=("Paris", "paris"), key="k")
    assert Gold.of(example, answer="Paris").references == ("Paris", "paris")
    assert Gold.of(example, answer="x").references == ("x",)
    gold = Gold.of(example, answer="Paris")
    assert Gold.from_json(gold.to_json()) == gold


@pytest.mark.parametrize("make", [generation_metrics, rank_metrics])
def test_a_misspelt_metric_is_named_when_its_task_is_made(make):
    with pytest.raises(UnknownNameError, match='unknown metric "acuracy". Did you mean accuracy'):
        make(["acuracy"])
