"""Strings of protocols: columns put in, and nothing of what is put in looked at again."""

import pytest

from flan_tasks.suites.wording import columns_of, filled, missing_columns, problems_of


def test_columns_are_put_in_as_they_are_or_trimmed():
    columns = {"q": " {a} \n", "a": "0.10"}
    assert filled("{q}|{a}", columns) == " {a} \n|0.10"
    assert filled("{q:trimmed}|{{q}}", columns) == "{a}|{q}"
    assert columns_of("{q} {a:trimmed} {q} {{x}}") == ("q", "a")
    assert missing_columns(["{q}{b}", "{c}"], columns) == ["b", "c"]


@pytest.mark.parametrize("text", ["{", "}", "{a b}", "{a.b}", "{0}", "{a!r}", "{}", "x}y"])
def test_a_stray_brace_is_a_problem(text):
    assert problems_of(text)


def test_other_strings_have_no_problem():
    assert problems_of("{a} {{}} \\boxed{{x}} {b:trimmed}") == []
