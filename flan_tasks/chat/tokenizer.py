"""A tokenizer with its chat template: conversations to ids, with what is trained on."""

import datetime
import hashlib
import json
import os.path
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.chat import template as chat_template
from flan_tasks.chat.files import TOKENIZER, ChatFiles, read_chat_files
from flan_tasks.chat.probes import PROBES, talk
from flan_tasks.chat.reasoning import with_reasoning
from flan_tasks.chat.rendered import RenderedChat, Renderer
from flan_tasks.chat.spans import (
    HEADERS,
    PREFIXES,
    TAGS,
    EncodedChat,
    Ids,
    Span,
    by_edges,
    by_headers,
    by_prompts,
)
from flan_tasks.chat.template import ChatTemplate
from flan_tasks.core.errors import ChatTemplateError
from flan_tasks.core.messages import ASSISTANT, SYSTEM, Message
from flan_tasks.specs.chat_choices import DATE, FIELD, ChatChoices
from flan_tasks.vocabulary import TokenizersVocabulary, named_with, open_vocabulary
from flan_tasks.vocabulary.tokenizer_json import NOWHERE, control_names

_THINKS = "enable_thinking"
# Two answers that share no letter at either end: what is equal around them is the template's.
_ONE, _OTHER = "Xx", "Yy"


