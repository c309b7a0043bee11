import pytest
from conftest import toy_dataset

from flan_tasks.core.dataset import normalize_row, selected
from flan_tasks.core.errors import DeclarationError, RowError
from flan_tasks.core.example import Example, Skip


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
