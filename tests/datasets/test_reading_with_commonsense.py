"""The repairs of the normalizers that read with common sense, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.reading_with_commonsense import COSMOS_QA, RECORD


def _cosmos_row(context: str = "It rained.", **changes) -> dict:
    answers = {f"answer{number}": f"Because of {number}." for number in range(4)}
    return {"context": context, "question": "Why?", **answers, "label": 1, **changes}


def _record_row(passage: str = "Ann met Bo in Rome.", **changes) -> dict:
    row = {
        "passage": passage,
        "query": "@placeholder was late.",
        "entities": ["Rome", "Bo", "Ann", "Bo"],
        "answers": ["Bo"],
        "idx": {"passage": 3, "query": 7},
    }
    return row | changes


@pytest.mark.parametrize(
    ("typed", "repaired"),
    [
        ("I ca n't go , sorry .", "I can't go, sorry."),
        ("I' ve seen it.", "I've seen it."),
        ("I do nt know.", "I don't know."),
        ('He wrote "yes ".', 'He wrote "yes".'),
        ('He said " yes " .', 'He said "yes".'),
        ("The boys' dog barked.", "The boys' dog barked."),
    ],
)
def test_cosmos_qa_tokenizing_is_undone(typed, repaired):
    assert COSMOS_QA.normalize(_cosmos_row(typed)).fields["context"] == repaired


@pytest.mark.parametrize("typed", ["None of the above choices .", "none of the above"])
def test_cosmos_qa_none_of_the_above_is_an_option_wherever_it_stands(typed):
    row = _cosmos_row(answer1=typed)
    assert COSMOS_QA.normalize(row).answer == "None of these."


def test_cosmos_qa_skips_rows_with_two_equal_options():
    row = _cosmos_row(answer1="Because of 0 .")
    assert COSMOS_QA.normalize(row) == Skip("two equal options")


def test_cosmos_qa_skips_rows_without_label():
    assert COSMOS_QA.normalize(_cosmos_row(label=-1)) == Skip("no gold label")


def test_record_highlights_become_sentences_of_a_last_paragraph():
    row = _record_row("Ann met Bo.\n@highlight\nBo was late\n@highlight\nAnn: 'Never again!'")
    passage = RECORD.normalize(row).fields["passage"]
    assert passage == "Ann met Bo.\n\nBo was late. Ann: 'Never again!'"


def test_record_publication_stamp_goes():
    stamp = "PUBLISHED: 07:26 EST, 8 May 2013 | UPDATED: 08:09 EST, 8 May 2013"
    passage = RECORD.normalize(_record_row(f"By A. Writer {stamp} Ann left.")).fields["passage"]
    assert passage == "Ann left."


@pytest.mark.parametrize("head", ["ROME (CNN) -- ", "(CNN)", "By Ada Reeve\n\n"])
def test_record_articles_begin_with_their_first_word(head):
    example = RECORD.normalize(_record_row(f"{head}Ann met Bo.", entities=["Ann", "Bo", "CNN"]))
    assert example.fields["passage"] == "Ann met Bo."
    assert example.options == (("Ann", "Bo", "CNN") if "CNN" not in head else ("Ann", "Bo"))


def test_record_keeps_the_head_that_has_the_answer():
    row = _record_row("(CNN) -- Ann met Bo.", entities=["Ann", "CNN"], answers=["CNN"])
    assert RECORD.normalize(row).fields["passage"] == "(CNN) -- Ann met Bo."


def test_record_gap_is_a_line_of_underscores():
    assert RECORD.normalize(_record_row()).fields["query"] == "_____ was late."


def test_record_options_are_distinct_and_sorted():
    assert RECORD.normalize(_record_row()).options == ("Ann", "Bo", "Rome")


def test_record_references_are_all_answers():
    assert RECORD.normalize(_record_row(answers=["Bo", "Ann"])).references == ("Bo", "Ann")


def test_record_keeps_the_query_id():
    assert RECORD.normalize(_record_row()).extra == {"query": 7}


def test_record_skips_rows_without_answers():
    assert RECORD.normalize(_record_row(answers=[])) == Skip("no gold label")
