"""Each metric against a case computed by hand."""

import random

import pytest

from flan_tasks.core.errors import EvaluationError, UnknownNameError
from flan_tasks.metrics.by_name import METRICS, metric, signature
from flan_tasks.metrics.gold import Gold
from flan_tasks.seqio.evaluator_metrics import (
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


def test_squad_folds_articles_punctuation_and_case_as_its_script_does():
    found = metric("squad")(golds("The U.S. Congress"), ["us congress."])
    assert found == {"em": 100, "f1": 100}


def test_trivia_qa_parts_words_at_punctuation():
    answers = golds("AC/DC")
    assert metric("trivia_qa")(answers, ["the ac dc"]) == {"em": 100, "f1": 100}
    assert metric("squad")(answers, ["the ac dc"]) == {"em": 0, "f1": 0}
    assert metric("trivia_qa")(golds("rock\u2019n\u2019roll"), ["rock n roll"])["em"] == 100


def test_squad_v2_is_all_or_nothing_without_an_answer():
    answers = golds("unanswerable", "unanswerable", "black cat", "black cat")
    said = ["Unanswerable.", "an unanswerable cat", "unanswerable", "the cat"]
    found = metric("squad_v2")(answers, said)
    # Word F1 of the last: 1 common word of 1 found and 2 right.
    assert found["em"] == 25 and found["f1"] == pytest.approx(100 * (1 + 0 + 0 + 2 / 3) / 4)
    assert found["no_answer_em"] == found["no_answer_f1"] == 50
    assert found["has_answer_em"] == 0
    assert found["has_answer_f1"] == pytest.approx(100 * (2 / 3) / 2)


@pytest.mark.parametrize(
    ("right", "said", "em", "f1"),
    [
        ("5", "5.0", 100, 100),
        ("5 yards", "6 yards", 0, 0),  # the number is wrong, so nothing counts
        ("5 yards", "5", 0, 67),  # P 1, R 1/2, F 2/3, to two places
        ("the 49-yard field goal", "49 yard field goal", 100, 100),
        ("Tom Brady", "brady", 0, 67),
        ("Tom Brady", "", 0, 0),
        ("1,000", "1000", 100, 100),
    ],
)
def test_drop_compares_numbers_as_numbers(right, said, em, f1):
    assert metric("drop")(golds(right), [said]) == {"em": em, "f1": f1}


def test_drop_takes_the_best_annotator():
    answers = golds("4", references=[("4", "four yards")])
    assert metric("drop")(answers, ["four yards"]) == {"em": 100, "f1": 100}


def test_coqa_leaves_each_reference_out_once():
    answers = golds("white", references=[("white", "white", "it was white", "grey")])
    # Without any one of the four, "white" is still among the others.
    assert metric("coqa")(answers, ["white"]) == {"em": 100, "f1": 100}
    answers = golds("white", references=[("white", "grey")])
    assert metric("coqa")(answers, ["white"]) == {"em": 50, "f1": 50}
    assert metric("coqa")(golds("white"), ["white"]) == {"em": 100, "f1": 100}


def quac_golds(*annotators):
    return golds(*(a[0] for a in annotators), extra=[{"annotators": list(a)} for a in annotators])


def test_quac_compares_with_people():
    # People agree by F1 2*2/(2+4) = 2/3 each. Leaving one out, "x b" has 2/3 or 1.
    answers = quac_golds(("x b", "x b c d"))
    found = metric("quac")(answers, ["x b"])
    assert found["f1"] == pytest.approx(100 * (2 / 3 + 1) / 2)
    assert found["heq_q"] == 100
    assert metric("quac")(answers, ["x"])["heq_q"] == 0


def test_quac_leaves_out_what_people_do_not_agree_on():
    answers = quac_golds(("one", "two"), ("same", "same"))
    assert metric("quac")(answers, ["wrong", "same"]) == {"f1": 100, "heq_q": 100}
    with pytest.raises(EvaluationError, match="agree on none of the 1"):
        metric("quac")(answers[:1], ["one"])


def test_quac_takes_no_answer_where_half_of_the_people_find_none():
    none = "the text does not say"
    answers = quac_golds((none, "a span"))
    assert metric("quac")(answers, [none]) == {"f1": 100, "heq_q": 100}
    assert metric("quac")(answers, ["a span"]) == {"f1": 0, "heq_q": 0}


def test_multirc_averages_precision_and_recall_over_questions():
    extra = [{"paragraph": 1, "question": q} for q in (1, 1, 2)]
    answers = golds("yes", "no", "no", options=("no", "yes"), extra=extra)
    found = metric("multirc")(answers, ["yes", "yes", "no"])
    # Question 1: P 1/2, R 1; question 2: 1 and 1. Averages 3/4 and 1.
    assert found["f1_m"] == pytest.approx(100 * 2 * 0.75 * 1 / 1.75)
    assert found["em"] == 50


@pytest.mark.parametrize("name", METRICS)
def test_nothing_to_score_is_an_error(name):
    with pytest.raises(EvaluationError, match="there is no example to score"):
        metric(name)([], [])
    with pytest.raises(EvaluationError, match="1 example and 2 predictions"):
        metric(name)(golds("yes", options=("no", "yes")), ["yes", "no"])


@pytest.mark.parametrize("name", ["f1", "macro_f1", "matthews"])
def test_classes_must_be_shared(name):
    with pytest.raises(EvaluationError, match="classes that all examples share"):
        metric(name)(golds("yes"), ["yes"])
    mixed = [*golds("yes", options=("no", "yes")), *golds("a", options=("a", "b"))]
    with pytest.raises(EvaluationError, match="classes that all examples share"):
        metric(name)(mixed, ["yes", "a"])


@pytest.mark.parametrize("name", ["f1", "macro_f1", "matthews"])
def test_the_order_of_options_changes_no_score(name):
    turned = [
        *golds("yes", "no", options=("no", "yes")),
        *golds("no", "yes", options=("yes", "no")),
    ]
    plain = golds("yes", "no", "no", "yes", options=("no", "yes"))
    said = ["yes", "yes", "no", "yes"]
    assert metric(name)(turned, said) == metric(name)(plain, said)


def test_rouge_of_a_hand_computed_pair():
    # Words found 3, right 4, common 3: P 1, R 3/4, F 6/7. Pairs: 2 of 2 and 2 of 3.
    found = metric("rouge")(golds("the cat sat down"), ["the cat sat"])
    assert found["rouge1"] == found["rougeL"] == pytest.approx(100 * 6 / 7)
    assert found["rouge2"] == pytest.approx(100 * 4 / 5)


def test_bleu_of_a_hand_computed_pair():
    # Precisions 5/6, 4/5, 3/4, 2/3; no brevity penalty: their product to the power 1/4.
    found = metric("bleu")(golds("the cat sat on the mat"), ["the cat sat on the rug"])
    expected = (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25
    assert found["bleu"] == pytest.approx(100 * expected)


def test_bleu_looks_at_every_reference():
    answers = golds(
        "x", "y", references=[("one two three four", "five six seven eight"), ("a b c d",)]
    )
    found = metric("bleu")(answers, ["five six seven eight", "a b c d"])
    assert found["bleu"] == pytest.approx(100)


@pytest.mark.parametrize("seed", range(4))
def test_remembered_counts_give_the_numbers_of_the_libraries(seed):
    """BLEU of a corpus, and ROUGE with stems, as their libraries compute them at once."""
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU

    draw = random.Random(seed)
    words = ("the", "cats", "running", "sat.", "On", "mats", "a", "1,000", "quickly", "happily")

    def text(most):
        return " ".join(draw.choices(words, k=draw.randint(0, most)))

    answers = [
        Gold(refs[0], refs)
        for refs in (tuple(text(9) or "cat" for _ in range(draw.randint(1, 3))) for _ in range(12))
    ]
    predictions = [text(12 if seed else 2) for _ in answers]
    streams = [
        [gold.references[k] if k < len(gold.references) else None for gold in answers]
        for k in range(3)
    ]
    whole = BLEU().corpus_score(predictions, streams).score
    assert metric("bleu")(answers, predictions)["bleu"] == whole
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    found = metric("rouge")(answers, predictions)
    for kind, value in found.items():
        best = [
            max(scorer.score(ref, text)[kind].fmeasure for ref in gold.references)
            for gold, text in zip(answers, predictions, strict=True)
        ]
        assert value == pytest.approx(100 * sum(best) / len(best), abs=1e-12) or kind == "rougeLsum"


def test_the_signature_of_bleu_says_how_it_is_computed():
    found = signature("bleu", golds("a b c d"))
    assert "nrefs:1" in found and "tok:13a" in found and "version:" in found
    assert signature("accuracy", golds("yes")) == ""


def test_multirc_counts_a_question_when_all_its_answers_are_right():
    extra = [{"paragraph": 1, "question": q} for q in (1, 1, 2)]
    answers = golds("yes", "no", "yes", options=("no", "yes"), extra=extra)
    found = metric("multirc")(answers, ["yes", "yes", "yes"])
    assert found["em"] == 50
    assert found["f1"] == pytest.approx(80)


def test_rouge_takes_the_best_reference():
    answers = golds("x", references=[("a dog ran", "the cat sat")])
    found = metric("rouge")(answers, ["the cat sat"])
    assert found == {"rouge1": 100, "rouge2": 100, "rougeL": 100, "rougeLsum": 100}


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
    assert Gold.of(example, answer="Paris", language="fr").references == ("Paris", "paris")
    assert Gold.of(example, answer="x", language="en").references == ("x",)
    gold = Gold.of(example, answer="Paris", language="fr")
    assert Gold.from_json(gold.to_json()) == gold


@pytest.mark.parametrize("make", [generation_metrics, rank_metrics])
def test_a_misspelt_metric_is_named_when_its_task_is_made(make):
    with pytest.raises(UnknownNameError, match='unknown metric "acuracy". Did you mean accuracy'):
        make(["acuracy"])
