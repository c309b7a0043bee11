import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Example


def test_blank_lines_and_what_stands_behind_a_text_go():
    example = Example(fields={"a": "\n \nx \n"}, answer="yes ", options=("yes ", "no"))
    assert example.fields == {"a": "x"}
    assert (example.answer, example.options, example.references) == ("yes", ("yes", "no"), ("yes",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    return x\n", "    return x"),
        ("\tif x:\n\t\treturn\n\n\n", "\tif x:\n\t\treturn"),
        ("\n  \n    return x", "    return x"),
        ("\r\n  a\r\n  b\r\n", "  a\r\n  b"),
        ("\u3000\u3000\u4e00", "\u3000\u3000\u4e00"),
        (" \n\t", ""),
        ("a  \n  b", "a  \n  b"),
    ],
)
def test_indentation_of_the_first_line_stays(text, expected):
    example = Example(fields={"a": text}, answer=text or "x") if expected else None
    assert Example(fields={"a": text}, answer="x").fields["a"] == expected
    assert example is None or example.answer == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_texts_differ_from_their_source_by_blanks_at_the_ends_alone(text):
    held = Example(fields={"a": text}, answer="x").fields["a"]
    assert held == held.rstrip() and held.strip() == text.strip()
    assert text.rstrip().endswith(held)
    indentation = held[: len(held) - len(held.lstrip())]
    assert len((indentation + "x").splitlines()) == 1
    assert Example(fields={"a": held}, answer="x").fields["a"] == held


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": "maybe"}, "not among the options"),
        ({"answer": "  "}, "answer is empty"),
        ({"options": ("yes", "yes ", "no")}, "two options are equal"),
        ({"options": ("yes", " ")}, "an option is empty"),
        ({"fields": {"a": 3}}, 'field "a" must be text, not int'),
        ({"fields": {"a": "\ud83d"}}, "surrogate"),
    ],
)
def test_example_refuses(changes, message):
    with pytest.raises(DeclarationError, match=message):
        Example(**({"fields": {"a": "x"}, "answer": "yes", "options": ("yes", "no")} | changes))
