"""Conversations as text for a vocabulary: what the template writes is meant, what data says is not.

A text that says `<|im_end|>` must not end a turn. So control tokens that stand written in turns are
broken up before they are rendered, by a code point that stands for no character and that the
conversation does not hold; what is whole in the rendered text is the template's. Then the former
are mended, and the latter get the names under which the vocabulary knows them as tokens.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flan_tasks.chat.template import BEGIN, END, ChatTemplate
from flan_tasks.core.errors import ChatTemplateError
from flan_tasks.core.messages import Message
from flan_tasks.vocabulary import TokenizersVocabulary
from flan_tasks.vocabulary.tokenizer_json import NOWHERE

# What may break a token; the first one that the conversation does not hold does.
_BREAKS = tuple(map(chr, range(0xFDD4, 0xFDF0)))
# Marks of ours, which no text of anybody holds, become the sign for what cannot be shown.
_NO_MARKS = {ord(mark): "\ufffd" for mark in (NOWHERE, BEGIN, END)}
_EDGE = re.compile(f"[{BEGIN}{END}]")


@dataclass(frozen=True)
class RenderedChat:
    """The text of a conversation."""

    text: str
    """For the vocabulary: control tokens of the template by the names that are tokens."""
    plain: str
    """As `transformers` has it, control tokens of the template and of data alike."""
    generated: tuple[tuple[int, int], ...]
    """Where in `text` stands what the template says a model writes."""


class Renderer:
    """Renders conversations for a vocabulary.

    Args:
      template: the template.
      vocabulary: gives the ids.
    """

    def __init__(self, template: ChatTemplate, vocabulary: TokenizersVocabulary) -> None:
        self.template = template
        self.vocabulary = vocabulary
        # Longest first, so that none is taken for the beginning of another.
        tokens = sorted(vocabulary.controls, key=lambda token: (-len(token), token))
        self._written = re.compile("|".join(map(re.escape, tokens)) or "(?!)")

    def render(
        self, messages: Sequence[Message], *, prompt: bool = False, thinks: bool | None = None
    ) -> RenderedChat:
        """Returns the text of a conversation; arguments as of `ChatTemplate.render`.

        Raises:
          ChatTemplateError: the template refuses it.
        """
        held = "".join(text for one in messages for text in (one.content, one.reasoning))
        mark = next((mark for mark in _BREAKS if mark not in held), None)
        if mark is None:
            raise ChatTemplateError("a conversation holds every code point that means nothing")
        safe = [self._broken(message, mark) for message in messages]
        whole = self.template.render(safe, prompt=prompt, thinks=thinks)
        text, generated = _edges(self.vocabulary.as_controls(whole).replace(mark, ""))
        return RenderedChat(text, _EDGE.sub("", whole).replace(mark, ""), generated)

    def _broken(self, message: Message, mark: str) -> Message:
        def broken(text: str) -> str:
            text = text.translate(_NO_MARKS)
            return self._written.sub(lambda match: f"{match[0][:1]}{mark}{match[0][1:]}", text)

        change: Callable[[str], str] = broken
        return replace(
            message, content=change(message.content), reasoning=change(message.reasoning)
        )


def _edges(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Takes BEGIN and END out of a text, and returns where they stood."""
    pieces = _EDGE.split(text)
    if len(pieces) % 2 == 0:
        raise ChatTemplateError("generation tags of the template stand inside each other")
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    places = tuple((ends[n], ends[n + 1]) for n in range(1, len(pieces), 2))
    return "".join(pieces), places
