"""What is guessed from rows, and what is said of it."""

import json

import pytest

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.drafts.guess import CLASSIFICATION, GENERATION, field_names, guess_file, guess_rows


def rows(count, **columns):
    return [{name: made(number) for name, made in columns.items()} for number in range(count)]


def names(guess):
    return [column.name for column in guess.texts]


def test_labels_are_options_and_texts_are_fields():
    found = guess_rows(
        rows(
            20,
            id=lambda n: f"a{n}",
            headline=lambda n: f"News {n}",
            text=lambda n: f"A longer text about number {n}",
            label=lambda n: n % 3,
            score=lambda n: n / 2,
            note=lambda n: None,
        )
    )
    assert found.kind == CLASSIFICATION and found.labels == (0, 1, 2)
    assert names(found) == ["text", "headline"] and found.answer.name == "label"
    assert found.notes == (
        "kind: classification",
        "answer: label, one of 3",
        "fields: text, headline",
        "left out: id: by its name it tells rows apart",
        "left out: score: its values are float",
        "left out: note: it is empty in every row",
    )


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ({"text": str, "summary": str, "label": str}, "label"),
        ({"dialogue": str, "Summary": str}, "Summary"),
        ({"question": str, "final_answer": str}, "final_answer"),
        ({"instruction": str, "input": str, "output": str}, "output"),
    ],
)
def test_the_answer_is_found_by_its_name(columns, answer):
    made = {name: (lambda n, name=name: f"{name} number {n} of some") for name in columns}
    assert guess_rows(rows(30, **made)).answer.name == answer


def test_an_answer_may_be_named_and_different_answers_are_generated():
    data = rows(30, text=lambda n: f"text {n} here", feeling=lambda n: "good bad".split()[n % 2])
    with pytest.raises(DeclarationError, match="Name it with --answer; columns are text, feeling"):
        guess_rows(data)
    assert guess_rows(data, answer="feeling").kind == CLASSIFICATION
    assert guess_rows(data, answer="feeling", kind=GENERATION).labels == ()
    assert guess_rows(data, answer="text").kind == GENERATION
    with pytest.raises(DeclarationError, match="30 different values.*from 2 to 20"):
        guess_rows(data, answer="text", kind=CLASSIFICATION)
    with pytest.raises(DeclarationError, match='cannot be "mood"; columns are text, feeling'):
        guess_rows(data, answer="mood")


def test_nulls_and_columns_that_some_rows_lack_are_nullable():
    data = [{"text": "a", "label": "x"}, {"text": None, "label": "y"}, {"text": "b"}] * 4
    found = guess_rows(data)
    assert found.texts[0].is_nullable and found.answer.is_nullable and found.labels == ("x", "y")


def test_lists_of_texts_are_several_answers_and_others_are_none():
    data = [{"question": "Who?", "answers": ["A", "B"]}, {"question": "When?", "answers": []}]
    assert guess_rows(data).answer.kind is list
    with pytest.raises(DeclarationError, match="neither texts nor numbers nor lists"):
        guess_rows([{"text": "a", "answers": [1]}], answer="answers")
    with pytest.raises(DeclarationError, match="neither texts nor numbers nor lists"):
        guess_rows([{"text": "a", "answers": {"b": 1}}], answer="answers")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "no rows"),
        ([{"label": "a"}, {"label": "b"}], "no column of text beside the answer, label"),
        ([{"text": "a", "label": ""}], '"label" is empty in every row'),
        ([{"text": 1, "label": "a"}, {"text": "b", "label": "b"}], "no column of text"),
    ],
)
def test_what_makes_no_dataset_is_refused_in_words(data, said):
    with pytest.raises(DeclarationError, match=said):
        guess_rows(data)


def test_fields_have_names_that_templates_take():
    columns = guess_rows(
        rows(
            9,
            **{"Text Body": lambda n: f"text {n}", "text-body": lambda n: "b"},
            **{"1st": lambda n: "c", "본문": lambda n: "d", "options": lambda n: "e"},
            label=lambda n: n % 2,
        )
    ).texts
    found = field_names(columns)
    assert sorted(found.values()) == [
        "text",
        "text_1st",
        "text_body",
        "text_body_2",
        "text_options",
    ]
    assert found["Text Body"] == "text_body"  # its texts are the longest


def test_files_are_read_by_their_kind(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"One, two",x\n,x\nThree,y\nFour,y\n')
    found = guess_file(tmp_path / "a.csv")
    assert found.quotes and found.labels == ("x", "y") and not found.texts[0].is_nullable
    (tmp_path / "a.tsv").write_text('text\tlabel\n"Go," he said\tx\nOh\tx\nNo\ty\nSo\ty\n')
    found = guess_file(tmp_path / "a.tsv")
    assert not found.quotes and "quotation marks are text" in " ".join(found.notes)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a", "answer": "b"}) + "\n{oh\n")
    with pytest.raises(RowError, match="not valid JSON"):
        guess_file(tmp_path / "a.jsonl")
    (tmp_path / "a.doc").write_text("a")
    with pytest.raises(SourceUnavailableError, match="unknown ending"):
        guess_file(tmp_path / "a.doc")