class ChatTokenizer:
    """A tokenizer with its chat template.

    Args:
      folder: the tokenizer's files.
      choices: what is chosen beside it.

    Raises:
      VocabularyError: the tokenizer cannot be read.
      ChatTemplateError: there is no template, or no way to tell what of it is trained on.
    """

    def __init__(self, folder: Path, choices: ChatChoices | None = None) -> None:
        self.choices = choices or ChatChoices()
        self.files: ChatFiles = read_chat_files(folder)
        self.template = ChatTemplate(
            self.files.template,
            self.files.tokens,
            date=_date(self.choices.date),
            where=str(folder / self.files.origin),
        )
        # What ends a text is what ends an answer, whatever the files say of other texts.
        self.stop = self._stop(control_names(folder / TOKENIZER))
        self.vocabulary = _opened(folder / TOKENIZER, self.stop)
        self.stop_id = self.vocabulary.eos_id
        self._headers: list[list[int]] = self._answer_headers()
        self.way = self._way()
        if self.choices.reasoning == FIELD and not self.takes_reasoning:
            raise ChatTemplateError(
                f"{self.template.where} writes no reasoning_content, so reasoning as a field would "
                "be lost; choose keep, which has it in the text, or drop"
            )

    @property
    def name(self) -> str:
        """What the ids depend on beside the vocabulary and the choices, as a digest."""
        told = [chat_template.VERSION, self.files.template, dict(sorted(self.files.tokens.items()))]
        return f"sha256:{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"

    @property
    def identity(self) -> dict[str, Any]:
        """The template and what is chosen beside it; JSON-able."""
        return {"template": self.name, **vars(self.choices)}

    @property
    def template_sha256(self) -> str:
        """Digest of the template's text."""
        return hashlib.sha256(self.files.template.encode()).hexdigest()

    @cached_property
    def takes_reasoning(self) -> bool:
        """Whether the template writes the thoughts of an answer that are given apart."""
        asked = talk("u", "?")
        with_thought = (*asked, Message(ASSISTANT, _ONE, "Zz"))
        return "Zz" in self.render(with_thought).plain

    @cached_property
    def writes_date(self) -> bool:
        """Whether what it renders depends on the day."""
        other = _date(self.choices.date) + datetime.timedelta(days=400)
        files = self.files
        again = ChatTemplate(files.template, files.tokens, date=other, where=self.template.where)
        asked = talk("ua", _ONE, _OTHER)
        return again.render(asked) != self.template.render(asked)

    def prepared(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Returns turns with the system prompt and the choice of reasoning applied."""
        turns = with_reasoning(messages, self.choices.reasoning)
        if self.choices.system is not None and (not turns or turns[0].role != SYSTEM):
            turns = (Message(SYSTEM, self.choices.system), *turns)
        return turns

    def render(
        self, messages: Sequence[Message], *, prompt: bool = False, thinks: bool | None = None
    ) -> RenderedChat:
        """Returns the text of prepared turns; arguments as of `ChatTemplate.render`.

        Raises:
          ChatTemplateError: the template refuses them.
        """
        return self._renderer.render(messages, prompt=prompt, thinks=thinks)

    def ids(self, text: str) -> list[int]:
        """Returns the ids of a rendered text, of `RenderedChat.text`."""
        return self.vocabulary.encode([text])[0].tolist()

    def prompt_ids(self, messages: Sequence[Message], *, thinks: bool = False) -> list[int]:
        """Returns what a model is prompted with for the answer to prepared turns."""
        return self.prompt_ids_each([messages], thinks=[thinks])[0]

    def prompt_ids_each(
        self, conversations: Sequence[Sequence[Message]], *, thinks: Sequence[bool] | None = None
    ) -> list[list[int]]:
        """Returns what a model is prompted with for the answer to each of some conversations.

        Args:
          conversations: prepared turns.
          thinks: of each, whether the answer begins with thoughts; of none by default.

        Raises:
          ChatTemplateError: the template refuses one.
        """
        chosen = thinks if thinks is not None else [False] * len(conversations)
        texts = [
            self.render(turns, prompt=True, thinks=one if self._asks_for_thoughts else None).text
            for turns, one in zip(conversations, chosen, strict=True)
        ]
        return [ids.tolist() for ids in self.vocabulary.encode(texts)]

    def header_of(self, ids: Ids) -> list[int]:
        """Returns the longest header of an answer that ids end with; [] for none."""
        ends = [header for header in self._headers if list(ids[-len(header) :]) == header]
        return max(ends, key=len, default=[])

    def encode(self, messages: Sequence[Message]) -> EncodedChat:
        """Returns prepared turns as ids, with what is trained on.

        Raises:
          ChatTemplateError: the template refuses them, or what is trained on cannot be told.
        """
        (found,) = self.encode_each([messages])
        if isinstance(found, ChatTemplateError):
            raise found
        return found

    def encode_each(
        self, conversations: Sequence[Sequence[Message]]
    ) -> list[EncodedChat | ChatTemplateError]:
        """Returns conversations of prepared turns as ids, or why one cannot be used."""
        return self._encoded(conversations, self.way)

    def _encoded(
        self, conversations: Sequence[Sequence[Message]], way: str
    ) -> list[EncodedChat | ChatTemplateError]:
        texts: list[str] = []
        pending: list[_Pending | ChatTemplateError] = []
        for messages in conversations:
            try:
                one = self._pending(messages, way, len(texts))
            except ChatTemplateError as error:
                pending.append(error)
                continue
            texts += one.texts
            pending.append(one)
        ids = [one.tolist() for one in self.vocabulary.encode(texts)]
        found: list[EncodedChat | ChatTemplateError] = []
        for each in pending:
            if isinstance(each, _Pending):
                try:
                    spans = tuple(each.spans(ids[each.first : each.first + len(each.texts)]))
                    found.append(EncodedChat(np.asarray(ids[each.first], np.int32), spans))
                except ChatTemplateError as error:
                    found.append(error)
            else:
                found.append(each)
        return found

    def _pending(self, messages: Sequence[Message], way: str, first: int) -> "_Pending":
        whole = self.render(messages)
        answers = [n for n, message in enumerate(messages) if message.role == ASSISTANT]
        if not answers:
            raise ChatTemplateError("it has no answer, so there is nothing to train on")
        stop = self.stop_id
        if way == TAGS:
            if len(whole.generated) != len(answers):
                raise ChatTemplateError(
                    f"{len(whole.generated)} pairs of generation tags stand around "
                    f"{len(answers)} answers"
                )
            edges = [whole.text[:edge] for pair in whole.generated for edge in pair]
            return _Pending(
                [whole.text, *edges], first, lambda ids: by_edges(ids[0], ids[1:], stop)
            )
        if way == HEADERS:
            headers, count = self._headers, len(answers)
            return _Pending(
                [whole.text], first, lambda ids: by_headers(ids[0], headers, stop, count)
            )
        prompts = [self._prompts(messages, answer) for answer in answers]

        def spans(ids: Sequence[Ids]) -> list[Span]:
            rest = iter(ids[1:])
            return by_prompts(ids[0], [[next(rest) for _ in texts] for texts in prompts], stop)

        return _Pending([whole.text, *(text for texts in prompts for text in texts)], first, spans)

    def _prompts(self, messages: Sequence[Message], answer: int) -> list[str]:
        """What may ask for an answer, the better one first."""
        ways = [bool(messages[answer].reasoning), None] if self._asks_for_thoughts else [None]
        texts = (self.render(messages[:answer], prompt=True, thinks=one).text for one in ways)
        return list(dict.fromkeys(texts))

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.template, self.vocabulary)

    @property
    def _asks_for_thoughts(self) -> bool:
        return _THINKS in self.files.template

    def _stop(self, controls: Sequence[str]) -> str:
        """The token behind an answer: the first of what the template writes there."""
        texts = [self.template.render(talk("ua", "?", said)) for said in (_ONE, _OTHER)]
        closing = _common_end(texts).replace(chat_template.END, "")
        # The first one, and of several that begin there the longest.
        places = [(closing.index(one), -len(one), one) for one in controls if one in closing]
        if not places:
            raise ChatTemplateError(
                f"{self.template.where} ends answers with {closing!r}, which holds no token that "
                "could end them: a model trained on it would not stop",
                where=self.template.where,
            )
        return min(places)[2]

    def _answer_headers(self) -> list[list[int]]:
        """What the template writes before an answer, as ids; [] where that cannot be told."""
        headers: list[list[int]] = []
        for thinks in (None, False, True) if self._asks_for_thoughts else (None,):
            asked = [
                self.render(talk("u", said), prompt=True, thinks=thinks).text
                for said in (_ONE, _OTHER)
            ]
            before = [self.render(talk("u", said), thinks=thinks).text for said in (_ONE, _OTHER)]
            if asked[0] != before[0] and asked[0].startswith(before[0]):
                header = asked[0][len(before[0]) :]
            else:  # what closes a question opens the answer
                header = _common_end(asked)
            # From a token on, which no text of data can hold.
            place = header.find(NOWHERE)
            if place >= 0:
                headers.append(self.ids(header[place:]))
        return [list(one) for one in dict.fromkeys(map(tuple, headers))]

    def _way(self) -> str:
        if self.template.has_generation:
            return TAGS
        tried = [self.prepared(probe.messages) for probe in PROBES]
        by_prompt, by_header = self._encoded(tried, PREFIXES), self._encoded(tried, HEADERS)
        taken = [n for n, messages in enumerate(tried) if self._takes(messages)]
        if not taken:
            self.render(tried[0])  # says why
        if all(isinstance(by_prompt[n], EncodedChat) for n in taken):
            return PREFIXES
        equal = all(
            _same(by_prompt[n], by_header[n])
            for n in taken
            if isinstance(by_prompt[n], EncodedChat)
        )
        if equal and all(isinstance(by_header[n], EncodedChat) for n in taken):
            return HEADERS
        reason = next(by_prompt[n] for n in taken if not isinstance(by_prompt[n], EncodedChat))
        raise ChatTemplateError(
            f"what of {self.template.where} a model learns to write cannot be told: it has no "
            f"generation tags; {reason}; and its answers have no header of their own",
            where=self.template.where,
        )

    def _takes(self, messages: Sequence[Message]) -> bool:
        try:
            self.render(messages)
        except ChatTemplateError:
            return False
        return True

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_renderer"}


@dataclass(frozen=True)
class _Pending:
    """A conversation whose texts are going to be ids."""

    texts: list[str]
    """The whole, and what tells the spans."""
    first: int
    """Place of the first of them among those of all conversations."""
    spans: Callable[[Sequence[Ids]], list[Span]]
    """From the ids of these texts to what is trained on."""


def _opened(path: Path, eos: str) -> TokenizersVocabulary:
    vocabulary = open_vocabulary(named_with(str(path), eos=eos))
    assert isinstance(vocabulary, TokenizersVocabulary)
    return vocabulary


def _common_end(texts: Sequence[str]) -> str:
    return os.path.commonprefix([text[::-1] for text in texts])[::-1]


def _same(one: EncodedChat | ChatTemplateError, other: EncodedChat | ChatTemplateError) -> bool:
    if not isinstance(one, EncodedChat) or not isinstance(other, EncodedChat):
        return False
    return one.spans == other.spans


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise ChatTemplateError(f"the date {text!r} is none; want one such as {DATE}") from error
