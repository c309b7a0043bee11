"""Examples that are conversations."""

import dataclasses

import pytest

import flan_tasks as ft
from flan_tasks.core.messages import Message

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "\n Leaf?  "},
    {"role": "assistant", "content": "Green.\n", "reasoning": "Spring."},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": "Red."},
    {"role": "user", "content": "Thanks!"},
]


def test_the_last_answer_is_the_target_and_the_turns_before_it_the_field():
    example = ft.Example(messages=TURNS)
    assert example.answer == "Red." and example.references == ("Red.",)
    assert example.fields["conversation"] == (
        "Be brief.\n\nUser:  Leaf?\nAssistant: Green.\nUser: And now?"
    )
    assert example.turns == (
        Message("system", "Be brief."),
        Message("user", " Leaf?"),
        Message("assistant", "Green.", "Spring."),
        Message("user", "And now?"),
        Message("assistant", "Red."),
    )
    assert dataclasses.replace(example, key="a").turns == example.turns
    assert ft.Example(fields={"a": "b"}, answer="c").turns == ()


def test_one_question_is_a_prompt_as_it_is():
    both = [{"from": "human", "value": "Leaf?"}, {"from": "gpt", "value": "Green."}]
    assert ft.Example(messages=both).fields == {"conversation": "Leaf?"}
    told = ft.Example(messages=both, fields={"topic": "trees"}, extra={"id": 3})
    assert set(told.fields) == {"conversation", "topic"} and told.extra["id"] == 3


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"messages": TURNS[:2]}, "no turn of an assistant; return Skip"),
        ({"messages": TURNS, "answer": "x"}, "leave answer out"),
        ({"messages": [TURNS[1], {"role": "assistant", "content": " "}]}, "last answer is empty"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "turns of tools are not rendered"),
        ({"fields": {"a": "b"}}, "the answer is empty"),
    ],
)
def test_what_is_no_conversation_to_learn_from_is_refused(settings, reason):
    with pytest.raises(ft.DeclarationError, match=reason):
        ft.Example(**settings)
