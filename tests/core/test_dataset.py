import re

import pytest
from conftest import toy_dataset

from flan_tasks.core.errors import DeclarationError, RowError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.row_examples import normalize_row, selected


def normalize(dataset, row, number=7):
    return normalize_row(dataset, row, source_split="train", number=number)


def test_normalize_row_gives_key_of_split_and_number():
    (example,) = normalize(toy_dataset(), {"animal": "owl", "bird": 1})
    assert (example.key, example.answer) == ("train:7", "yes")


def test_normalize_row_numbers_several_examples_of_a_row():
    def two(row):
        """Asks twice."""
        return tuple(
            Example(fields={"animal": row["animal"]}, answer=a, options=("yes", "no"))
            for a in ("yes", "no")
        )

    keys = [e.key for e in normalize(toy_dataset(normalize=two), {"animal": "owl", "bird": 1})]
    assert keys == ["train:7.0", "train:7.1"]


def test_normalize_row_passes_skips_on():
    assert normalize(toy_dataset(), {"animal": "owl", "bird": -1}) == (Skip("no gold label"),)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"bird": 1}, "birds, split train, row 7: no column animal; the row has bird"),
        ({"animal": 3, "bird": 1}, 'column "animal" is int 3; the schema says str'),
        ({"animal": "owl", "bird": True}, 'column "bird" is bool True; the schema says int'),
        ({"animal": "owl", "bird": 9}, "row 7: the normalizer fails with IndexError"),
    ],
)
def test_normalize_row_names_what_breaks_the_schema(row, message):
    with pytest.raises(RowError, match=message):
        normalize(toy_dataset(), row)


def test_columns_that_may_be_null_are_none_where_a_row_has_nothing():
    seen = []

    def normalize(row):
        """Asks whether the animal is a bird."""
        seen.append(row)
        return Skip("not needed")

    schema = {"animal": str, "color": str | None, "wings": int | None}
    dataset = toy_dataset(schema=schema, normalize=normalize, labels={})
    rows = ({"animal": "heron", "color": None}, {"animal": "owl", "color": "", "wings": 2})
    for row in rows:
        normalize_row(dataset, row, source_split="train", number=0)
    assert seen == [{"animal": "heron", "color": None, "wings": None}, rows[1]]
    assert "wings" not in rows[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"animal": None}, '"animal" is null; the schema says str. Where rows may have nothing'),
        ({"animal": "owl", "wings": "2"}, "the schema says int | None"),
        ({"animal": "owl", "wings": True}, '"wings" is bool True'),
        ({"wings": 2}, "no column animal"),
    ],
)
def test_null_is_refused_where_the_schema_does_not_have_it(row, message):
    dataset = toy_dataset(schema={"animal": str, "wings": int | None}, labels={})
    with pytest.raises(RowError, match=re.escape(message)):
        normalize_row(dataset, row, source_split="train", number=0)


def test_normalize_row_names_the_row_whatever_the_normalizer_raises():
    def divide(row):
        """Divides by nothing."""
        return row["bird"] / 0

    with pytest.raises(RowError, match="row 7: the normalizer fails with ZeroDivisionError"):
        normalize(toy_dataset(normalize=divide), {"animal": "owl", "bird": 1})


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (lambda example, split: True, "select returned bool; return Skip"),
        (lambda example, split: example.fields["bird"], "select fails with KeyError"),
    ],
)
def test_selected_names_the_example_that_select_fails_on(select, message):
    (example,) = normalize(toy_dataset(), {"animal": "owl", "bird": 1})
    with pytest.raises(RowError, match=f"birds, split train, example train:7: {message}"):
        selected(toy_dataset(select=select), example, source_split="train")


def test_normalize_row_refuses_a_row_that_would_be_counted_nowhere():
    def none(row):
        """Gives nothing."""
        return ()

    with pytest.raises(RowError, match=r"row 7: the normalizer returned an empty tuple"):
        normalize(toy_dataset(normalize=none), {"animal": "owl", "bird": 1})


@pytest.mark.parametrize("what", [None, "yes", 3, [], {}, object(), float("nan")])
def test_normalize_row_refuses_whatever_is_no_example(what):
    def other(row):
        """Gives something else."""
        return what

    with pytest.raises(RowError, match="row 7: the normalizer returned"):
        normalize(toy_dataset(normalize=other), {"animal": "owl", "bird": 1})


def test_a_row_is_quoted_however_deep_and_broken_it_is():
    class Broken:
        def __repr__(self):
            raise ValueError

    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for value in (deep, Broken(), 10**5000, "x" * 10**6):
        with pytest.raises(RowError, match="the schema says int") as caught:
            normalize(toy_dataset(schema={"bird": int}, labels={}), {"bird": [value]})
        assert len(str(caught.value)) < 1000


