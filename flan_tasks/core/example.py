"""What a normalizer returns: an Example, several of them, or a Skip."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.errors import DeclarationError

# Up to the last line end before the first letter.
_BLANK_LINES = re.compile(r"\A\s*[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Skip:
    """A row that cannot be used, with the reason under which it is counted."""

    # Short and free of row data, e.g. "no gold label": rows are counted by it.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row in the terms templates use.

    Of every text the blank lines before it and all blanks behind it are removed when it is built:
    templates bring the blanks between. Everything else stays as it is, the indentation of the first
    line too, which code and verse need.

    Raises:
      DeclarationError: a value is no text, the answer is empty, or it is not one of the options.
    """

    # What templates may use, by name.
    fields: Mapping[str, str]
    # The target text; for classification one of `options`, exactly.
    answer: str
    # The allowed answers in a fixed order; empty for generation.
    options: tuple[str, ...] = ()
    # All accepted answers, for evaluation.
    references: tuple[str, ...] = ()
    # Values for metrics and grouping; JSON-able, out of reach of templates.
    extra: Mapping[str, Any] = field(default_factory=dict)
    # Stable name of the example; the engine fills in source split and row number where empty.
    key: str = ""

    def __post_init__(self) -> None:
        fields = {name: _text(value, f'field "{name}"') for name, value in self.fields.items()}
        options = tuple(_text(value, "an option") for value in self.options)
        answer = _text(self.answer, "the answer")
        references = tuple(_text(value, "a reference") for value in self.references)
        if not answer:
            raise DeclarationError("the answer is empty; return Skip(reason) for such a row")
        if options and answer not in options:
            raise DeclarationError(f"answer {answer!r} is not among the options {list(options)}")
        if len(set(options)) != len(options):
            raise DeclarationError(f"two options are equal: {list(options)}")
        if "" in options:
            raise DeclarationError(f"an option is empty: {list(options)}")
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "references", references or (answer,))

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


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise DeclarationError(f"{what} must be text, not {type(value).__name__}: {value!r}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DeclarationError(f"{what} holds half a surrogate pair, which is no text: {value!r}")
    value = value.rstrip()
    return _BLANK_LINES.sub("", value) if value[:1].isspace() else value
