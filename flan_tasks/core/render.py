"""Rendering: one template and one example make one prompt and one target."""

from collections.abc import Sequence
from dataclasses import dataclass

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.example import Example
from flan_tasks.core.template import ANSWER, OPTIONS, Pieces, Template


@dataclass(frozen=True)
class Rendered:
    """A filled template."""

    # The prompt.
    inputs: str
    # The text the model is to say.
    targets: str


def render(template: Template, example: Example, *, options: bool = True) -> Rendered:
    """Fills a template; text from the data is put in as it is and never read for fields.

    Args:
      template: the pair of texts.
      example: its values.
      options: whether the options line is shown; off also takes `inputs_without_options`.

    Raises:
      TemplateError: the template uses a field the example lacks.
    """
    shown = options and bool(example.options)
    try:
        return Rendered(
            _fill(template.pieces["inputs", shown], example),
            _fill(template.pieces["targets", shown], example),
        )
    except KeyError as error:
        raise TemplateError(
            f'template "{template.id}" uses {{{error.args[0]}}}; '
            f"example {example.key} has {', '.join(sorted(example.fields))}"
        ) from error


def format_options(options: Sequence[str]) -> str:
    """The OPTIONS suffix: a header line and one line for each option."""
    return "OPTIONS:\n" + "\n".join(f"- {option}" for option in options)


def _fill(pieces: Pieces, example: Example) -> str:
    parts = []
    for is_field, text in pieces:
        if not is_field:
            parts.append(text)
        elif text == ANSWER:
            parts.append(example.answer)
        elif text == OPTIONS:
            parts.append(format_options(example.options))
        else:
            parts.append(example.fields[text])
    return "".join(parts)
