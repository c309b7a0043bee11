"""The repairs of the coreference normalizers, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.coreference import DEFINITE_PRONOUN_RESOLUTION, WINOGRANDE, WSC, WSC273


def _dpr_row(sentence: str = "The cook paid Ann because she left.", **changes) -> dict:
    row = {"sentence": sentence, "pronoun": "she", "candidates": ["The cook", "Ann"], "label": 1}
    return row | changes


def _winogrande_row(sentence: str = "The cup hit the jug and the _ broke.", **changes) -> dict:
    return {"sentence": sentence, "option1": "cup", "option2": "jug", "label": 0, **changes}


def _wsc273_row(text: str = "Ann met Eve. She waved.", *, start: int = 13, **changes) -> dict:
    row = {
        "text": text,
        "pronoun_start": start,
        "pronoun_end": start + 3,
        "option1_normalized": "My aunt",
        "option2_normalized": "Eve",
        "label": 0,
    }
    return row | changes


def _wsc_row(text: str = "The cup hit the jug , and it broke .", **changes) -> dict:
    row = {
        "text": text,
        "span1_text": "the jug",
        "span1_index": 3,
        "span2_text": "it",
        "span2_index": 7,
        "label": 1,
    }
    return row | changes


def test_dpr_pronoun_that_occurs_once_is_not_marked():
    fields = DEFINITE_PRONOUN_RESOLUTION.normalize(_dpr_row()).fields
    assert (fields["sentence"], fields["pronoun"]) == ("The cook paid Ann because she left.", "she")


def test_dpr_pronoun_that_occurs_twice_is_marked_where_it_stands_first():
    row = _dpr_row("The cook saw Ann when she said she was late.")
    fields = DEFINITE_PRONOUN_RESOLUTION.normalize(row).fields
    assert fields["sentence"] == "The cook saw Ann when *she* said she was late."
    assert fields["pronoun"] == "*she*"


def test_dpr_letters_inside_a_word_are_no_pronoun():
    row = _dpr_row("The cook washed sheets for Ann because she asked.")
    assert "*" not in DEFINITE_PRONOUN_RESOLUTION.normalize(row).fields["sentence"]


def test_dpr_candidate_loses_the_capital_of_its_article():
    assert DEFINITE_PRONOUN_RESOLUTION.normalize(_dpr_row()).options == ("the cook", "Ann")


def test_dpr_skips_a_sentence_without_the_pronoun():
    skip = DEFINITE_PRONOUN_RESOLUTION.normalize(_dpr_row("The cook paid Ann."))
    assert skip == Skip("the pronoun is not in the sentence")


def test_dpr_skips_equal_candidates():
    skip = DEFINITE_PRONOUN_RESOLUTION.normalize(_dpr_row(candidates=["The cook", "the cook"]))
    assert skip == Skip("two equal options")


def test_winogrande_blank_is_a_line():
    sentence = WINOGRANDE.normalize(_winogrande_row()).fields["sentence"]
    assert sentence == "The cup hit the jug and the _____ broke."


def test_winogrande_stray_blanks_before_marks_go():
    row = _winogrande_row("Ann 's cup hit the jug ,  and the _ broke .")
    sentence = WINOGRANDE.normalize(row).fields["sentence"]
    assert sentence == "Ann's cup hit the jug, and the _____ broke."


@pytest.mark.parametrize(("option", "cased"), [("Cup", "cup"), ("cup", "cup"), ("Ann", "Ann")])
def test_winogrande_option_has_the_case_that_the_sentence_has(option, cased):
    row = _winogrande_row("Ann saw the cup hit the jug and the _ broke.", option1=option)
    assert WINOGRANDE.normalize(row).options == (cased, "jug")


def test_winogrande_skips_rows_without_label():
    assert WINOGRANDE.normalize(_winogrande_row(label=-1)) == Skip("no gold label")


def test_winogrande_skips_an_empty_option():
    assert WINOGRANDE.normalize(_winogrande_row(option2=" ")) == Skip("an empty option")


def test_winogrande_hub_row_has_the_label_of_its_answer():
    adapt = WINOGRANDE.alternatives[0].adapt
    row = {"sentence": "The _ broke.", "option1": "cup", "option2": "jug"}
    assert [adapt({**row, "answer": answer})["label"] for answer in ("1", "2", "")] == [0, 1, -1]


def test_wsc273_marks_the_very_occurrence_that_is_asked_about():
    row = _wsc273_row("She sang. Ann met Eve. She waved.", start=23)
    fields = WSC273.normalize(row).fields
    assert (fields["sentence"], fields["pronoun"]) == (
        "She sang. Ann met Eve. *She* waved.",
        "*She*",
    )


def test_wsc273_candidate_loses_the_capital_of_its_determiner():
    assert WSC273.normalize(_wsc273_row()).options == ("my aunt", "Eve")


def test_wsc_marks_both_expressions_and_undoes_tokenizing():
    fields = WSC.normalize(_wsc_row()).fields
    assert fields["text"] == "The cup hit *the jug*, and *it* broke."


def test_wsc_marks_the_occurrence_nearest_to_the_word_number():
    row = _wsc_row("It rained . the jug fell when it broke .", span1_index=3, span2_index=7)
    assert WSC.normalize(row).fields["text"] == "It rained. *the jug* fell when *it* broke."


def test_wsc_finds_an_expression_that_has_a_possessive_ending():
    row = _wsc_row("Ann's cup hit the jug, and it broke.", span1_text="Ann", span1_index=0)
    assert WSC.normalize(row).fields["text"] == "*Ann*'s cup hit the jug, and *it* broke."


def test_wsc_owner_that_stands_twice_is_said_once():
    row = _wsc_row("Joe Joe's uncle had it .", span1_text="Joe's uncle", span2_index=4)
    assert WSC.normalize(row).fields["text"] == "*Joe's uncle* had *it*."


def test_wsc_mark_that_follows_an_expression_is_no_part_of_it():
    row = _wsc_row("The cup hit the jug, and it, too, broke.", span2_text="it,", span2_index=6)
    assert WSC.normalize(row).fields["second"] == "it"


def test_wsc_skips_an_expression_that_is_not_there():
    assert WSC.normalize(_wsc_row(span2_text="they")) == Skip("a span is not in the text")
