"""A chat template rendered as `transformers` renders it, with the date pinned.

Jinja's sandbox whose values cannot be changed, blocks trimmed, `break` and `continue`, `tojson`
that escapes nothing, `raise_exception`, `strftime_now`, and `{% generation %}` around what a model
writes. What a template can name is described in the documentation of transformers, "Writing a chat
template"; the settings here follow it.
"""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from flan_tasks.core import extras
from flan_tasks.core.errors import ChatTemplateError
from flan_tasks.core.messages import Message

# Around what stands between generation tags; code points that stand for no character.
BEGIN, END = "\ufdd2", "\ufdd3"
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
# Raised where the same template and messages give another text.
VERSION = 1


class ChatTemplate:
    """A template and what it may name.

    Args:
      text: the template.
      tokens: bos_token, eos_token, ... -> text.
      date: what it takes for today.
      where: what errors call it.

    Raises:
      ChatTemplateError: Jinja is not installed.
    """

    def __init__(
        self, text: str, tokens: Mapping[str, str], *, date: datetime.date, where: str
    ) -> None:
        extras.require("jinja2", what="Rendering a chat template", error=ChatTemplateError)
        self.text = text
        self.tokens = dict(tokens)
        self.date = date
        self.where = where

    @property
    def has_generation(self) -> bool:
        """Whether it says itself what a model writes."""
        return bool(_GENERATION.search(self.text))

    def render(
        self, messages: Sequence[Message], *, prompt: bool = False, thinks: bool | None = None
    ) -> str:
        """Returns the text of a conversation; what stands between generation tags has BEGIN and END
        around it.

        Args:
          messages: the turns.
          prompt: whether what an answer begins with is put behind them (add_generation_prompt).
          thinks: whether a model is to think (enable_thinking); None says nothing of it.

        Raises:
          ChatTemplateError: the template refuses the conversation, or fails.
        """
        from jinja2 import TemplateError

        turns = [_told(message) for message in messages]
        more = {} if thinks is None else {"enable_thinking": thinks}
        try:
            return self._compiled.render(
                **self.tokens,
                messages=turns,
                tools=None,
                documents=None,
                add_generation_prompt=prompt,
                **more,
            )
        except TemplateError as error:
            raise ChatTemplateError(self._failed(error), where=self.where) from error
        except Exception as error:
            # Of Python, which expressions of a template raise as they are.
            what = f"{type(error).__name__}: {error}"
            raise ChatTemplateError(self._failed(what), where=self.where) from error

    def _failed(self, reason: object) -> str:
        return f"the template of {self.where} refuses the conversation: {reason}"

    @cached_property
    def _compiled(self):
        from jinja2 import TemplateError

        try:
            return _environment(self.date).from_string(self.text)
        except TemplateError as error:
            what = f"{self.where} is no template: {error}"
            raise ChatTemplateError(what, where=self.where) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_compiled"}


def _told(message: Message) -> dict[str, str]:
    told = {"role": message.role, "content": message.content}
    if message.reasoning:
        # What Qwen 3 and its kin call it.
        told["reasoning_content"] = message.reasoning
    return told


def _environment(date: datetime.date):
    from jinja2 import nodes
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}...{% endgeneration %}`: what a model writes."""

        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            call = self.call_method("_marked")
            return nodes.CallBlock(call, [], [], body).set_lineno(line)

        def _marked(self, caller) -> str:
            return f"{BEGIN}{caller()}{END}"

    def raise_exception(message: str) -> NoReturn:
        raise TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        # Jinja's own escapes what would be markup in a page.
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    def strftime_now(form: str) -> str:
        return datetime.datetime.combine(date, datetime.time()).strftime(form)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    made.filters["tojson"] = tojson
    made.globals.update(raise_exception=raise_exception, strftime_now=strftime_now)
    return made
