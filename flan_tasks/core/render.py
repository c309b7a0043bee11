"""Rendering: one template and one example make one prompt and one target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.example import Example
from flan_tasks.core.option_styles import Block
from flan_tasks.core.template import ANSWER, OPTIONS, Template


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
    (inputs,), (targets,) = render_examples(
        [template], [0], [example], options=options, blocks=[block]
    )
    return Rendered(inputs, targets)


def render_examples(
    templates: Sequence[Template],
    chosen: Sequence[int],
    examples: Sequence[Example],
    *,
    options: bool = True,
    blocks: Sequence[Block | None] = (),
) -> tuple[list[str], list[str]]:
    """Fills many examples of one dataset, each with its template; see `render`.

    Args:
      templates: those of the dataset.
      chosen: for each example the number of its template.
      examples: their values.
      options: whether the options line is shown, of those that have options.
      blocks: the options of each as they are written; none says that all are plain.

    Raises:
      TemplateError: a template uses a field its example lacks.
    """
    inputs, targets = [""] * len(examples), [""] * len(examples)
    with_options = [options and bool(example.options) for example in examples]
    for shown in set(with_options):
        here = [place for place, one in enumerate(with_options) if one == shown]
        numbers = [chosen[place] for place in here]
        some = [blocks[place] for place in here] if blocks else [None] * len(here)
        columns = _columns(templates, numbers, [examples[place] for place in here], some, shown)
        filled = render_columns(templates, numbers, columns, options=shown, blocks=some)
        for place, prompt, target in zip(here, *filled, strict=True):
            inputs[place], targets[place] = prompt, target
    return inputs, targets


def render_columns(
    templates: Sequence[Template],
    chosen: Sequence[int],
    columns: Mapping[str, Sequence[str]],
    *,
    options: bool,
    blocks: Sequence[Block | None] = (),
) -> tuple[list[str], list[str]]:
    """Fills many examples of one dataset from the columns of its table; see `render`.

    Args:
      templates: those of the dataset.
      chosen: for each example the number of its template.
      columns: field, or answer -> the value of each example; under "options" what is shown of
        them, where a template shows it.
      options: whether the options line is shown; False too for datasets without options.
      blocks: the options of each as they are written, where one is not plain: what it says of
        the answer is the target where the template is answered by a label.

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
    for at, block in enumerate(blocks):
        if block is not None and templates[chosen[at]].is_answered_by_label:
            targets[at] = block.choice(columns[ANSWER][at])
    return inputs, targets


def format_options(options: Sequence[str]) -> str:
    """The OPTIONS suffix: a header line and one line for each option."""
    return "OPTIONS:\n" + "\n".join(f"- {option}" for option in options)


def _columns(
    templates: Sequence[Template],
    chosen: Sequence[int],
    examples: Sequence[Example],
    blocks: Sequence[Block | None],
    shown: bool,
) -> dict[str, list[str]]:
    """Returns what `render_columns` reads of some examples."""
    names = dict.fromkeys([ANSWER])
    for number in dict.fromkeys(chosen):
        for part in ("inputs", "targets"):
            names.update(dict.fromkeys(templates[number].forms[part, shown].names))
    for number, example in zip(chosen, examples, strict=True):
        template = templates[number]
        for part in ("inputs", "targets"):
            for name in template.forms[part, shown].names:
                if name not in (ANSWER, OPTIONS) and name not in example.fields:
                    raise TemplateError(
                        f'template "{template.id}" uses {{{name}}}; '
                        f"example {example.key} has {', '.join(sorted(example.fields))}"
                    )
    return {
        name: [_value(name, *pair) for pair in zip(examples, blocks, strict=True)] for name in names
    }


def _value(name: str, example: Example, block: Block | None) -> str:
    if name == ANSWER:
        return example.answer
    if name == OPTIONS:
        return format_options(example.options) if block is None else block.text
    # Another template may ask for what this example does not have.
    return example.fields.get(name, "")
