"""Tests of joining marks to their words, of dashes, and of quotation marks."""

import pytest

from flan_tasks.repairs.marks import joined_marks, paired_quotes, with_dashes


@pytest.mark.parametrize(
    ("apart", "typed"),
    [
        ("What is tin ?", "What is tin?"),
        ("Wait , he said . Then : go", "Wait, he said. Then: go"),
        ("for Reeve Inc. , a firm", "for Reeve Inc., a firm"),
        ('from "bad to good" .', 'from "bad to good".'),
        ("(a chip) ? Yes", "(a chip)? Yes"),
    ],
)
def test_marks_are_joined_to_their_words(apart, typed):
    assert joined_marks(apart) == typed


@pytest.mark.parametrize(
    "text",
    [
        "I am here to . . . submit",
        "we won ;) and thanks :) or :D",
        "a ratio of 2 : 1 and .NET or .5",
        "x != y",
    ],
)
def test_other_marks_keep_their_blanks(text):
    assert joined_marks(text) == text


@pytest.mark.parametrize(
    ("hyphens", "typed"),
    [
        ("(c.1776 -- 1858), 1901 -- 88", "(c.1776–1858), 1901–88"),
        ("won 6 -- 4, 7 -- 6", "won 6–4, 7–6"),
        ("(4 May 1914 -- 11 June 1918)", "(4 May 1914 – 11 June 1918)"),
        ("(May 1860 -- January 22, 1923)", "(May 1860 – January 22, 1923)"),
        ("since 1987 -- 12 years ago -- he", "since 1987 -- 12 years ago -- he"),
        ("in 1946 -- in 1947; at 5 -- $ 3", "in 1946 -- in 1947; at 5 -- $ 3"),
        ("in 1912 -- May be", "in 1912 -- May be"),
        ("2001 -- 4:45 p.m.; it -- that -- was", "2001 -- 4:45 p.m.; it -- that -- was"),
    ],
)
def test_ranges_have_dashes_and_asides_keep_hyphens(hyphens, typed):
    assert with_dashes(hyphens) == typed


@pytest.mark.parametrize(
    ("loose", "typed"),
    [
        ('says " hi sam ", along with " no! ".', 'says "hi sam", along with "no!".'),
        ('in case it "does not work ".', 'in case it "does not work".'),
        ('"Go!"Ada ran. It was over."The end" came', '"Go!" Ada ran. It was over. "The end" came'),
        ('the " old " and\n"new "', 'the "old" and\n"new"'),
    ],
)
def test_quotation_marks_are_joined_to_what_they_enclose(loose, typed):
    assert paired_quotes(loose) == typed


@pytest.mark.parametrize(
    "text",
    [
        'a 6" board and a 4" nail',
        'lost." And then "it',
        'a ""show"" here',
        'one " alone',
        'some "BROTHER"s and "SISTER"s',
        'print("a", "b"), f"{x}"',
        '"a" and ("b"), "c"/"d"',
    ],
)
def test_quotation_marks_that_are_right_or_unclear_stay(text):
    assert paired_quotes(text) == text
