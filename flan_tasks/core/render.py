"""Rendering: one template and one example make one prompt and one target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.example import Example
from flan_tasks.core.option_styles import Block
from flan_tasks.core.template import ANSWER, OPTIONS, Form, Template


@dataclass(frozen=True)
class Rendered:
    """A filled template."""

    inputs: str
    """The prompt."""
    targets: str
    """The text the model is to say."""


def render(
    template: Template, example: Example, *, options: bool = True, block: Block | None = None
) -> Rendered:
    """Fills a template; text from the data is put in as it is and never read for fields.

    Lines of the prompt that hold an empty field and its label alone are left out
    (`template.drop_empty_fields`).

    Args:
      template: the pair of texts.
      example: its values.
      options: whether the options line is shown; off also takes `inputs_without_options`.
      block: the options as they are written, in place of `format_options`; what it says of the
        answer is the target where the template is answered by a label.

    Raises:
      TemplateError: the template uses a field the example lacks.
    """
    shown = options and bool(example.options)
    empty: frozenset[str] = frozenset()
    if "" in example.fields.values():
        empty = frozenset(name for name, text in example.fields.items() if not text)
    try:
        inputs = _fill(template.form("inputs", shown, empty), example, block)
        if block is not None and template.is_answered_by_label:
            return Rendered(inputs, block.choice(example.answer))
        return Rendered(inputs, _fill(template.forms["targets", shown], example, block))
    except KeyError as error:
        raise TemplateError(
            f'template "{template.id}" uses {{{error.args[0]}}}; '
            f"example {example.key} has {', '.join(sorted(example.fields))}"
        ) from error


def render_columns(
    templates: Sequence[Template],
    chosen: Sequence[int],
    columns: Mapping[str, Sequence[str]],
    *,
    options: bool,
) -> tuple[list[str], list[str]]:
    """Fills many examples of one dataset at once; the texts are those `render` makes.

    Args:
      templates: those of the dataset.
      chosen: for each example the number of its template.
      columns: field, or answer -> the value of each example; under "options" the suffix that
        `format_options` makes, where a template shows it.
      options: whether the options line is shown; False too for datasets without options.

    Raises:
      TemplateError: a template uses a field that is no column.
    """
    place = {name: number for number, name in enumerate(columns)}
    forms: dict[int, tuple[tuple[str, tuple[int, ...]], ...]] = {}
    for number in set(chosen):
        template = templates[number]
        used = template.forms["inputs", options], template.forms["targets", options]
        for name in (*used[0].names, *used[1].names):
            if name not in place:
                raise TemplateError(
                    f'template "{template.id}" uses {{{name}}}; there are '
                    f"{', '.join(sorted(columns))}"
                )
        forms[number] = tuple((f.text, tuple(place[name] for name in f.names)) for f in used)
    inputs, targets = [], []
    for number, values in zip(chosen, zip(*columns.values(), strict=True), strict=True):
        (prompt, asked), (target, told) = forms[number]
        if "" in values:
            empty = frozenset(name for name, i in place.items() if not values[i])
            form = templates[number].form("inputs", options, empty)
            prompt, asked = form.text, tuple(place[name] for name in form.names)
        inputs.append(prompt % tuple([values[i] for i in asked]))
        targets.append(target % tuple([values[i] for i in told]))
    return inputs, targets


def format_options(options: Sequence[str]) -> str:
    """The OPTIONS suffix: a header line and one line for each option."""
    return "OPTIONS:\n" + "\n".join(f"- {option}" for option in options)


def _fill(form: Form, example: Example, block: Block | None) -> str:
    return form.text % tuple([_value(name, example, block) for name in form.names])


def _value(name: str, example: Example, block: Block | None) -> str:
    if name == ANSWER:
        return example.answer
    if name != OPTIONS:
        return example.fields[name]
    return format_options(example.options) if block is None else block.text
