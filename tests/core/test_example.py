import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.render import format_options


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
        ({"fields": {"a": "\ud83d"}}, 'field "a" holds half a surrogate pair'),
        ({"answer": "\ud83d"}, "the answer holds half a surrogate pair"),
        ({"options": ("yes", "\udc00")}, "an option holds half a surrogate pair"),
        ({"references": ("\udc00",)}, "a reference holds half a surrogate pair"),
        ({"key": "\ud800"}, "key holds half a surrogate pair"),
        ({"extra": {"a": ["\ud800"]}}, r'extra\["a"\]\[0\] holds half a surrogate pair'),
        ({"extra": {"\ud800": 1}}, "keys must be text"),
        ({"fields": ["a"]}, "fields must be a dict of texts"),
        ({"fields": {3: "a"}}, "names of fields must be text"),
        ({"answer": None}, "the answer must be text, not NoneType"),
        ({"options": "yes"}, "options must be a tuple of texts, not 'yes'"),
        ({"options": None}, "options must be a tuple of texts"),
        ({"options": (text for text in ("yes", "no"))}, "options must be a tuple of texts"),
        ({"options": {"yes", "no"}}, "options must be a tuple of texts"),
        ({"references": "yes"}, "references must be a tuple of texts"),
        ({"key": 7}, "key must be text, not int: 7"),
        ({"key": None}, "key must be text"),
        ({"key": " "}, "key must be one line"),
        ({"key": "a\0b"}, "key must be one line"),
        ({"key": "a\nb"}, "key must be one line"),
        ({"key": "a\u2028b"}, "key must be one line"),
        ({"key": "x" * 1001}, "of at most 1,000 characters"),
        ({"extra": [1]}, "extra must be a dict, not list"),
        ({"extra": None}, "extra must be a dict, not NoneType"),
        ({"extra": {3: 1}}, "extra has the key 3; keys must be text"),
        ({"extra": {"a": {1}}}, r'extra\["a"\] is set, which JSON cannot say'),
        ({"extra": {"a": b"x"}}, "is bytes, which JSON cannot say"),
        ({"extra": {"a": math.nan}}, "is nan, which JSON cannot say"),
        ({"extra": {"a": [-math.inf]}}, "is -inf, which JSON cannot say"),
        ({"extra": {"a": 10**5000}}, "more than 64 bits"),
        ({"extra": {"a": np.int64(3)}}, r"is int64, which JSON cannot say.*take its .item\(\)"),
    ],
)
def test_example_refuses(changes, message):
    with pytest.raises(DeclarationError, match=message):
        Example(**({"fields": {"a": "x"}, "answer": "yes", "options": ("yes", "no")} | changes))


def test_example_refuses_what_holds_itself_and_what_is_nested_without_end():
    ring: list = []
    ring.append(ring)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for value in (ring, deep):
        with pytest.raises(DeclarationError, match="nested more than 20 deep, or holds itself"):
            Example(fields={"a": "x"}, answer="y", extra={"a": value})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_extra_takes_all_that_json_says_and_gives_it_back(extra):
    example = Example(fields={"a": "x"}, answer="y", extra=extra)
    text = json.dumps(example.extra, allow_nan=False)
    assert json.loads(text) == extra and text.encode()


@pytest.mark.parametrize("key", ["", "train:7", "a b", "nbsp\u00a0key", "ключ/7", "x" * 1000])
def test_keys_are_lines_of_text(key):
    assert Example(fields={"a": "x"}, answer="y", key=key).key == key


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x85", " \n\n ", "\n- "])
def test_an_option_of_several_lines_is_one_option(end):
    option = f"a{end}c"
    example = Example(
        fields={"a": f"x{end}y"}, answer=option, options=(option, "b"), references=(option, "b")
    )
    assert example.answer == example.options[0] == example.references[0]
    shown = format_options(example.options)
    assert len(shown.splitlines()) == 3 and shown.endswith("\n- b")
    assert example.fields["a"] == f"x{end}y"


def test_texts_of_generation_keep_their_lines():
    example = Example(fields={"a": "x\ny"}, answer="p\nq", references=("p\nq", "r\ns"))
    assert (example.answer, example.references) == ("p\nq", ("p\nq", "r\ns"))


def test_options_that_fold_to_one_are_refused():
    with pytest.raises(DeclarationError, match="two options are equal"):
        Example(fields={"a": "x"}, answer="a b", options=("a\nb", "a b"))


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (3, "reason is 3"),
        (["x"], "reason is"),
        ("", "the reason is blank"),
        ("\n", "the reason is blank"),
        ("a\nb", "one line of at most 200 characters"),
        ("x" * 201, "one line of at most 200 characters"),
        ("\ud800", "half a surrogate pair"),
    ],
)
def test_skip_refuses_what_cannot_be_counted_by(reason, message):
    with pytest.raises(DeclarationError, match=message):
        Skip(reason)
