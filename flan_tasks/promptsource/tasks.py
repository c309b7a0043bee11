"""Prompts of a template file of one's own as datasets that `flan_tasks.add` takes."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.escaping import for_line
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Origin
from flan_tasks.core.splits import Splits
from flan_tasks.promptsource.examples import prompted_example, renamed
from flan_tasks.promptsource.files import PromptTemplate, read_prompt_file
from flan_tasks.promptsource.members import CITATION, INPUTS, metrics_of, row_key
from flan_tasks.promptsource.rendering import Draws, Renderer

# Template files of the engine, for prompts that show their allowed answers and for those that do
# not.
AS_PUBLISHED = Path(__file__).parent / "as_published.toml"
WITH_OPTIONS = Path(__file__).parent / "with_options.toml"


def prompted_dataset(
    name: str,
    *,
    file: str | Path,
    template: str,
    source: Origin,
    splits: Splits,
    license: str,
    citation: str = CITATION,
    metrics: tuple[str, ...] = (),
    languages: tuple[str, ...] = ("en",),
    cut: int | None = None,
) -> Dataset:
    """Returns a dataset whose rows become prompts of one template of a promptsource file.

    Add it with `templates=AS_PUBLISHED`, or WITH_OPTIONS where the prompt does not show its allowed
    answers.

    Args:
      name: what it is called here.
      file: a `templates.yaml`.
      template: the template's name or id in it.
      source: where rows come from, in the columns that the template uses.
      splits: which of them are train, validation and test.
      license: of the rows, as their source states it.
      citation: what to cite.
      metrics: what answers are scored by; by default what the template names.
      languages: of the texts.
      cut: characters that printed expressions are cut to; None for none.

    Raises:
      TemplateError: the file or its template is malformed.
      UnknownNameError: the file has no such template.
      DeclarationError: a value is wrong.
    """
    content = read_prompt_file(Path(file))
    chosen = content[template]
    Renderer(chosen, where=_place(content.title), cut=cut)  # a malformed one is known at once
    has_choices = chosen.answer_choices is not None
    return Dataset(
        name=name,
        source=source,
        splits=splits,
        schema={},
        normalize=_normalizer(chosen, content.title, cut=cut),
        fields=(INPUTS,),
        options_per_example=has_choices,
        in_default_mixtures=False,
        license=license,
        citation=citation,
        languages=languages,
        metrics=metrics or metrics_of(chosen.metrics, has_choices=has_choices),
    )


def _normalizer(
    template: PromptTemplate, title: str, *, cut: int | None
) -> "functools.partial[Example | Skip]":
    normalize = functools.partial(_prompted, template=template, title=title, cut=cut)
    normalize.__doc__ = f'Prompts as "{for_line(template.name)}" of promptsource asks of {title}.'
    return normalize


def _prompted(
    row: Mapping[str, Any], *, template: PromptTemplate, title: str, cut: int | None
) -> Example | Skip:
    example = prompted_example(
        renamed(row, title),
        _renderer(template, title, cut),
        Draws(0, title, template.id, row_key(row)),
    )
    if isinstance(example, Skip):
        return example
    # The target is the answer, which templates of the engine print.
    return Example(
        fields={INPUTS: example.fields[INPUTS]}, answer=example.answer, options=example.options
    )


@functools.lru_cache(maxsize=512)
def _renderer(template: PromptTemplate, title: str, cut: int | None) -> Renderer:
    return Renderer(template, where=_place(title), cut=cut)


def _place(title: str) -> str:
    return f"{title}/templates.yaml"
