"""The reading rule for answers behind written reasoning, on odd reasoning; and what it scores."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.reasoning import number_in, option_in, text_in

OPTIONS = ("DNA", "sex", "no", "not sure", "12 hens")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 = 5. The answer is 5.", 5),
        ("The answer is 5. Wait, no. The answer is 6.", 6),  # the last of several
        ("The answer is 5. So the answer is", 5),  # breaks off behind a mark
        ("The answer is", None),
        ("She has 3 + 4 = 7 apples", 7),  # no mark: the last number
        ("She buys 3 apples and then", 3),  # ends early
        ("They do not say.", None),
        ("", None),
        ("#### -3", -3),
        ("The answer is −3", -3),
        ("The answer is 1,234", 1234),
        ("answer: $1,250.50", "1250.5"),
        ("The answer is -$5", -5),
        ("The answer is $-5", -5),
        ("Answer = 20%", 20),
        ("The answer is 5km", 5),
        ("The answer is 18 dollars a day", 18),
        ("The answer is 3/4 of a cup", "3/4"),
        ("The answer is 2 1/2.", "5/2"),
        ("The answer is 1/0", None),
        ("The answer is .5", "1/2"),
        ("The answer is 7.0", 7),
        ("The answer is 1e3", 1000),
        ("The answer is (4)", 4),
        ("The answer is 5. The answer is " + "9" * 6000, 5),  # digits without end
        ("7 and " + "3" * 5000 + "/" + "1" * 5000, 7),
        ("**Answer:** **12**", 12),
        ("Answer:\n\n7\n", 7),  # on the next line
        ("so \\boxed{42} it is, not 43", 42),
        ("The answer is 9 * 2 = 18 dollars", 18),  # the right-hand side
        ("The answer to how many eggs are left is 8", 8),
        ("x = 10-3", 3),  # no sign, but a minus
        ("The answer is unknown, as 12 of them left", 12),
        ("The final answer is 5\n\nThis took me 3 minutes.", 5),
    ],
)
def test_number_that_reasoning_ends_in(text, value):
    assert number_in(text) == (None if value is None else Fraction(value))


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Reproduction, so the answer is sex.", "sex"),
        ("The answer is (B).", "sex"),
        ("The answer is (b)", "sex"),
        ("answer: B", "sex"),
        ("Answer: option A", "DNA"),
        ("The answer is (B) sex", "sex"),
        ("The answer is (A) sex", None),  # a letter and another option's text
        ("The answer is B because it is alive", "sex"),
        ("The answer is (Z)", None),  # no option has that place
        ("The answer is SEX", "sex"),
        ("Answer: **DNA**", "DNA"),
        ('The answer is "not sure".', "not sure"),  # not its beginning, "no"
        ("Answer: no, because nobody is sure", "no"),
        ("The answer is a molecule called DNA", "DNA"),
        ("The answer is sex or DNA", "sex"),  # what it begins with
        ("The answer is either sex or DNA", None),  # two of them
        ("The answer is sex. No: the answer is DNA", "DNA"),
        ("The answer is DNA. The answer is", "DNA"),
        ("I have thought about it.\nDNA", "DNA"),  # no mark: the last line
        ("It has two strands. So DNA.", "DNA"),  # or its last sentence
        ("DNA has two strands. I like it", None),
        ("The answer is", None),
        ("", None),
    ],
)
def test_option_that_reasoning_ends_in(text, option):
    assert option_in(text, OPTIONS) == option


def test_options_that_are_letters_are_read_as_texts():
    assert option_in("The answer is B", ("C", "B")) == "B"


def test_options_that_differ_in_case_are_told_by_their_letters():
    assert option_in("Answer: US", ("us", "US")) == "US"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It says so. The answer is: Thomas Orme", "Thomas Orme"),
        ("It says so.\nAnswer: **Thomas Orme**", "Thomas Orme"),
        ("It says so.\nThomas Orme", "Thomas Orme"),
        ("", ""),
    ],
)
def test_text_that_reasoning_ends_in(text, said):
    assert text_in(text) == said


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "{:,}", "{}.", "**{}**", "{} eggs"]))
def test_every_number_is_read_as_it_is_written(number, form):
    for mark in ("The answer is {}", "Answer: {}", "#### {}", "1 + 1 = 2.\nSo the answer is: {}"):
        assert number_in(mark.format(form.format(number))) == number


@given(st.text(max_size=80))
def test_every_text_can_be_read(text):
    number_in(text)
    text_in(text)
    assert option_in(text, OPTIONS) in (*OPTIONS, None)


def test_scores_count_what_is_read():
    golds = [Gold("18", ("18",), key="a"), Gold("1250", ("1250",), key="b")]
    said = ["9 * 2 = 18. The answer is $18.", "The answer is 1,250"]
    assert metric("number_after_reasoning")(golds, said) == {"accuracy": 100}
    assert metric("number_after_reasoning")(golds, [said[1], "no idea"]) == {"accuracy": 0}
    golds = [Gold("sex", ("sex",), OPTIONS, key="a"), Gold("no", ("no",), OPTIONS, key="b")]
    said = ["The answer is (B)", "it is sex"]
    assert metric("option_after_reasoning")(golds, said) == {"accuracy": 50}
    golds = [Gold("Thomas Orme", ("Thomas Orme",), key="a")]
    found = metric("text_after_reasoning")(golds, ["He built it. The answer is: Orme"])
    assert found["em"] == 0 and 0 < found["f1"] < 100
