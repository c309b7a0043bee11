"""Repairs and label maps of the misc normalizers, on toy rows."""

import re
from typing import Any

import pytest

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.render import render
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template import FORWARD
from flan_tasks.datasets import catalog
from flan_tasks.datasets.misc import (
    COLA,
    COQA,
    FIX_PUNCT,
    HISTORY_TURNS,
    MATH_DATASET,
    NOT_SAID,
    QUAC,
    TREC,
    TRUE_CASE,
    WIC,
    WORD_SEGMENT,
    without_punctuation,
)

REPAIRS_OF_TEXT = (TRUE_CASE, FIX_PUNCT, WORD_SEGMENT)


def normalized(dataset: Dataset, row: dict[str, Any]) -> tuple[Example | Skip, ...]:
    return normalize_row(dataset, row, source_split="train", number=0)


def coqa(*turns: tuple[str, str]) -> tuple[Example | Skip, ...]:
    row = {
        "story": "S.",
        "questions": [question for question, _ in turns],
        "answers": {"input_text": [answer for _, answer in turns]},
    }
    return normalized(COQA, row)


def quac(**changes: Any) -> Example | Skip:
    row = {
        "title": "T",
        "section_title": "H",
        "background": "B.",
        "context": "C. CANNOTANSWER",
        "question": "Who was it?",
        "orig_answer": {"text": "C."},
        "answers": {"text": ["C."]},
    }
    return normalized(QUAC, row | changes)[0]


def quac_answer(text: str) -> str:
    return quac(orig_answer={"text": text}).answer


def test_coqa_makes_one_example_of_each_turn():
    assert [item.answer for item in coqa(("Who?", "Ann"), ("Why?", "for fun"))] == [
        "Ann",
        "for fun",
    ]


def test_coqa_conversation_ends_with_the_question_asked():
    last = coqa(("Who?", "Ann"), ("Why?", "for fun"))[-1]
    assert last.fields["conversation"] == "Q: Who?\nA: Ann\nQ: Why?"


def test_coqa_conversation_keeps_only_the_last_turns():
    last = coqa(*((f"Q{number}?", "yes") for number in range(9)))[-1]
    assert last.fields["conversation"].count("A: ") == HISTORY_TURNS


def test_coqa_turn_without_answer_is_skipped_and_left_out_of_history():
    first, empty, last = coqa(("Who?", "Ann"), ("", ""), ("Why?", "for fun"))
    assert isinstance(empty, Skip)
    assert last.fields["conversation"] == "Q: Who?\nA: Ann\nQ: Why?"


def test_quac_article_loses_the_cannotanswer_marker():
    assert quac().fields["article"] == "B.\n\nC."


def test_quac_article_without_background_is_the_context():
    assert quac(background="").fields["article"] == "C."


def test_quac_unanswerable_question_gets_an_answer_in_words():
    assert quac_answer("CANNOTANSWER") == NOT_SAID


def test_quac_references_hold_each_annotators_answer_once():
    item = quac(answers={"text": ["C.", "CANNOTANSWER", "C", "C."]})
    assert item.references == ("C.", NOT_SAID, "C")


@pytest.mark.parametrize(
    ("span", "answer"),
    [
        ("In 1996,", "In 1996"),
        (". In the end, nothing", "In the end, nothing"),
        ("). The man", "The man"),
        ('" Soon thereafter', "Soon thereafter"),
        ('a song called Star ("', "a song called Star"),
        ("the poets (", "the poets"),
    ],
)
def test_quac_answer_loses_marks_of_the_sentence_beside_it(span: str, answer: str):
    assert quac_answer(span) == answer


@pytest.mark.parametrize("span", ['"Bury It"', "the song (1996)", ".38 caliber", "It ended."])
def test_quac_answer_keeps_marks_of_its_own(span: str):
    assert quac_answer(span) == span


def test_quac_question_of_one_word_is_skipped():
    assert isinstance(quac(question="why?"), Skip)


@pytest.mark.parametrize(("label", "answer"), [(0, "different meanings"), (1, "the same meaning")])
def test_wic_label_names_map_to_words(label: int, answer: str):
    row = {"word": "w", "sentence1": "A.", "sentence2": "B.", "label": label}
    assert normalized(WIC, row)[0].answer == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("DESC", "an explanation or definition"),
        ("ENTY", "a thing, event or term"),
        ("ABBR", "an abbreviation or its full form"),
        ("HUM", "a person or group"),
        ("NUM", "a number, date or amount"),
        ("LOC", "a place"),
    ],
)
def test_trec_class_is_named_in_words(name: str, answer: str):
    label = TREC.labels["label-coarse"].index(name)
    assert normalized(TREC, {"text": "Q ?", "label-coarse": label})[0].answer == answer


def trec_question(text: str) -> str:
    return normalized(TREC, {"text": text, "label-coarse": 0})[0].fields["question"]


def test_trec_question_is_detokenized():
    assert trec_question("What , pray , is a `` yurt '' ?") == 'What, pray, is a "yurt"?'


def test_trec_single_quotation_marks_are_made_even():
    assert trec_question("What is a ` yurt' ?") == "What is a 'yurt'?"


