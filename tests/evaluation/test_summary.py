"""Numbers over templates: means, errors, and the best chosen on validation."""

import csv
import io
import math
import random
import statistics
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from conftest import toy_dataset

from flan_tasks.core.errors import EvaluationError
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.chart import draw_scores
from flan_tasks.evaluation.records import GENERATE, NORMALIZED, RANK, SUM, Prompt, Record, Unit
from flan_tasks.evaluation.score_tables import as_csv, legend, overview, score_table, with_error
from flan_tasks.evaluation.standard_errors import MEANS, standard_errors
from flan_tasks.evaluation.summary import TemplateScore, chance, majority, score_unit, summarize
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold

BIRDS = toy_dataset()


def records(right, count=10):
    """Answers of which the first `right` are right."""
    made = []
    for number in range(count):
        answer = ("yes", "no")[number % 2]
        gold = Gold(answer, (answer,), ("yes", "no"), {}, str(number))
        best = gold.options.index(answer) ^ (number >= right)
        sums = [-5.0, -5.0]
        sums[best] = -1.0
        made.append(Record(Prompt("?", gold), sums=tuple(sums), tokens=(4, 3)))
    return made


def scored(*, count=10, **right):
    """Right answers of (validation, test), of `count` each, by template."""
    return [
        score
        for template, counts in right.items()
        for split, number in zip(("validation", "test"), counts, strict=True)
        for score in score_unit(BIRDS, Unit("birds", template, split, RANK), records(number, count))
    ]


def test_the_best_on_validation_is_reported_on_test():
    found = summarize(BIRDS, scored(plain=(6, 9), bare=(8, 5), other=(8, 4)))
    best = next(one for one in found.best if one.way == SUM)
    # Not the best on test, and the first of equals: ten examples decide nothing.
    assert (best.template, best.validation, best.test) == ("bare", 80.0, 50.0)
    assert not best.decided
    spread = next(s for s in found.spreads if (s.way, s.split) == (SUM, "test"))
    assert spread.mean == pytest.approx(60)
    assert spread.deviation == pytest.approx(statistics.stdev([90, 50, 40]))
    assert (spread.lowest, spread.highest, spread.num_templates) == (40, 90, 3)
    assert (spread.median, spread.quartiles) == (50, (45, 70))
    assert spread.num_examples == 10
    assert {one.way for one in found.templates} == {SUM, NORMALIZED}


@pytest.mark.parametrize(
    ("count", "right", "decided"),
    [
        (30, {"plain": (20, 9), "bare": (21, 5)}, True),
        (30, {"plain": (21, 9), "bare": (21, 5)}, False),
        (29, {"plain": (20, 9), "bare": (21, 5)}, False),
        (30, {"plain": (20, 9)}, True),
    ],
)
def test_a_best_template_is_decided_by_enough_examples_and_no_tie(count, right, decided):
    score = summarize(BIRDS, scored(count=count, **right))
    assert [best.decided for best in score.best] == [decided] * 2
    assert ("chosen" in draw_scores([score]).split("<path")[0]) and (
        ("l6 -6 6 6 -6 6z" in draw_scores([score])) == decided
    )


def golds(*answers, options=("yes", "no")):
    return [Gold(answer, (answer,), options, {}, str(n)) for n, answer in enumerate(answers)]


def test_chance_is_that_of_guessing_among_the_options():
    assert chance(golds("yes", "no")) == 50
    assert chance(golds("a", options=("a", "b", "c", "d"))) == 25
    # Each example has its own number of options.
    assert chance([*golds("yes"), *golds("a", options=("a", "b", "c", "d"))]) == 37.5
    # Two of three are accepted.
    assert chance([Gold("a", ("a", "b"), ("a", "b", "c"))]) == pytest.approx(200 / 3)
    assert chance([Gold("a", ("a",))]) is None and chance([]) is None


def test_the_majority_is_the_commonest_answer_of_shared_options():
    assert majority(golds("yes", "no", "no", "no")) == 75
    assert majority([*golds("yes"), *golds("a", options=("a", "b"))]) is None
    assert majority([Gold("a", ("a",))]) is None and majority([]) is None


def test_generation_has_no_chance():
    asked = [Record(one.prompt, "yes") for one in records(5)]
    (score,) = score_unit(BIRDS, Unit("birds", "plain", "test", GENERATE), asked)
    assert (score.chance, score.majority) == ({}, {})
    ranked = score_unit(BIRDS, Unit("birds", "plain", "test", RANK), records(5))
    assert {one.chance["accuracy"] for one in ranked} == {50}
    assert {one.majority["accuracy"] for one in ranked} == {50}


def test_the_overview_has_a_line_for_each_dataset_and_says_what_is_common():
    score = summarize(BIRDS, scored(plain=(6, 9), bare=(8, 5)))
    caption, columns, rows = overview([score])
    assert caption == "accuracy, options ranked, test split, over 2 templates of each dataset"
    assert dict(zip(columns, rows[0], strict=True)) == {
        "dataset": "birds",
        "examples": "10",
        "chance": "50.0",
        "majority": "50.0",
        "mean": "70.0",
        "sd": "28.3",
        "range": "50.0-90.0",
    }
    assert any("fewer than 30 examples in all" in line for line in legend([score]))
    many = summarize(BIRDS, scored(count=40, plain=(6, 9), bare=(8, 5)))
    assert not any("fewer" in line for line in legend([many]))


