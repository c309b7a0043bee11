"""Turns of conversations, in the forms rows have them in."""

import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.messages import Message, read_messages


def test_both_forms_are_read():
    ours = read_messages([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    theirs = read_messages([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}])
    assert ours == theirs == (Message("user", "a"), Message("assistant", "b"))
    assert read_messages(ours) == ours
    assert read_messages([one.to_json() for one in ours]) == ours


def test_thoughts_parts_of_text_and_nulls_of_arrow_are_read():
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "a"}], "tool_calls": None},
        {"role": "assistant", "content": None, "reasoning_content": "hm"},
    ]
    assert read_messages(turns) == (Message("user", "a"), Message("assistant", "", "hm"))


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("hello", "must be a list of turns"),
        ([], "are empty"),
        ([1], "turn 1 must be a dict"),
        ([{"text": "a"}], 'turn 1 has text; it needs "role" and "content"'),
        ([{"role": "tool", "content": "4"}], 'turn 1 is of role "tool": turns of tools'),
        ([{"from": "function_call", "value": "4"}], 'role "function_call": turns of tools'),
        ([{"role": "assistant", "tool_calls": [{}]}], 'turn 1 has "tool_calls": calls of tools'),
        ([{"role": "wizard", "content": ""}], "role 'wizard'; known are system, user"),
        ([{"role": "user", "content": [{"type": "image"}]}], "a part of type 'image'; text alone"),
        ([{"role": "user", "content": 3}], "turn 1: its content must be text, not 3"),
        ([{"role": "user", "content": "\ud800"}], "half a surrogate"),
        ([{"role": "user", "content": "", "reasoning": "x"}], "answers alone do"),
    ],
)
def test_what_is_no_conversation_of_texts_is_refused(turns, reason):
    with pytest.raises(DeclarationError, match=reason):
        read_messages(turns)
