"""A row as turns of a conversation, and how long a prompt may be that is asked in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flan_tasks.chat.reasoning import apart
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.messages import ASSISTANT, USER, Message
from flan_tasks.core.template import FORWARD
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.specs.chat_choices import KEEP

Turns = tuple[Message, ...]


@dataclass(frozen=True)
class ChatBudget(Budget):
    """How long a prompt may be that is asked in one turn, with all that is written around it."""

    chat: ChatTokenizer
    """Writes what stands around it."""

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each prompt with what stands around it, less the one that others have for
        EOS."""
        asked = [asked_in_a_turn(self.chat, text) for text in texts]
        return [len(ids) - 1 for ids in self.chat.prompt_ids_each(asked)]

    @cached_property
    def for_exemplars(self) -> Budget:
        """What exemplars and query must fit into: what is written around them goes off."""
        around = len(self.chat.prompt_ids(asked_in_a_turn(self.chat, "")))
        return Budget(self.vocabulary, max(self.length - around, 2))


def asked_in_a_turn(chat: ChatTokenizer, prompt: str) -> Turns:
    """Returns the prepared turns by which a prompt is asked: the user's, behind a system prompt
    where one is chosen. Exemplars stand in the prompt, as in a row of a build."""
    return chat.prepared([Message(USER, prompt)])


def turns_of(row: BuiltRow, *, reasoning: str = KEEP) -> Turns:
    """Returns a row as turns: its own where it has some, else its prompt and its target.

    Args:
      row: the row.
      reasoning: what becomes of a rationale; unless it is kept in the text, it stands apart.
    """
    if row.messages:
        return row.messages
    before = row.turns or (row.inputs,)
    who = (USER, ASSISTANT)
    turns = [Message(who[(len(before) - 1 - place) % 2], text) for place, text in enumerate(before)]
    thoughts, answer = ("", row.targets) if reasoning == KEEP else parted_target(row)
    return (*turns, Message(ASSISTANT, answer, thoughts))


def parted_target(row: BuiltRow) -> tuple[str, str]:
    """Returns the reasoning of a row's target and the rest; "" and all of it where it has none."""
    if not row.dataset.rationale or row.template.kind != FORWARD:
        return "", row.targets
    return apart(row.targets, row.example.fields[row.dataset.rationale])
