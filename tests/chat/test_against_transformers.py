"""Ids, masks and prompts, equal to those of `apply_chat_template` of transformers.

What it gave for the same folders lies in tests/fixtures/chat/expected.json; make.py there wrote it.
"""

import importlib.util
import json

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import FOLDER, SHAPES, shape  # noqa: E402

from flan_tasks.chat.tokenizer import ChatTokenizer  # noqa: E402
from flan_tasks.core.errors import ChatTemplateError  # noqa: E402
from flan_tasks.core.messages import read_messages  # noqa: E402
from flan_tasks.specs.chat_choices import FIELD, ChatChoices  # noqa: E402

EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
_SPEC = importlib.util.spec_from_file_location("make_chats", FOLDER / "make.py")
MAKE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(MAKE)


@pytest.mark.parametrize("name", SHAPES)
def test_ids_masks_and_prompts_are_those_of_transformers(name):
    # Thoughts reach templates as they stand in the turns.
    choices = ChatChoices(
        date=str(MAKE.TODAY.date()), reasoning=FIELD if name == "qwen3" else "keep"
    )
    tokenizer = ChatTokenizer(shape(name), choices)
    compared = 0
    for title, told in MAKE.conversations().items():
        turns, expected = read_messages(told), EXPECTED[name][title]
        if "refused" in expected:
            with pytest.raises(ChatTemplateError, match=expected["refused"]):
                tokenizer.encode(turns)
            continue
        chat = tokenizer.encode(turns)
        assert chat.ids.tolist() == expected["ids"], title
        if expected["mask"] is not None:
            assert chat.mask.tolist() == expected["mask"], title
        answers = [n for n, turn in enumerate(turns) if turn.role == "assistant"]
        for number, answer in enumerate(answers):
            if answer:
                for thinks, prompts in ((True, "prompts"), (False, "quiet")):
                    prompt = tokenizer.prompt_ids(turns[:answer], thinks=thinks)
                    assert prompt == expected[prompts][number], title
                    compared += 1
    assert compared >= 20
