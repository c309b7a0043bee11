"""What a model wrote, to the answer that is compared."""

import pytest

from flan_tasks.suites.declared import Reading
from flan_tasks.suites.library import published_suite
from flan_tasks.suites.reading import cut_at_stops, read_answer


def test_a_text_ends_before_the_first_stop():
    assert cut_at_stops("a\n\nQ: b Question", ("Question", "\n\nQ:")) == "a"
    assert cut_at_stops("a", ()) == "a" and cut_at_stops("Q", ("Q",)) == ""


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is so. So the answer is (B).", "(B)"),
        ("the answer is no. Wait. So the answer is yes.", "yes"),
        ("So the answer is [ ( ) ].", "[ ( ) ]"),
        ("So the answer is Monsters, Inc.", "Monsters, Inc"),
        ("(B)", ""),
        ("So the answer is", ""),
    ],
)
def test_bbh_takes_what_is_behind_the_last_mark_without_its_period(text, answer):
    reading = published_suite("bbh").protocol("suzgun").read
    assert read_answer(text, reading) == answer


def test_the_harness_takes_the_first_and_cuts_its_last_character():
    reading = published_suite("bbh").protocol("lm_eval").read
    assert read_answer("the answer is no. Or the answer is yes.", reading) == (
        "no. Or the answer is yes"
    )
    assert read_answer("So the answer is (B)", reading) == "(B"


@pytest.mark.parametrize(
    ("text", "strict", "flexible"),
    [
        ("3 + 4 = 7\n#### 7", "7", "7"),
        ("#### 1,234", "1234", "1234"),
        ("It is $1,250.", "", "1250"),
        ("##### 5 and 6", "5", "6"),
        ("#### -3 of 9", "-3", "9"),
        ("none", "", ""),
    ],
)
def test_gsm8k_is_read_as_the_harness_reads_it(text, strict, flexible):
    suite = published_suite("gsm8k")
    assert read_answer(text, suite.protocol("lm_eval_first_n").read) == strict
    assert read_answer(text, suite.protocol("lm_eval_first_n_flexible").read) == flexible


def test_the_first_group_that_matched_is_taken():
    assert read_answer("x=1 y=2", Reading(pattern="x=(a)|y=(\\d)|x=(\\d)")) == "1"
    assert read_answer("NO", Reading(ignore_case=True)) == "no"


def test_blanks_at_the_ends_count_where_a_protocol_says_so():
    for name, suite in (("flan", "mmlu"), ("lm_eval_direct", "bbh")):
        reading = published_suite(suite).protocol(name).read
        assert [read_answer(text, reading) for text in (" (A)", "(A) ", "(A)")] == [
            " (A)",
            "(A) ",
            "(A)",
        ]
    assert read_answer(" (A) ", Reading()) == "(A)"