def test_trec_mark_before_a_closing_quotation_mark_is_joined():
    assert trec_question('Who said "so be it ." ?') == 'Who said "so be it."?'


def test_trec_question_with_tags_is_skipped():
    row = {"text": 'What is NN The " Iliad NN ?', "label-coarse": 0}
    assert isinstance(normalized(TREC, row)[0], Skip)


@pytest.mark.parametrize("dataset", [COLA, TREC, WIC], ids=lambda dataset: dataset.name)
def test_prompt_without_options_names_every_answer(dataset: Dataset):
    templates = catalog().templates(dataset.name)
    example = Example(
        fields=templates.example.fields, options=dataset.options, answer=dataset.options[0]
    )
    for template in templates.of_kind(FORWARD):
        inputs = render(template, example, options=False).inputs.lower()
        missing = [
            option
            for option in dataset.options
            if not re.search(rf"\b{re.escape(option)}\b", inputs)
        ]
        assert not missing, template.id


@pytest.mark.parametrize(("label", "answer"), [(0, "unacceptable"), (1, "acceptable")])
def test_cola_label_names_map_to_words(label: int, answer: str):
    assert normalized(COLA, {"sentence": "We ran.", "label": label})[0].answer == answer


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("`` I ran '', he said.", '"I ran", he said.'),
        (". We ran.", "We ran."),
        ("We ran .", "We ran."),
        ("the boy run", "the boy run"),
    ],
)
def test_cola_only_typesetting_is_mended(source: str, sentence: str):
    row = {"sentence": source, "label": 0}
    assert normalized(COLA, row)[0].fields["sentence"] == sentence


@pytest.mark.parametrize("dataset", [WIC, COLA, TREC])
def test_hidden_label_is_skipped(dataset: Dataset):
    row = dict.fromkeys(dataset.schema, "x") | dict.fromkeys(dataset.labels, -1)
    assert normalized(dataset, row) == (Skip("no gold label"),)


def test_math_equation_is_taken_out_of_its_sentence():
    item = normalized(MATH_DATASET, {"question": "Solve 2*x = 4 for x.", "answer": "2"})[0]
    assert item.fields == {"equation": "2*x = 4", "variable": "x"}


def test_math_text_of_python_bytes_is_read():
    row = {"question": "b'Solve 2*x = 4 for x.\\n'", "answer": "b'-2\\n'"}
    item = normalized(MATH_DATASET, row)[0]
    assert (item.fields["equation"], item.answer) == ("2*x = 4", "-2")


def test_math_other_question_is_skipped():
    row = {"question": "Calculate 2 + 2.", "answer": "4"}
    assert isinstance(normalized(MATH_DATASET, row)[0], Skip)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Zoë, aus Łódź; «привет», θάλασσα!", "Zoë aus Łódź привет θάλασσα"),
        ("नमस्ते, दुनिया। 你好,世界。", "नमस्ते दुनिया 你好 世界"),
        ("It's a well-known rock’n’roll song.", "It's a well-known rock’n’roll song"),
        ("At 10:30, 1,000 of 2.5 m", "At 10:30 1,000 of 2.5 m"),
        ("It was -5, not .5!", "It was -5 not .5"),
        ("At 9 a.m. we left.", "At 9 a.m. we left"),
        ("He left—alone", "He left alone"),
        ("50% & more: #1 [2]", "50% & more #1 [2]"),
        ('("So what?")', "So what"),
    ],
    ids="letters scripts inside_words numbers before_numbers abbreviation dash signs all".split(),
)
def test_punctuation_is_removed_and_spelling_kept(text: str, bare: str):
    assert without_punctuation(text) == bare


@pytest.mark.parametrize(
    "text", ["Sold out", "See www.example.com.", "Mail me@example.org!", "1, 2"]
)
def test_fix_punct_skips_lines_with_nothing_to_restore_or_addresses(text: str):
    assert isinstance(normalized(FIX_PUNCT, {"en": text})[0], Skip)


def test_true_case_lowers_letters_beyond_ascii():
    assert normalized(TRUE_CASE, {"en": "Århus, ΑΘΗΝΑ"})[0].fields["lower"] == "århus, αθηνα"


def test_true_case_skips_lines_without_capitals():
    assert isinstance(normalized(TRUE_CASE, {"en": "sold out"})[0], Skip)


def test_word_segment_removes_spaces_of_every_kind():
    item = normalized(WORD_SEGMENT, {"en": "a\tb\u00a0c  d"})[0]
    assert (item.fields["joined"], item.answer) == ("abcd", "a b c d")


def test_word_segment_skips_single_words():
    assert isinstance(normalized(WORD_SEGMENT, {"en": " Menu "})[0], Skip)


def test_text_repairs_share_no_training_row_and_one_test_set():
    slices = [dataset.splits.slice("train", 2_414_895) for dataset in REPAIRS_OF_TEXT]
    tests = {dataset.splits.slice("test", 2_414_895) for dataset in REPAIRS_OF_TEXT}
    assert all(one.stop <= next_.start for one, next_ in zip(slices, slices[1:], strict=False))
    assert len(tests) == 1 and len(tests.pop()) == 3000
