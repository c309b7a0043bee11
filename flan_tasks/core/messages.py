"""Turns of a conversation: who says what, read from the two forms that rows have them in.

`messages` has `role` and `content`, `conversations` has `from` and `value`. Turns of tools, calls
of them, pictures and sounds are refused by name: nothing here renders them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import is_half, shown

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
ROLES = (SYSTEM, USER, ASSISTANT)
# Key of who speaks -> key of what is said.
_KEYS = {"role": "content", "from": "value"}
_ROLE_OF = {
    **{role: role for role in ROLES},
    **dict.fromkeys(("human", "prompter"), USER),
    **dict.fromkeys(("gpt", "bot", "chatgpt", "model"), ASSISTANT),
}
# Keys under which published rows keep what was thought before an answer.
_REASONING = ("reasoning", "reasoning_content", "thinking")
_TOOL_ROLES = ("tool", "function", "function_call", "observation", "tool_call", "tool_response")
_TOOL_KEYS = ("tool_calls", "function_call", "tool_call_id", "tools")


@dataclass(frozen=True)
class Message:
    """One turn."""

    role: str
    """One of ROLES."""
    content: str
    """What is said; may be empty."""
    reasoning: str = ""
    """What was thought before it, of an assistant alone; empty for nothing."""

    def to_json(self) -> dict[str, str]:
        """Returns it as `read_messages` reads it."""
        told = {"role": self.role, "content": self.content}
        return told | ({"reasoning": self.reasoning} if self.reasoning else {})


def read_messages(value: object) -> tuple[Message, ...]:
    """Returns the turns that a row has, in either form, or that are `Message`s already.

    Raises:
      DeclarationError: it is no list of turns, or one of them is of a tool, of no known role, or
        holds something else than text; the first one is named by its number.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DeclarationError(f"messages must be a list of turns, not {shown(value)}")
    if not value:
        raise DeclarationError("messages are empty; return Skip(reason) for such a row")
    return tuple(_read(turn, f"turn {number}") for number, turn in enumerate(value, start=1))


def _read(turn: object, where: str) -> Message:
    if isinstance(turn, Message):
        turn = turn.to_json()
    if not isinstance(turn, Mapping):
        raise DeclarationError(f"{where} must be a dict of role and content, not {shown(turn)}")
    # Arrow fills what a turn lacks and another has with nulls.
    held = {name: part for name, part in turn.items() if part is not None}
    for name in _TOOL_KEYS:
        if held.get(name):
            raise DeclarationError(f'{where} has "{name}": calls of tools are not rendered')
    key = next((name for name in _KEYS if name in held), None)
    if key is None:
        raise DeclarationError(
            f'{where} has {", ".join(map(str, held)) or "nothing"}; it needs "role" and "content", '
            'or "from" and "value"'
        )
    who = held[key]
    if who in _TOOL_ROLES:
        raise DeclarationError(f'{where} is of role "{who}": turns of tools are not rendered')
    if not isinstance(who, str) or who not in _ROLE_OF:
        raise DeclarationError(f"{where} is of role {shown(who)}; known are {', '.join(_ROLE_OF)}")
    role = _ROLE_OF[who]
    content = _text(held.get(_KEYS[key], ""), f"{where}: its {_KEYS[key]}")
    thoughts = [_text(held[name], f"{where}: its {name}") for name in _REASONING if name in held]
    reasoning = next(filter(None, thoughts), "")
    if reasoning and role != ASSISTANT:
        raise DeclarationError(f"{where} is of role {role} and has reasoning; answers alone do")
    return Message(role, content, reasoning)


def _text(value: Any, what: str) -> str:
    if isinstance(value, list | tuple):
        # Parts, as they are kept beside pictures.
        kinds = [part.get("type") if isinstance(part, Mapping) else part for part in value]
        other = [kind for kind in kinds if kind != "text"]
        if other:
            raise DeclarationError(f"{what} has a part of type {shown(other[0])}; text alone does")
        value = "".join(_text(part.get("text", ""), what) for part in value)
    if not isinstance(value, str):
        raise DeclarationError(f"{what} must be text, not {shown(value)}")
    if is_half(value):
        raise DeclarationError(f"{what} holds half a surrogate pair, which is no text")
    return value


def conversation_text(messages: Sequence[Message]) -> str:
    """Returns turns as a text: of one question itself, else each behind the word for who says it;
    what a system says stands before them."""
    told = [one.content for one in messages if one.role == SYSTEM]
    turns = [one for one in messages if one.role != SYSTEM]
    if len(turns) == 1 and turns[0].role == USER:
        return "\n\n".join((*told, turns[0].content))
    lines = "\n".join(f"{one.role.capitalize()}: {one.content}" for one in turns)
    return "\n\n".join(filter(None, (*told, lines)))


def with_tags(message: Message) -> str:
    """Returns what a turn says, with its reasoning before it in the tags of published rows."""
    if not message.reasoning:
        return message.content
    return f"<think>\n{message.reasoning}\n</think>\n\n{message.content}"