def test_the_overview_tells_ranked_from_written_answers():
    ranked = scored(plain=(6, 9))
    written = [Record(one.prompt, "yes") for one in records(5)]
    unit = Unit("birds", "plain", "test", GENERATE)
    both = summarize(BIRDS, [*ranked, *score_unit(BIRDS, unit, written)])
    only_validation = [score for score in ranked if score.split == "validation"]
    caption, columns, rows = overview([both, summarize(BIRDS, only_validation)])
    assert caption == "accuracy, over 1 template of each dataset"
    lines = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [(line["answer"], line["split"], line["chance"]) for line in lines] == [
        ("rank", "test", "50.0"),
        ("text", "test", "-"),
        ("rank", "validation", "50.0"),
    ]


@pytest.mark.parametrize(
    ("value", "error", "examples", "text"),
    [
        (50.0, 9.1, 30, "50.0 ± 9.1"),
        (50.0, 9.4, 29, "50.0"),
        # All right, or all wrong: the next example may still be the other way.
        (0.0, 0.0, 500, "0.0"),
        (12.0, None, 500, "12.0"),
    ],
)
def test_an_error_is_shown_where_it_says_something(value, error, examples, text):
    assert with_error(value, error, examples=examples) == text


def test_without_validation_there_is_no_best():
    only_test = [score for score in scored(plain=(6, 9)) if score.split == "test"]
    found = summarize(BIRDS, only_test)
    assert found.best == ()
    assert all(spread.deviation is spread.quartiles is None for spread in found.spreads)
    assert all(spread.median == spread.mean for spread in found.spreads)


def test_of_a_distance_the_least_is_best():
    dataset = toy_dataset(metrics=("edit_distance",))
    found = summarize(
        dataset,
        [
            score
            for template, right in (("near", 9), ("far", 2))
            for split in ("validation", "test")
            for score in score_unit(dataset, Unit("birds", template, split, RANK), records(right))
        ],
    )
    assert {best.template for best in found.best} == {"near"}


def test_the_error_of_accuracy_is_binomial():
    made = records(7)
    asked = [record.prompt.gold for record in made]
    predictions = [record.prediction(SUM) for record in made]
    error = standard_errors("accuracy", asked, predictions)["accuracy"]
    assert error == pytest.approx(100 * math.sqrt(0.7 * 0.3 / 9))
    assert standard_errors("accuracy", asked[:1], predictions[:1]) == {"accuracy": None}


@pytest.mark.parametrize("name", sorted(MEANS))
def test_metrics_called_means_are_means_over_examples(name):
    words = ["a heron", "the river bank", "12", "tin", ""]
    draw = random.Random(7)
    golds, predictions = [], []
    for number in range(40):
        answer = draw.choice(words[:-1] if name != "squad_v2" else words)
        golds.append(Gold(answer, (answer, *draw.sample(words[:-1], number % 2)), (), {}, "k"))
        predictions.append(f"{answer} {draw.choice(words)}".strip())
    singles = [metric(name)([g], [p]) for g, p in zip(golds, predictions, strict=True)]
    for number, value in metric(name)(golds, predictions).items():
        own = [one[number] for one in singles if number in one]
        assert statistics.fmean(own) == pytest.approx(value)
        error = standard_errors(name, golds, predictions)[number]
        assert error == pytest.approx(statistics.stdev(own) / math.sqrt(len(own)))


def test_the_jackknife_says_how_far_other_examples_would_move_a_number():
    """Against the standard deviation over 300 fresh sets of examples; both are estimates."""
    draw = random.Random(4)

    def fresh(count=200):
        answers = [draw.choice(["yes", "no"]) for _ in range(count)]
        golds = [Gold(a, (a,), ("yes", "no"), {}, str(i)) for i, a in enumerate(answers)]
        return golds, [a if draw.random() < 0.7 else draw.choice(["yes", "no"]) for a in answers]

    values = [metric("matthews")(*fresh())["matthews"] for _ in range(300)]
    errors = [standard_errors("matthews", *fresh())["matthews"] for _ in range(40)]
    assert statistics.fmean(errors) == pytest.approx(statistics.stdev(values), rel=0.15)


def test_a_line_of_csv_for_each_number_of_each_template():
    found = [summarize(BIRDS, scored(plain=(6, 9), bare=(8, 5)))]
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(lines) == 2 * 2 * 2
    values = {(one["template"], one["split"]): one["value"] for one in lines if one["by"] == SUM}
    assert values["bare", "test"] == "50.0000"


