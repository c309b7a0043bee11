"""Ids and masks of many conversations, equal to those of a second implementation."""

import random

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import SHAPES, conversation, ids_and_mask, pieces, shape  # noqa: E402

from flan_tasks.chat.tokenizer import ChatTokenizer  # noqa: E402
from flan_tasks.core.messages import Message  # noqa: E402


def compare(name: str, count: int) -> None:
    tokenizer = ChatTokenizer(shape(name))
    dice = random.Random(name)
    all_turns = [conversation(dice, name) for _ in range(count)]
    found = tokenizer.encode_each([[Message(*turn) for turn in turns] for turns in all_turns])
    for turns, chat in zip(all_turns, found, strict=True):
        ids, mask = ids_and_mask(tokenizer.vocabulary, pieces(name, turns))
        assert not isinstance(chat, Exception), (turns, str(chat))
        assert chat.ids.tolist() == ids, turns
        assert chat.mask.tolist() == mask, turns
        answers = sum(role == "assistant" for role, _ in turns)
        stops = int((chat.ids[chat.mask == 1] == tokenizer.stop_id).sum())
        assert len(chat.spans) == stops == answers, turns


@pytest.mark.parametrize("name", SHAPES)
def test_masks_of_a_hundred_conversations_equal_those_written_by_hand(name):
    compare(name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_masks_of_a_thousand_conversations_equal_those_written_by_hand(name):
    compare(name, 1_000)
