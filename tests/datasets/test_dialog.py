"""Conversations: every turn is there, in its order, and keeps its role where a style has roles."""

import dataclasses

import pytest

import flan_tasks as ft
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template import FORWARD
from flan_tasks.datasets import catalog, get
from flan_tasks.engine.styles import texts_in
from flan_tasks.engine.writers.text import columns
from flan_tasks.plan.built_row import BuiltRow

GREETING = "Hi, I'm your automated assistant. I can answer your questions about Tin."
TALK = ("What is tin?", "A metal.", "Is it soft?", "Quite.", "Does it rust?", "No.")


def wiki_dialog(utterances=(GREETING, *TALK), authors=None, title="Tin"):
    row = {
        "title": title,
        "utterances": list(utterances),
        "author_num": authors or [place % 2 for place in range(len(utterances))],
    }
    return normalize_row(get("wiki_dialog"), row, source_split="train", number=0)


def qrecc(context=TALK[:4], question=TALK[4], answer=TALK[5], rewrite="Does tin rust?"):
    row = {
        "context": list(context),
        "question": question,
        "question_rewrite": rewrite,
        "answer": answer,
    }
    return normalize_row(get("qrecc"), row, source_split="train", number=0)[0]


def built(example, *, kind=FORWARD, num_shots=0, left=None):
    templates = catalog().templates("qrecc")
    return BuiltRow(
        "a prompt",
        example.answer,
        get("qrecc"),
        templates.of_kind(kind)[0],
        example,
        num_shots,
        shortened=tuple(left or ()),
        left=left or {},
    )


def test_wiki_dialog_gives_each_answer_with_all_turns_before_it():
    examples = wiki_dialog()
    assert [one.answer for one in examples] == list(TALK[1::2])
    assert [one.fields["question"] for one in examples] == list(TALK[::2])
    assert examples[-1].fields["conversation"] == (
        "A: What is tin?\nB: A metal.\nA: Is it soft?\nB: Quite.\nA: Does it rust?"
    )
    assert examples[-1].extra["turns"] == list(TALK[:5])


def test_no_turn_of_a_long_conversation_is_left_out():
    talk = [f"Turn {number}." for number in range(60)]
    last = wiki_dialog((GREETING, *talk))[-1]
    assert last.fields["conversation"].count("\n") == 58
    assert all(turn in last.fields["conversation"] for turn in talk[:-1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authors": [0, 1, 0, 0, 0, 1, 0]}, "speakers who do not take turns"),
        ({"authors": [0, 1]}, "speakers who do not take turns"),
        ({"utterances": (GREETING, "What is tin?", " ")}, "a turn without words"),
        ({"utterances": (GREETING, "What is tin?")}, "no answer"),
        ({"utterances": (GREETING,)}, "no answer"),
        ({"utterances": ()}, "no answer"),
        ({"title": ""}, "no title"),
    ],
)
def test_wiki_dialog_skips_what_is_no_conversation(changes, reason):
    (item,) = wiki_dialog(**changes)
    assert item == Skip(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": ""}, "no answer"),
        ({"question": " "}, "a turn without words"),
        ({"context": ("What is tin?", "")}, "a turn without words"),
        ({"context": ("What is tin?",)}, "speakers who do not take turns"),
    ],
)
def test_qrecc_skips_what_is_no_conversation(changes, reason):
    assert qrecc(**changes) == Skip(reason)


def test_qrecc_answers_the_current_question_not_a_turn_of_its_history():
    item = qrecc()
    assert isinstance(item, Example)
    assert item.answer == "No."
    assert item.fields["conversation"].endswith("\nA: Does it rust?")
    assert qrecc(context=()).fields["conversation"] == "A: Does it rust?"


@pytest.mark.parametrize(
    ("style", "column", "role", "text", "roles"),
    [
        ("messages", "messages", "role", "content", ("user", "assistant")),
        ("sharegpt", "conversations", "from", "value", ("human", "gpt")),
    ],
)
def test_styles_of_conversations_write_each_turn_with_its_role(style, column, role, text, roles):
    row = columns(built(qrecc()), style=style, split="train")
    assert [turn[text] for turn in row[column]] == list(TALK)
    assert [turn[role] for turn in row[column]] == list(roles) * 3
    assert texts_in(row) == ("\n".join(TALK[:5]), "No.")


@pytest.mark.parametrize("changes", [{"kind": "inverted"}, {"num_shots": 2}])
def test_other_prompts_stay_two_turns(changes):
    row = columns(built(qrecc(), **changes), style="messages", split="train")
    assert [turn["content"] for turn in row["messages"]] == ["a prompt", "No."]


def test_other_styles_keep_the_prompt():
    row = columns(built(qrecc()), style="inputs-targets", split="train")
    assert (row["inputs"], row["targets"]) == ("a prompt", "No.")


@pytest.mark.parametrize(
    ("left", "turns"),
    [
        ("A: What is tin?\nB: A metal.\nA: Is it soft?\nB: Quite.\nA: Does it rust?", TALK[:5]),
        ("tin?\nB: A metal.\nA: Is it soft?\nB: Quite.\nA: Does it rust?", TALK[2:5]),
        ("soft?\nB: Quite.\nA: Does it rust?", TALK[4:5]),
        ("rust?", TALK[4:5]),
        # Its words are those of a turn that is gone.
        ("A: Is it soft?\nB: Quite. A metal. What is tin?\nA: Does it rust?", TALK[2:5]),
    ],
)
def test_of_a_shortened_history_whole_turns_stay_and_the_user_begins(left, turns):
    assert built(qrecc(), left={"conversation": left}).turns == turns


def test_turns_of_a_prompt_that_is_made_to_fit_are_those_in_it():
    told = {"source": "samples", "vocab": "bytes", "lengths": {"inputs": 150}, "kinds": ["forward"]}
    texts, talks = ft.rows("dialog", **told), ft.rows("dialog", style="messages", **told)
    for text, talk in zip(texts, talks, strict=True):
        *before, asked, _ = [turn["content"] for turn in talk["messages"]]
        assert len(before) % 2 == 0 and asked in text["inputs"]
        assert all(turn in text["inputs"] for turn in before), talk["key"]
    whole = ft.rows("dialog", style="messages", **{**told, "lengths": None})
    at = {row["key"]: len(row["messages"]) for row in whole}
    assert any(len(talk["messages"]) < at[talk["key"]] for talk in talks)


def test_datasets_without_turns_write_prompts():
    row = dataclasses.replace(built(qrecc()), dataset=get("coqa"))
    assert row.turns == ()


@pytest.mark.parametrize("style", ["messages", "sharegpt"])
def test_the_card_says_which_rows_are_conversations(tmp_path, style):
    mixture = ft.Mixture(name="talk", include=("qrecc", "rte"))
    ft.build(mixture, tmp_path / "talk", source="samples", style=style, report=False)
    card = (tmp_path / "talk" / "README.md").read_text(encoding="utf-8")
    assert "or of forward prompts of qrecc without exemplars, the conversation turn by turn" in card
    ft.build("rte", tmp_path / "rte", source="samples", style=style, report=False)
    assert "conversation turn" not in (tmp_path / "rte" / "README.md").read_text(encoding="utf-8")
    assert ft.verify(tmp_path / "talk").examples
