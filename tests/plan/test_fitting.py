"""Prompts that are too long: the longest field gives way, what is asked stays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Example
from flan_tasks.core.render import render
from flan_tasks.core.template import Template
from flan_tasks.datasets import catalog
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import LEAST, FittingCounts, fit_encoded, fit_rows, shorten
from flan_tasks.vocabulary import open_vocabulary

BYTES = open_vocabulary("bytes")
# Its declaration alone is used, under fields of these tests.
BASE = catalog()["rte"]
ASKS = Template(
    id="asks", inputs="Read:\n{text}\n\n{note}\n\n{question}\n\n{options}", targets="{answer}"
)
LONG = " ".join(f"word{number}" for number in range(200))


def dataset(keep="start", fields=("text", "note", "question"), options=("yes", "no")):
    return replace(BASE, fields=fields, options=options, keep=keep, name="toy", templates="rte")


def row(text=LONG, note="a note", question="Is it so?", *, keep="start", template=ASKS, **about):
    fields = {"text": text, "note": note, "question": question}
    about = {"answer": "yes", "options": ("yes", "no")} | about
    example = Example(fields=fields, key="k", **about)
    filled = render(template, example)
    owner = dataset(keep, options=about["options"])
    return BuiltRow(filled.inputs, filled.targets, owner, template, example)


def fitted(one, length, vocabulary=BYTES):
    (found,) = fit_rows([one], Budget(vocabulary, length))
    return found


def size(found, vocabulary=BYTES):
    return vocabulary.sizes([found.inputs])[0] + 1


def test_the_longest_field_is_shortened_at_its_end_and_nothing_else():
    found = fitted(row(), 400)
    assert size(found) <= 400 and size(found) > 400 - 20
    head, _, tail = found.inputs.partition("\n\n")
    assert LONG.startswith(head.removeprefix("Read:\n"))
    assert tail == "a note\n\nIs it so?\n\nOPTIONS:\n- yes\n- no"
    assert found.shortened == ("text",)
    assert found.targets == "yes" and found.example.fields["text"] == LONG


def test_a_prompt_that_fits_is_left_as_it_is():
    one = row()
    assert fitted(one, size(one)) is one
    assert fitted(one, size(one) - 1) is not one


def test_the_end_is_kept_where_a_dataset_declares_it():
    found = fitted(row(keep={"text": "end"}), 300)
    text = found.inputs.removeprefix("Read:\n").partition("\n\n")[0]
    assert LONG.endswith(text) and not LONG.startswith(text) and text.startswith("word")


def test_fields_as_long_as_the_longest_share_the_loss():
    found = fitted(row(note=LONG + " end"), 500)
    assert set(found.shortened) == {"text", "note"}
    text, note = found.inputs.removeprefix("Read:\n").split("\n\n")[:2]
    assert abs(len(text) - len(note)) <= 10


def test_a_short_field_stays_whole_beside_a_long_one():
    found = fitted(row(note="this note is shorter than what is left of the text"), 400)
    assert found.shortened == ("text",) and "what is left of the text" in found.inputs


@pytest.mark.parametrize("keep", ["whole", {"text": "whole", "note": "whole"}])
def test_what_is_declared_whole_is_not_touched_and_the_row_left_out(keep):
    assert fitted(row(keep=keep), 400) is None


def test_a_question_stays_whole_unless_the_dataset_says_otherwise():
    one = row("short", question=LONG)
    assert fitted(one, 400) is None
    assert fitted(row("short", question=LONG, keep={"question": "start"}), 400) is not None


def test_answers_and_options_are_not_touched():
    template = Template(id="turned", inputs="{answer}\n\n{options}\n\n{note}", targets="{question}")
    options = (LONG, "no")
    assert fitted(row("x", template=template, answer=LONG, options=options), 400) is None


def test_too_little_room_for_the_least_of_every_field_leaves_the_row_out():
    bare = size(row(text="x")) - 1
    assert fitted(row(), bare + LEAST // 2) is None
    assert fitted(row(), bare + LEAST) is not None


@pytest.mark.parametrize(
    "answer, is_lost", [("word3", False), ("word190", True), ("elsewhere", False)]
)
def test_an_answer_that_falls_away_is_told(answer, is_lost):
    found = fitted(row(answer=answer, options=()), 400)
    assert found.lost_answer == is_lost


def test_an_answer_that_another_field_still_holds_is_not_lost():
    assert not fitted(row(note="word190", answer="word190", options=()), 400).lost_answer


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=600),
    st.text(max_size=300),
    st.integers(60, 700),
    st.sampled_from(["start", "end"]),
)
def test_fitting_is_a_function_of_row_and_length_and_always_fits(text, note, length, part):
    one = row(text, note, keep={"text": part})
    found = fitted(one, length)
    beside = fit_rows([row(), one, row("x")], Budget(BYTES, length))[1]
    assert beside == found
    if found is None:
        return
    assert size(found) <= length
    assert found.inputs.endswith("Is it so?\n\nOPTIONS:\n- yes\n- no")
    for name in found.shortened:
        assert len(one.example.fields[name]) > LEAST


@given(st.text(), st.integers(0, 60), st.booleans())
def test_shortened_texts_are_parts_of_the_text(text, length, end):
    kept = shorten(text, length, end=end)
    assert len(kept) <= max(length, 0) or kept == text
    assert text.endswith(kept) if end else text.startswith(kept)


def test_texts_are_cut_between_words_and_letters_with_their_accents():
    assert shorten("one two three", 9) == "one two"
    assert shorten("one two three", 7) == "one two"
    assert shorten("one two three", 8, end=True) == "three"
    assert shorten("今日は良い天気です", 4) == "今日は良"
    assert shorten("e\u0301e\u0301e\u0301", 3) == "e\u0301"
    assert shorten("e\u0301e\u0301e\u0301", 3, end=True) == "e\u0301"


@pytest.mark.parametrize("text", ["a" + "\u0301" * 5000, "\u0301" * 5000, "a" + " " * 5000 + "b"])
def test_texts_of_one_letter_without_end_are_cut_all_the_same(text):
    for part in ("start", "end"):
        found = fitted(row(text, keep={"text": part}), 200)
        assert size(found) <= 200 and not found.inputs.startswith("Read:\n\n")


def test_blanks_alone_leave_a_row_out():
    assert fitted(row(" " * 5000 + "b", keep={"text": "start"}), 200) is None


def test_only_rows_that_are_too_long_are_encoded_again_and_counts_name_them(t5_model):
    vocabulary = open_vocabulary(str(t5_model))
    rows = [row("short"), row(), row(keep="whole"), row(answer="word190", options=())]
    budget = Budget(vocabulary, 120)
    inputs = [one.inputs for one in rows]
    asked = []

    def again(over):
        asked.extend(over.tolist())
        return [rows[place] for place in over]

    found = fit_encoded(inputs, vocabulary.encode_flat(inputs, 120), budget, again)
    assert asked == [1, 2, 3] and found.kept.tolist() == [0, 1, 3]
    pieces = np.split(found.encoded.ids, np.cumsum(found.encoded.lengths)[:-1])
    for text, ids in zip(found.inputs, pieces, strict=True):
        assert ids.tolist() == [*vocabulary.encode([text])[0].tolist(), vocabulary.eos_id]
        assert len(ids) <= 120
    counts = FittingCounts()
    counts.add(["a"] * 4, found)
    counts.add(["a"] * 4, found)
    assert counts.facts(100) == {
        "left_out": [102, 106],
        "fitting": {"toy": {"too_long": 0, "shortened": {"text": 4}, "lost_answers": 2}}
        | {"a": {"too_long": 2, "shortened": {}, "lost_answers": 0}},
    }


@pytest.mark.parametrize(
    "keep, message", [("all", "must be one of"), ({"nothing": "end"}, "which is no field")]
)
def test_wrong_parts_are_refused_when_declared(keep, message):
    with pytest.raises(DeclarationError, match=message):
        dataset(keep)
