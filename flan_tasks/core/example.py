"""What a normalizer returns: an Example, several of them, or a Skip."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import MAX_INT, check_types, is_half, shown
from flan_tasks.core.messages import ASSISTANT, Message, conversation_text, read_messages

# Raised where an example makes something else of its texts: stored ones are then read anew.
VERSION = 1
# Keys and reasons stand in tables, file lists and messages.
LONGEST_KEY = 1000
LONGEST_REASON = 200
# Of examples that are conversations: the field that holds the turns before the last answer, and
# where all of them stand.
CONVERSATION, MESSAGES = "conversation", "chat_turns"
_DEEPEST = 20

# Up to the last line end before the first letter.
_BLANK_LINES = re.compile(r"\A\s*[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Skip:
    """A row that cannot be used, with the reason under which it is counted.

    Raises:
      DeclarationError: the reason is no text, blank, of several lines, or over 200 characters.
    """

    reason: str
    """Short and free of row data, e.g. "no gold label": rows are counted by it."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
        if not self.reason.strip():
            raise DeclarationError('Skip: the reason is blank; write a few words, "no gold label"')
        if len(self.reason) > LONGEST_REASON or not _is_line(self.reason):
            raise DeclarationError(
                f"Skip: the reason must be one line of at most {LONGEST_REASON} characters, as "
                f"rows are counted by it: {shown(self.reason)}"
            )


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row in the terms templates use.

    Of every text the blank lines before it and all blanks behind it are removed when it is built:
    templates bring the blanks between. Everything else stays as it is, the indentation of the first
    line too, which code and verse need.

    Texts may hold every character but half a surrogate pair, which UTF-8 cannot say; NUL and other
    control characters too. Options stand in prompts one a line, so a line end within one becomes a
    blank, in the answer of such an example and its references as well: "a\\n- c" is the one option
    "a - c", never two.

    Raises:
      DeclarationError: a value has the wrong type, holds half a surrogate pair, or cannot be
        written as JSON; the answer is empty, or it is not one of the options.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    """What templates may use, by name; of `messages` the field conversation comes by itself."""
    answer: str = ""
    """The target text; for classification one of `options`, exactly. Of `messages` the last answer
    comes by itself."""
    options: tuple[str, ...] = ()
    """The allowed answers in a fixed order; empty for generation."""
    references: tuple[str, ...] = ()
    """All accepted answers, for evaluation."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Values for metrics and grouping, out of reach of templates: what JSON can say, that is
    text, finite numbers of at most 64 bits, True, False, None, and lists and dicts of these,
    with text as keys, at most 20 deep. A tuple comes back as a list."""
    key: str = ""
    """Stable name of the example; the engine fills in source split and row number where empty.
    One line of at most 1,000 characters, unlike that of every other example."""

    messages: InitVar[Sequence[Mapping[str, Any] | Message] | None] = None
    """A conversation, where the example is one: turns with role and content, or with from and
    value, of a system, a user and an assistant, whose turns may have reasoning. Styles of
    conversations and chat templates write all of them up to the last answer; templates have what
    stands before that as {conversation}."""

    def __post_init__(self, messages: Sequence[Mapping[str, Any] | Message] | None) -> None:
        if messages is not None:
            self._take_messages(messages)
        if not isinstance(self.fields, Mapping):
            raise DeclarationError(f"fields must be a dict of texts, not {shown(self.fields)}")
        if not all(isinstance(name, str) for name in self.fields):
            raise DeclarationError(f"names of fields must be text: {shown(list(self.fields))}")
        fields = {name: _text(value, f'field "{name}"') for name, value in self.fields.items()}
        options = _texts(self.options, "options", "an option")
        answer = _text(self.answer, "the answer")
        references = _texts(self.references, "references", "a reference")
        if options:
            options, answer = tuple(map(_line, options)), _line(answer)
            references = tuple(map(_line, references))
        _check_key(self.key)
        if self.extra or not isinstance(self.extra, Mapping):
            _check_extra(self.extra)
        if not answer:
            raise DeclarationError("the answer is empty; return Skip(reason) for such a row")
        if options and answer not in options:
            raise DeclarationError(f"answer {answer!r} is not among the options {list(options)}")
        if len(set(options)) != len(options):
            raise DeclarationError(f"two options are equal: {list(options)}")
        if not all(option.strip() for option in options):
            raise DeclarationError(f"an option is empty: {list(options)}")
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "references", references or (answer,))

    def with_key(self, key: str) -> "Example":
        """Returns it under a key, without looking at its other values again.

        Raises:
          DeclarationError: the key is none.
        """
        _check_key(key)
        made = object.__new__(type(self))
        vars(made).update(vars(self), key=key)
        return made

    @property
    def turns(self) -> tuple[Message, ...]:
        """The turns of a conversation up to the last answer; () where it is none."""
        if MESSAGES not in self.extra:
            return ()
        return tuple(Message(**turn) for turn in self.extra[MESSAGES])

    def _take_messages(self, messages: Sequence[Mapping[str, Any] | Message]) -> None:
        for name, value in (("answer", self.answer), ("options", self.options)):
            if value:
                raise DeclarationError(f"messages have the answer in them; leave {name} out")
        turns = [
            replace(one, content=_text(one.content, "a turn"), reasoning=one.reasoning.strip())
            for one in read_messages(messages)
        ]
        answers = [number for number, turn in enumerate(turns) if turn.role == ASSISTANT]
        if not answers:
            raise DeclarationError(
                "messages have no turn of an assistant; return Skip(reason) for such a row"
            )
        turns = turns[: answers[-1] + 1]
        if not turns[-1].content:
            raise DeclarationError("the last answer is empty; return Skip(reason) for such a row")
        told = {CONVERSATION: conversation_text(turns[:-1]), **self.fields}
        object.__setattr__(self, "fields", told)
        object.__setattr__(self, "answer", turns[-1].content)
        held = {MESSAGES: [turn.to_json() for turn in turns], **self.extra}
        object.__setattr__(self, "extra", held)

    @classmethod
    def checked_before(
        cls,
        *,
        fields: Mapping[str, str],
        answer: str,
        options: tuple[str, ...],
        references: tuple[str, ...],
        extra: Mapping[str, Any],
        key: str,
    ) -> "Example":
        """Makes one of values that were an Example already, without looking at them again.

        The store reads millions: checking each text a second time would cost a fifth of a build.
        """
        made = object.__new__(cls)
        vars(made).update(
            fields=fields,
            answer=answer,
            options=options,
            references=references,
            extra=extra,
            key=key,
        )
        return made


