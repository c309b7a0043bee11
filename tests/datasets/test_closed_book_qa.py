"""The repairs of the closed-book normalizers, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.closed_book_qa import ARC_EASY, NATURAL_QUESTIONS, TRIVIA_QA


def _arc_row(*texts: str, key: int, question: str = "Which one?") -> dict:
    choices = {"label": list(range(len(texts))), "text": list(texts)}
    return {"question": question, "choices": choices, "answerKey": key}


def _trivia_row(value: str, *aliases: str, question: str = "Who?") -> dict:
    answer = {"value": value, "aliases": list(aliases)}
    return {"question": question, "question_id": "q_1", "answer": answer}


@pytest.mark.parametrize("texts", [("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_arc_keeps_rows_with_three_and_five_options(texts):
    assert ARC_EASY.normalize(_arc_row(*texts, key=2)).options == texts


def test_arc_answer_is_found_by_its_label_not_its_place():
    row = _arc_row("x", "y", "z", key=1)
    row["choices"]["label"] = [2, 1, 0]
    assert ARC_EASY.normalize(row).answer == "y"


def test_arc_skips_rows_with_two_equal_options():
    assert ARC_EASY.normalize(_arc_row("a", "a ", "b", key=0)) == Skip("two equal options")


def test_arc_skips_rows_without_label():
    assert ARC_EASY.normalize(_arc_row("a", "b", "c", key=-1)) == Skip("no gold label")


def test_arc_question_loses_double_blanks():
    example = ARC_EASY.normalize(_arc_row("a", "b", key=0, question="How  many\nlegs?"))
    assert example.fields["question"] == "How many legs?"


@pytest.mark.parametrize("typed", ["who is it", "who is it?", "who is it ?", "who is it."])
def test_natural_questions_ends_with_one_question_mark(typed):
    example = NATURAL_QUESTIONS.normalize({"question": typed, "answer": ["me"]})
    assert example.fields["question"] == "who is it?"


def test_natural_questions_loses_invisible_marks():
    example = NATURAL_QUESTIONS.normalize({"question": "the\u200b law of", "answer": ["x"]})
    assert example.fields["question"] == "the law of?"


def test_natural_questions_references_are_all_answers_once():
    row = {"question": "how many", "answer": ["six", "6", "six"]}
    assert NATURAL_QUESTIONS.normalize(row).references == ("six", "6")


def test_natural_questions_skips_rows_without_answer():
    row = {"question": "how many", "answer": [""]}
    assert NATURAL_QUESTIONS.normalize(row) == Skip("no answer")


def test_trivia_qa_target_keeps_its_capitals():
    assert TRIVIA_QA.normalize(_trivia_row("Henrik Ibsen", "Ibsen")).answer == "Henrik Ibsen"


def test_trivia_qa_references_are_value_and_aliases():
    example = TRIVIA_QA.normalize(_trivia_row("Mali", "Republic of Mali", "Mali"))
    assert example.references == ("Mali", "Republic of Mali")


def test_trivia_qa_makes_doubled_quotation_marks_single():
    example = TRIVIA_QA.normalize(_trivia_row("Mozart", question='Who wrote ""Don Giovanni""?'))
    assert example.fields["question"] == 'Who wrote "Don Giovanni"?'


def test_trivia_qa_skips_hidden_answers():
    assert TRIVIA_QA.normalize(_trivia_row("<unk>")) == Skip("no gold answer")
