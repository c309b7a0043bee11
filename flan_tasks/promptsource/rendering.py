"""From a row and a template of promptsource to a prompt, as promptsource and P3 make it."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.choice import below, hash_text
from flan_tasks.core.errors import RowError, TemplateError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.example import Skip
from flan_tasks.core.field_types import shown
from flan_tasks.promptsource.allowance import Allowance, NothingToChoose, OverAllowance, using
from flan_tasks.promptsource.files import PromptTemplate

SEPARATOR = "|||"
# What promptsource cuts printed expressions to unless it is told not to.
PROMPTSOURCE_CUT = 2048
# Stands for the separator where a row holds it; not a text of any row.
_PROTECTED = "\ue000\uf8ff\ue000"
_CHOICES = "answer_choices"
_LONGEST = 1_000_000
_END_OF_EXPRESSION = re.compile(r"\s*([-+]?)\}\}")
_SIMPLE = (str, bytes, int, float, bool, type(None), datetime.date, datetime.time)

NOTHING_PRINTED = Skip("the template prints nothing for this row")
NOTHING_TO_CHOOSE = Skip("the template chooses among no items")


@dataclass(frozen=True)
class Draws:
    """Numbers that a template's random filters take, a function of what they are for.

    The n-th draw of a row is the same in every process and on every machine.
    """

    seed: int
    """The seed of the build."""
    dataset: str
    """Whose row it is."""
    template: str
    """Id of the template."""
    key: str
    """The example's key."""
    epoch: int = 0
    """How often the row was used before."""

    def number(self, position: int, bound: int) -> int:
        """The draw at a position, from 0 to `bound` - 1."""
        about = hash_text("promptsource", self.dataset, self.template, self.key)
        return below(bound, self.seed, about, self.epoch, position)


@dataclass(frozen=True)
class Prompt:
    """What a template makes of a row."""

    parts: tuple[str, ...]
    """Its texts between the separators, without blanks around them; input and target first."""
    answer_choices: tuple[str, ...] | None
    """The allowed answers as the template prints them; None where it has none."""


class Renderer:
    """A template that was compiled once and makes prompts of rows.

    Args:
      template: what is rendered.
      where: names its file in messages.
      cut: characters that each printed expression is cut to, as promptsource does where it is
        asked to truncate; None for none, as in P3.

    Raises:
      MissingLibraryError: Jinja is not installed.
      TemplateError: the template is malformed, or asks for what templates may not.
    """

    def __init__(self, template: PromptTemplate, *, where: str, cut: int | None = None) -> None:
        self.template = template
        self._place = f"{where}: template {shown(template.name)}"
        text = template.jinja
        if cut is not None:
            text = _END_OF_EXPRESSION.sub(rf" | string | truncate({cut}) \1}}}}", text)
        self._prompt = self._prepared(text)
        choices = template.answer_choices
        self._choices = None if choices is None else self._prepared(choices)

    def render(self, row: Mapping[str, Any], draws: Draws) -> Prompt | Skip:
        """Returns the prompt of a row, or why there is none.

        Raises:
          RowError: the row holds what templates cannot take, or the template fails on it.
        """
        values = self._values(row)
        position = iter(range(1 << 62))
        allowance = Allowance(lambda bound: draws.number(next(position), bound))
        where = f"{self._place}, example {for_line(draws.key)}"
        with using(allowance):
            try:
                choices = None
                if self._choices is not None:
                    choices = _parts(self._choices.render(values))
                # A list that the template may change, as promptsource's is.
                values[_CHOICES] = None if choices is None else [*map(_protected, choices)]
                parts = _parts(self._prompt.render(values))
            except NothingToChoose:
                return NOTHING_TO_CHOOSE
            except OverAllowance as error:
                raise TemplateError(f"{where}: {error}; no published template does") from error
            except RecursionError as error:
                raise TemplateError(f"{where}: it calls itself without end") from error
            except self._security_error as error:
                raise TemplateError(f"{where}: {for_line(error)}") from error
            except Exception as error:  # noqa: BLE001 - whatever it raises, the row must be named
                raise RowError(
                    f"{where}: it fails with {type(error).__name__}: {for_line(error)}. The row "
                    f"has {for_line(', '.join(sorted(map(str, row)))) or 'no column'}"
                ) from error
        if not any(parts):
            return NOTHING_PRINTED
        return Prompt(parts, choices)

    def _prepared(self, text: str) -> Any:
        if len(text) > _LONGEST:
            raise TemplateError(f"{self._place}: it is over {_LONGEST:,} characters long")
        with extras.needed_for("Rendering promptsource's templates"):
            from jinja2 import TemplateSyntaxError

            from flan_tasks.promptsource.sandbox import shared_environment
        try:
            return shared_environment().prepare(text)
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{self._place}, line {error.lineno} of its Jinja: {for_line(error.message)}"
            ) from error
        except self._security_error as error:
            raise TemplateError(f"{self._place}: {for_line(error)}") from error
        except (RecursionError, MemoryError, SyntaxError) as error:
            raise TemplateError(f"{self._place}: it is nested too deeply") from error

    @cached_property
    def _security_error(self) -> type[Exception]:
        from jinja2.sandbox import SecurityError

        return SecurityError

    def _values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A copy that a template may change, its texts without the separator."""
        if _CHOICES in row:
            raise RowError(
                f"{self._place}: the row has a column {_CHOICES}, which is what templates call "
                "their allowed answers; rename it"
            )
        values = {}
        for name, value in row.items():
            # promptsource protects texts of columns, and none inside of lists.
            if isinstance(value, str):
                copy: Any = _protected(value)
            else:
                copy = self._copied(value, name)
            # As P3 does: no name in Jinja has a hyphen.
            values[str(name).replace("-", "_")] = copy
        return values

    def _copied(self, value: Any, column: str) -> Any:
        if isinstance(value, Mapping):
            return {key: self._copied(item, column) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._copied(item, column) for item in value]
        if isinstance(value, _SIMPLE):
            return value
        raise RowError(
            f'{self._place}: column "{for_line(column)}" holds a {type(value).__name__}; templates '
            "take text, numbers, None, and lists and dicts of them"
        )


def _protected(text: str) -> str:
    return str(text).replace(SEPARATOR, _PROTECTED)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip().replace(_PROTECTED, SEPARATOR) for part in text.split(SEPARATOR))
