"""Written answers read as options: labels, texts, both, and what contradicts itself."""

import pytest

from flan_tasks.core.option_styles import BOTH, LABEL, OPTION_TARGETS, block_of, fits, option_styles
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.option_labels import read_option
from flan_tasks.metrics.reasoning import option_in

CITIES = ("Oslo", "New York", "York", "A Coruña")


def gold_of(style, how=LABEL, options=CITIES, answer=None):
    block = block_of(style, options, how)
    answer = answer or options[1]
    return Gold(answer, (answer,), options, labels=block.labels, choices=block.choices)


@pytest.mark.parametrize("style", [one.id for one in option_styles().values() if one.labels])
@pytest.mark.parametrize("how", OPTION_TARGETS)
def test_every_target_text_and_label_is_read_as_its_option(style, how):
    for options in (CITIES, ("yes", "no"), ("It rains, I think.", "It does not.")):
        if not fits(style, options):
            continue
        gold = gold_of(style, how, options)
        both = block_of(style, options, BOTH).choices
        for texts in (
            options,
            gold.choices,
            gold.labels,
            both,
            block_of(style, options, LABEL).choices,
        ):
            for option, text in zip(options, texts, strict=True):
                assert read_option(gold, text) == option
                assert read_option(gold, f" {text.upper()}. ".strip()) == option


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("B", "New York"),
        ("b", "New York"),
        ("(b)", "New York"),
        ("B.", "New York"),
        ("**B**", "New York"),
        ("Option B", "New York"),
        ("B) New York", "New York"),
        ("B: New York, since it is the largest", "New York"),
        ("C. York", "York"),
        ("D. A Coruña", "A Coruña"),
        ("A Coruña", "A Coruña"),
        ("new york.", "New York"),
        ("B. It is the largest.", "New York"),
    ],
)
def test_an_answer_is_read_by_letter_or_text(text, option):
    assert read_option(gold_of("capitals_with_period"), text) == option


@pytest.mark.parametrize("text", ["B. York", "(B) Oslo", "E", "", "A city", "Bergen", "B C", "II"])
def test_what_names_no_option_or_two_of_them_stays_what_it_is(text):
    assert read_option(gold_of("capitals_with_period"), text) == text


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("numbers", "1.5 km"),
        ("numbers", "1,500"),
        ("numbers", "2:30"),
        ("numbers", "1=2"),
        ("numbers", "3.14"),
        ("numbers", "Option 1.5"),
        ("numbers", "1, 2 and 3"),
        ("numbers", "2, 500"),
        ("numbers", "1' tall"),
        ("roman", "I, for one, think so"),
        ("roman", "I'm not sure"),
        ("roman", "I've no idea"),
        ("roman", "i.e. none of them"),
        ("roman", "I; you"),
        ("capitals", "A.M."),
        ("capitals", "a.m. in Oslo"),
        ("capitals", "B's"),
        ("capitals", "C* algebras"),
        ("capitals", "A, B"),
        ("capitals", "(A) and (B)"),
        ("capitals", "A. or B."),
        ("capitals", "A, B, C and D"),
        ("capitals", "A) B)"),
        ("capitals", "A: B"),
    ],
)
def test_what_only_begins_like_a_label_is_none(style, text):
    assert read_option(gold_of(labeled(style)), text) == text


@pytest.mark.parametrize(
    ("style", "text", "place"),
    [
        ("numbers", "1", 0),
        ("numbers", "1.", 0),
        ("numbers", "1. 5 km is too far", 0),
        ("numbers", "2) 500", 1),
        ("numbers", "2: it has 8 million", 1),
        ("numbers", "2, as the largest", 1),
        ("numbers", "Option 2, as the largest", 1),
        ("numbers", "[2] 3 of them", 1),
        ("numbers", "2 = New York", 1),
        ("numbers", "2.New York", 1),
        ("roman", "I", 0),
        ("roman", "I, Oslo", 0),
        ("roman", "I. think so", 0),
        ("roman", "(i), for one", 0),
        ("roman", "Option I, for one", 0),
        ("roman", "ii, for one", 1),
        ("capitals", "B, because it is the largest", 1),
        ("capitals", "B.It is the largest", 1),
        ("capitals", "B) and that is all", 1),
        ("capitals", "B. A is too small", 1),
        ("capitals", '"B" is right', 1),
        ("capitals", "*B* is right", 1),
        ("capitals", "(B), not (A)", 1),
        ("capitals", "B, not A", 1),
    ],
)
def test_a_label_stands_with_its_mark(style, text, place):
    assert read_option(gold_of(labeled(style)), text) == CITIES[place]


def labeled(kind):
    """The first style with labels of a kind."""
    return next(one.id for one in option_styles().values() if one.labels == kind)


def test_a_number_that_goes_on_is_no_label_though_it_ends_as_its_option():
    gold = gold_of(labeled("numbers"), options=("5 km", "7 km"))
    assert read_option(gold, "1.5 km") == "1.5 km"
    assert read_option(gold, "1. 5 km") == "5 km"


def test_without_labels_nothing_is_read_into_an_answer():
    gold = Gold("B", ("B",), ("A. x", "B"))
    assert read_option(gold, "a.") == "a."
    assert read_option(gold_of("dashes_alone"), "B") == "B"


def test_accuracy_counts_a_read_label_as_its_option():
    golds = [gold_of("letters_with_bracket"), gold_of("numbers_as_key", BOTH)]
    predictions = [read_option(*pair) for pair in zip(golds, ["b", "1 = Oslo"], strict=True)]
    assert metric("accuracy")(golds, predictions) == {"accuracy": 50.0}


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("It is in Norway. The answer is 1.", "Oslo"),
        ("So the answer is (2).", "New York"),
        ("The answer is 3) York", "York"),
        ("The answer is (1) New York.", None),
        ("The answer is New York.", "New York"),
    ],
)
def test_behind_reasoning_the_labels_of_the_prompt_count(text, option):
    assert option_in(text, CITIES, ("1", "2", "3", "4")) == option


def test_labels_stand_in_json_only_where_there_are_some():
    gold = gold_of("capitals_with_period")
    assert Gold.from_json(gold.to_json()) == gold
    assert not {"labels", "choices"} & set(Gold("a", ("a",), ("a", "b")).values())