def test_normalize_row_names_the_line_of_the_normalizer():
    with pytest.raises(RowError, match=r"IndexError: .* \(.*conftest.py, line \d+\)"):
        normalize(toy_dataset(), {"animal": "owl", "bird": 9})


def test_normalize_row_refuses_other_fields_than_declared():
    def other(row):
        """Asks."""
        return Example(fields={"beast": "x"}, answer="yes", options=("yes", "no"))

    with pytest.raises(RowError, match=r"returned fields \['beast'\]; declared are \['animal'\]"):
        normalize(toy_dataset(normalize=other), {"animal": "owl", "bird": 1})


def test_normalize_row_refuses_other_options_than_declared():
    def other(row):
        """Asks."""
        return Example(fields={"animal": "x"}, answer="yes", options=("no", "yes"))

    with pytest.raises(RowError, match="returned options"):
        normalize(toy_dataset(normalize=other), {"animal": "owl", "bird": 1})


def test_selected_drops_by_source_split():
    dataset = toy_dataset(select=lambda e, split: Skip("kept out") if split == "train" else None)
    (example,) = normalize(dataset, {"animal": "owl", "bird": 1})
    assert selected(dataset, example, source_split="train") == Skip("kept out")
    assert selected(dataset, example, source_split="test") is example


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Birds"}, "lower-case"),
        ({"name": "mix"}, "is taken"),
        ({"fields": ("options",)}, "not options or answer"),
        ({"options_per_example": True}, "either fixed or per example"),
        ({"schema": {"bird": set}}, "has type"),
        ({"labels": {"beak": ("a",)}}, "no column of the schema"),
        ({"metrics": ()}, "no metrics"),
        ({"metrics": ("acuracy",)}, 'unknown metric "acuracy". Did you mean accuracy'),
        ({"metrics": ("rougeL",)}, 'unknown metric "rougeL". Did you mean rouge'),
        ({"answer_language": "zh"}, 'answer_language "zh" is none of its languages'),
        ({"languages": ("en", "zh"), "metrics": ("rouge",)}, "declare answer_language"),
        ({"languages": ("de", "ko"), "metrics": ("squad",)}, "declare answer_language"),
        ({"license": ""}, "license and citation"),
        ({"normalize": lambda row: None}, "docstring"),
        ({"overlaps": ("birds",)}, "overlap with itself"),
        ({"name": 3}, "name is 3"),
        ({"name": "x" * 300}, "the name has 300 characters; 100 are allowed"),
        ({"fields": "animal"}, r'fields is one text; write \("animal",\)'),
        ({"fields": ["animal"]}, "fields is .* want a tuple of str"),
        ({"schema": 3}, "want a mapping of str to type"),
        ({"source": "train.jsonl"}, "want Tfds or HuggingFace or Files"),
        ({"splits": "train"}, "want Splits"),
        ({"normalize": "x"}, "want a function"),
        ({"size": {"train": "x"}}, "want a mapping of str to int"),
        ({"size": {"train": -1}}, "want 0 or more"),
        ({"size": {"train": 10**30}}, "more than 64 bits"),
        ({"languages": "en"}, r'languages is one text; write \("en",\)'),
        ({"languages": ("en\nevil: x",)}, r"language 'en\\nevil: x' is no code"),
        ({"languages": ("English",)}, "language 'English' is no code"),
        ({"license": "MIT\n---"}, "license must be one line"),
        ({"citation": "A\u2028B"}, "citation must be one line"),
        ({"citation": "A\0B"}, "citation holds a NUL character"),
        ({"license": "\ud800"}, "license holds half a surrogate pair"),
        ({"options": ("a\n- c", "b")}, "must be one line without blanks around it"),
        ({"options": ("a ", "b")}, "must be one line without blanks around it"),
        ({"options": ("", "b")}, "must be one line without blanks around it"),
        ({"part_of": "../x"}, "part_of '../x' must be lower-case"),
    ],
)
def test_dataset_refuses(changes, message):
    with pytest.raises(DeclarationError, match=message):
        toy_dataset(**changes)


@pytest.mark.parametrize(
    ("changes", "language"),
    [
        ({}, "en"),
        ({"languages": ("zh",), "metrics": ("rouge",)}, "zh"),
        ({"languages": ("de", "fr"), "metrics": ("bleu",)}, "de"),
        ({"languages": ("en", "zh"), "metrics": ("accuracy",)}, "en"),
        ({"languages": ("en", "zh"), "metrics": ("bleu",), "answer_language": "zh"}, "zh"),
    ],
)
def test_the_language_of_answers_is_declared_or_plain(changes, language):
    assert toy_dataset(**changes).language_of_answers == language


def test_declared_rows_are_those_after_the_carve():
    dataset = toy_dataset(size={"train": 100, "test": 7})
    rows = {split: dataset.declared_rows(split) for split in ("train", "validation", "test")}
    assert rows == {"train": 96, "validation": 4, "test": 7}
