"""Repairs and label maps of the reading comprehension normalizers, on toy rows."""

from collections.abc import Mapping
from typing import Any

import pytest

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.row_examples import normalize_row, selected
from flan_tasks.datasets.reading_comprehension import (
    BOOL_Q,
    DROP,
    MULTIRC,
    OPENBOOKQA,
    SQUAD_V1,
    SQUAD_V2,
    UNANSWERABLE,
)

ROWS: dict[str, dict[str, Any]] = {
    "bool_q": {"title": "T", "passage": "P.", "question": "is it so", "answer": True},
    "drop": {
        "query_id": "q",
        "passage": "P.",
        "question": "How many?",
        "answer": "3",
        "validated_answers": [],
    },
    "multirc": {
        "paragraph": "P.",
        "question": "Who?",
        "answer": "Ann",
        "label": 1,
        "idx": {"paragraph": 4, "question": 5, "answer": 6},
    },
    "openbookqa": {
        "question": {
            "stem": "Ice is",
            "choice_A": "a",
            "choice_B": "b",
            "choice_C": "c",
            "choice_D": "d",
        },
        "answerKey": 2,
    },
    "squad_v1": {
        "id": "1",
        "title": "T",
        "context": "Ann ran.",
        "question": "Who ran?",
        "answers": {"text": ["Ann"], "answer_start": [0]},
    },
}
ROWS["squad_v2"] = {**ROWS["squad_v1"], "is_impossible": False}

# Ids enough for both halves to be met many times.
IDS = [f"{number:024x}" for number in range(200)]


def item(dataset: Dataset, **changes: object) -> Example | Skip:
    row = {**ROWS[dataset.name], **changes}
    (found,) = normalize_row(dataset, row, source_split="train", number=0)
    return found


def example(dataset: Dataset, **changes: object) -> Example:
    found = item(dataset, **changes)
    assert isinstance(found, Example)
    return found


def field(dataset: Dataset, name: str, **changes: object) -> str:
    return example(dataset, **changes).fields[name]


def stem(text: str) -> str:
    question = {**ROWS["openbookqa"]["question"], "stem": text}
    return field(OPENBOOKQA, "question", question=question)


def kept_ids(dataset: Dataset, split: str, **changes: object) -> set[str]:
    found = (
        selected(dataset, item(dataset, id=source_id, **changes), source_split=split)
        for source_id in IDS
    )
    return {one.extra["id"] for one in found if isinstance(one, Example)}


def test_bool_q_question_gets_capital_and_mark():
    assert field(BOOL_Q, "question", question="is it so") == "Is it so?"


def test_bool_q_question_keeps_one_mark_where_it_has_one():
    assert field(BOOL_Q, "question", question="is it so ?") == "Is it so?"


def test_bool_q_writes_the_word_i_as_a_capital():
    assert field(BOOL_Q, "question", question="can i say i.e. here") == "Can I say i.e. here?"


def test_bool_q_passage_gets_plain_quotation_marks():
    assert field(BOOL_Q, "passage", passage="He said ``no''.") == 'He said "no".'


@pytest.mark.parametrize(("value", "answer"), [(True, "yes"), (False, "no")])
def test_bool_q_answer_is_yes_for_true(value: bool, answer: str):
    assert example(BOOL_Q, answer=value).answer == answer


def test_drop_references_hold_all_answers_once():
    found = example(DROP, answer="3", validated_answers=["2", "3", "3", ""])
    assert found.references == ("3", "2")


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("1969-July-24", "24 July 1969"),
        ("-March-3", "3 March"),
        ("38-yard", "38-yard"),
        ("1914-1918", "1914-1918"),
    ],
)
def test_drop_dates_are_written_out(source: str, answer: str):
    assert example(DROP, answer=source).answer == answer


def test_drop_row_without_any_answer_is_skipped():
    assert item(DROP, answer="", validated_answers=[""]) == Skip("no answer")


def test_drop_passage_gets_letters_for_entities():
    assert field(DROP, "passage", passage=" 5&#160;km&#8217;s  way") == "5 km’s way"


@pytest.mark.parametrize(("label", "answer"), [(0, "no"), (1, "yes")])
def test_multirc_answer_is_yes_for_a_right_proposal(label: int, answer: str):
    assert example(MULTIRC, label=label).answer == answer


def test_multirc_row_with_hidden_label_is_skipped():
    assert item(MULTIRC, label=-1) == Skip("no gold label")


def test_multirc_extra_holds_the_ids_of_paragraph_question_and_answer():
    assert example(MULTIRC).extra == {"paragraph": 4, "question": 5, "answer": 6}


def test_multirc_paragraph_loses_tags_and_sentence_numbers():
    text = "<b>Sent 1: </b>A ran.<br><b>Sent 2: </b>B < C and C > B.<br>"
    assert field(MULTIRC, "paragraph", paragraph=text) == "A ran. B < C and C > B."


@pytest.mark.parametrize("agency", ["(CNN) -- ", "(OPRAH.com) -- "])
def test_multirc_paragraph_loses_the_agency_at_its_head(agency: str):
    text = f"{agency}Ann ran (at last) -- and Ben stayed."
    assert field(MULTIRC, "paragraph", paragraph=text) == "Ann ran (at last) -- and Ben stayed."


def test_multirc_paragraph_keeps_a_place_that_may_be_asked_for():
    text = "LIMA, Peru (CNN) -- Ann ran."
    assert field(MULTIRC, "paragraph", paragraph=text) == text