def test_the_table_has_a_line_for_each_template():
    columns, lines = score_table(
        summarize(BIRDS, scored(count=40, plain=(24, 36), bare=(32, 20))), "accuracy"
    )
    assert columns[:3] == ["template", "validation, sum", "validation, normalized"]
    cells = dict(zip(columns, lines[0], strict=True))
    assert (cells["template"], cells["validation, sum"]) == ("plain", "60.0 ± 7.8")
    assert cells["test, sum"] == "90.0 ± 4.8"
    assert [line[0] for line in lines] == [
        *("plain", "bare", "mean", "standard deviation", "median", "interquartile range")
    ]
    assert lines[2][1] == "70.0" and lines[3][1] == "14.1"


def test_the_picture_has_a_dot_for_each_template_and_names_no_markup():
    found = [summarize(BIRDS, scored(plain=(6, 9), bare=(8, 5)))]
    picture = ElementTree.fromstring(draw_scores(found))
    name = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{name}circle")) == 2 * 2  # templates and ways
    assert "birds accuracy, sum" in [text.text for text in picture.findall(f"{name}text")]


def ranked(golds, said):
    """Records in which a model prefers what it said."""
    return [
        Record(Prompt("?", gold), sums=tuple(-1.0 - (o != text) for o in gold.options))
        for gold, text in zip(golds, said, strict=True)
    ]


def test_group_metrics_are_those_computed_by_hand():
    """Two questions of MultiRC: of the first both answers are judged right, of the second one."""
    golds = [
        Gold(answer, (answer,), ("no", "yes"), {"paragraph": 1, "question": question}, str(number))
        for number, (question, answer) in enumerate([(1, "yes"), (1, "no"), (2, "yes"), (2, "yes")])
    ]
    dataset = replace(BIRDS, options=("no", "yes"), metrics=("multirc",))
    unit = Unit("multirc", "plain", "test", RANK)
    (found,) = score_unit(dataset, unit, ranked(golds, ["yes", "no", "yes", "no"]))
    # Of 3 yes 2 are found, none wrongly: F1a = 2 * 1 * 2/3 / (1 + 2/3). Over questions precision is
    # 1 and recall (1 + 1/2) / 2.
    assert found.scores == pytest.approx({"em": 50, "f1": 80, "f1_m": 100 * 1.5 / 1.75})
    # Leaving out each question in turn: the other alone; the factor is sqrt((g - 1)^2 / g), g = 2.
    factor = math.sqrt(1 / 2)
    assert found.errors["em"] == pytest.approx(factor * statistics.stdev([0, 100]))
    assert found.errors["f1"] == pytest.approx(factor * statistics.stdev([200 / 3, 100]))


def test_without_a_value_for_some_block_there_is_no_error():
    annotators = (("one", "one"), ("two", "other"))
    golds = [Gold(a[0], a, (), {"annotators": list(a)}, str(n)) for n, a in enumerate(annotators)]
    assert metric("quac")(golds, ["one", "two"]) == {"f1": 100, "heq_q": 100}
    assert standard_errors("quac", golds, ["one", "two"]) == {"f1": None, "heq_q": None}


def test_a_bleu_score_comes_with_its_signature():
    gold = Gold("the heron sleeps in the reeds", ("the heron sleeps in the reeds",))
    dataset = replace(BIRDS, options=(), metrics=("bleu",))
    unit = Unit("birds", "plain", "test", GENERATE)
    (found,) = score_unit(dataset, unit, [Record(Prompt("?", gold), gold.answer)] * 2)
    assert found.scores == pytest.approx({"bleu": 100})
    assert found.signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")
    held = summarize(dataset, [found]).to_json()
    assert held["templates"][0]["signatures"] == found.signatures


def test_signatures_and_remarks_stand_under_the_overview():

    def score(number):
        one = TemplateScore(
            f"t{number}",
            "test",
            "generated",
            3,
            {"pearson": 1.0},
            {"pearson": None},
            signatures={"bleu": "tok:zh"},
            remarks={"pearson": "1 of 3 answers is no number, counted as 0"},
        )
        return summarize(toy_dataset(name=f"d{number}", metrics=("pearson",)), [one])

    lines = legend([score(number) for number in range(8)])
    assert lines.count("bleu signature: tok:zh") == 1
    assert lines[-7:-5] == [
        "d0.t0, test, pearson: 1 of 3 answers is no number, counted as 0",
        "d1.t1, test, pearson: 1 of 3 answers is no number, counted as 0",
    ]
    assert lines[-1] == "... and 2 more such lines"


def test_one_answer_in_another_script_among_english_ones_has_a_standard_error():
    texts = ("The motto is Liberty.", "知識は力なり", "The capital is Ostrow.")
    answers = [Gold(text, (text,), key=text) for text in texts]
    # rouge_score sees no word in it: 100, 0, 100.
    error = 100 * math.sqrt(1 / 3) / math.sqrt(3)
    assert standard_errors("rouge", answers, texts)["rougeL"] == pytest.approx(error)


def test_two_metrics_with_numbers_of_one_name_are_refused():
    both = replace(catalog()["squad_v1"], metrics=("squad", "trivia_qa"))
    gold = Gold("a river", ("a river",), key="k")
    unit = Unit("squad_v1", "any", "test", GENERATE)
    with pytest.raises(EvaluationError, match="give a number called em and f1; declare one"):
        score_unit(both, unit, [Record(Prompt("What?", gold), "a river")])