def _texts(values: object, what: str, one: str) -> tuple[str, ...]:
    # One text would be taken for its letters, and a generator or a set has no fixed order.
    if not isinstance(values, tuple | list):
        raise DeclarationError(f"{what} must be a tuple of texts, not {shown(values)}")
    if not values:
        return ()
    return tuple(_text(value, one) for value in values)


def _line(text: str) -> str:
    if text.isprintable():  # nothing that ends a line is
        return text
    lines = text.splitlines()
    if len(lines) < 2 and lines == [text]:
        return text
    return " ".join(stripped for line in lines if (stripped := line.strip()))


def _is_line(text: str) -> bool:
    return text.isprintable() or not any(
        letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\u2028\u2029" for letter in text
    )


def _check_key(key: object) -> None:
    if key == "":
        return
    if not isinstance(key, str):
        raise DeclarationError(f"key must be text, not {type(key).__name__}: {shown(key)}")
    if is_half(key):
        raise DeclarationError(f"key holds half a surrogate pair, which is no text: {shown(key)}")
    if len(key) > LONGEST_KEY or not key.strip() or not _is_line(key):
        raise DeclarationError(
            f"key must be one line of at most {LONGEST_KEY:,} characters, not blank and without "
            f"control characters: {shown(key)}"
        )


def _check_extra(extra: object) -> None:
    if not isinstance(extra, Mapping):
        raise DeclarationError(f"extra must be a dict, not {type(extra).__name__}: {shown(extra)}")
    for problem in _not_json(extra, "extra", 0):
        raise DeclarationError(problem)


def _not_json(value: object, place: str, depth: int) -> Iterator[str]:
    """Yields what JSON, and those who read it, could not take."""
    if depth > _DEEPEST:
        yield f"{place} is nested more than {_DEEPEST} deep, or holds itself"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str) or is_half(name):
                yield f"{place} has the key {shown(name)}; keys must be text"
                return
            yield from _not_json(item, f'{place}["{name[:40]}"]', depth + 1)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _not_json(item, f"{place}[{number}]", depth + 1)
    elif isinstance(value, str):
        if is_half(value):
            yield f"{place} holds half a surrogate pair, which is no text: {shown(value)}"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{place} is {value}, which JSON cannot say; leave it out, or write None"
    elif isinstance(value, int):
        if abs(value) > MAX_INT:
            yield f"{place} is a number of more than 64 bits; write it as text"
    elif value is not None:
        hint = "; take its .item()" if hasattr(value, "dtype") else ""
        yield f"{place} is {type(value).__name__}, which JSON cannot say: {shown(value)}{hint}"


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise DeclarationError(f"{what} must be text, not {type(value).__name__}: {shown(value)}")
    if is_half(value):
        raise DeclarationError(
            f"{what} holds half a surrogate pair, which is no text: {shown(value)}"
        )
    value = value.rstrip()
    return _BLANK_LINES.sub("", value) if value[:1].isspace() else value