def test_multirc_response_loses_sentence_numbers():
    assert field(MULTIRC, "response", answer="Sent 3: Ann") == "Ann"


def test_multirc_tokenized_paragraph_is_joined():
    text = "`` No , '' she said , and did n't . "
    assert field(MULTIRC, "paragraph", paragraph=text) == '"No," she said, and didn\'t.'


def test_multirc_stray_blank_leaves_nested_quotation_marks_alone():
    text = 'He said: "I said: "No." , and left." Then "yes".'
    wanted = 'He said: "I said: "No.", and left." Then "yes".'
    assert field(MULTIRC, "paragraph", paragraph=text) == wanted


def test_multirc_paragraph_loses_macros_in_double_braces():
    text = "{ { Plot } } Tom ran. The set {1, 2} stays."
    assert field(MULTIRC, "paragraph", paragraph=text) == "Tom ran. The set {1, 2} stays."


def test_openbookqa_answer_is_the_option_of_the_key():
    assert example(OPENBOOKQA, answerKey=2).answer == "c"


def test_openbookqa_row_with_equal_options_is_skipped():
    question = {**ROWS["openbookqa"]["question"], "choice_D": "a "}
    assert item(OPENBOOKQA, question=question) == Skip("two equal options")


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        (("a house", "a rock", "luck.", "a rose"), ("a house", "a rock", "luck", "a rose")),
        (
            ("It ran.", "It sat.", "It hid.", "It ate."),
            ("It ran.", "It sat.", "It hid.", "It ate."),
        ),
        (("3 p.m.", "noon", "midnight", "dawn"), ("3 p.m.", "noon", "midnight", "dawn")),
    ],
)
def test_openbookqa_option_loses_a_period_that_others_lack(
    ends: tuple[str, ...], wanted: tuple[str, ...]
):
    choices = {f"choice_{letter}": end for letter, end in zip("ABCD", ends, strict=True)}
    question = {**ROWS["openbookqa"]["question"], **choices}
    assert example(OPENBOOKQA, question=question).options == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ice is", "Ice is ..."),
        ("which is colder", "Which is colder?"),
        ("what is sonar used for", "What is sonar used for?"),
        ("Where birds live depends upon", "Where birds live depends upon ..."),
        ("Steam comes from:", "Steam comes from:"),
        ("A ___ eats grass.", "A ___ eats grass."),
        ("If it gets cold ,", "If it gets cold, ..."),
    ],
)
def test_openbookqa_stem_shows_whether_it_is_a_question(text: str, wanted: str):
    assert stem(text) == wanted


def test_squad_title_has_blanks_for_underscores():
    assert field(SQUAD_V1, "title", title="Rosetta_Stone") == "Rosetta Stone"


def test_squad_context_loses_notes_of_editors():
    context = "Ann ran.[citation needed] Ben sat."
    assert field(SQUAD_V1, "context", context=context) == "Ann ran. Ben sat."


def test_squad_answer_broken_by_a_line_end_stays_a_part_of_its_context():
    answers = {"text": ["O\n2"], "answer_start": [0]}
    found = example(SQUAD_V1, context="O\n2 is gas.", answers=answers)
    assert found.answer in found.fields["context"]


def test_squad_references_hold_all_distinct_answers():
    answers = {"text": ["Ann", "Ann", "Ann ran"], "answer_start": [0, 0, 0]}
    assert example(SQUAD_V1, answers=answers).references == ("Ann", "Ann ran")


def test_squad_key_is_the_id_of_the_source():
    assert example(SQUAD_V2, id="5f").key == "5f"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("who ran ", "Who ran?"),
        ("WHat is it", "What is it?"),
        ("WHO is led by whom?", "WHO is led by whom?"),
        ("In what year did Ann win.", "In what year did Ann win?"),
        ("X uses what kind of net", "X uses what kind of net?"),
        ("Is there one/", "Is there one?"),
        ('Who said "why?"', 'Who said "why?"'),
        ("Name a runner who won.", "Name a runner who won."),
    ],
)
def test_question_gets_the_mark_it_lacks(text: str, wanted: str):
    assert field(SQUAD_V1, "question", question=text) == wanted


def test_squad_v1_row_without_answer_is_skipped():
    assert item(SQUAD_V1, answers={"text": [], "answer_start": []}) == Skip("no answer")


def test_squad_v2_says_so_where_the_text_leaves_it_open():
    found = example(SQUAD_V2, is_impossible=True, answers={"text": [], "answer_start": []})
    assert found.references == (UNANSWERABLE,)


def test_squad_halves_of_train_share_no_id():
    assert not kept_ids(SQUAD_V1, "train") & kept_ids(SQUAD_V2, "train")


def test_squad_halves_of_train_leave_no_id_out():
    assert kept_ids(SQUAD_V1, "train") | kept_ids(SQUAD_V2, "train") == set(IDS)


def test_squad_halves_of_train_are_about_equal():
    assert 70 <= len(kept_ids(SQUAD_V1, "train")) <= 130


def test_squad_v2_keeps_all_unanswerable_rows_of_train():
    none: Mapping[str, list] = {"text": [], "answer_start": []}
    assert kept_ids(SQUAD_V2, "train", is_impossible=True, answers=none) == set(IDS)


@pytest.mark.parametrize("dataset", [SQUAD_V1, SQUAD_V2], ids=lambda dataset: dataset.name)
def test_squad_evaluation_rows_are_all_kept(dataset: Dataset):
    assert kept_ids(dataset, "validation") == set(IDS)
