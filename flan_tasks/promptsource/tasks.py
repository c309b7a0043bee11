"""Prompts of promptsource as datasets and mixtures that `flan_tasks.add` takes."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.choice import hash_text
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import Files, HuggingFace, Origin
from flan_tasks.core.splits import Splits
from flan_tasks.promptsource.examples import prompted_example, renamed, splits_of
from flan_tasks.promptsource.files import PromptTemplate, read_prompt_file
from flan_tasks.promptsource.folder import PromptFolder
from flan_tasks.promptsource.index import (
    COLLECTIONS,
    T0_SF,
    PromptedDataset,
    Subtask,
    collection,
    prompted_datasets,
    subtasks,
    t0_rates,
)
from flan_tasks.promptsource.rendering import Draws, Renderer
from flan_tasks.raw_rows.files import find_files

# Template files of the engine, for prompts that show their allowed answers and for those that do
# not.
AS_PUBLISHED = Path(__file__).parent / "as_published.toml"
WITH_OPTIONS = Path(__file__).parent / "with_options.toml"
SEPARATED = "multiple_choice_separated_options"
# Flan 2022's ceiling on the rate of a T0-SF task.
T0_SF_CAP = 20_000
_CITATION = "Bach et al. 2022, PromptSource; Sanh et al. 2022, Multitask Prompted Training"
_NOT_STATED = "not stated by a source known here"
_INPUTS = "inputs"
_OTHER = re.compile(r"[^a-z0-9_]+")
# promptsource's metrics that are computed here, the first of which counts.
_METRICS = {
    "Accuracy": "accuracy",
    "Squad": "squad",
    "Trivia QA": "trivia_qa",
    "COQA F1": "coqa",
    "ROUGE": "rouge",
    "BLEU": "bleu",
    "Edit Distance": "edit_distance",
}


@dataclass(frozen=True)
class PromptedTask:
    """What `flan_tasks.add` takes to know a subtask."""

    dataset: Dataset
    """The declaration."""
    templates: Path
    """Its template file, which prints the prompt as it is."""
    cluster: str
    """The ability it tests."""


def task_name(subtask: Subtask) -> str:
    """The name of a subtask here: P3's in lower case, other characters as underscores."""
    return "p3_" + _OTHER.sub("_", subtask.name.lower())


def p3_tasks(
    chosen: str | Iterable[Subtask],
    *,
    prompts: str | Path,
    rows: str | Path | None = None,
    cut: int | None = None,
    options: bool = True,
) -> list[PromptedTask]:
    """Returns subtasks of P3 as datasets.

    Args:
      chosen: a collection ("t0sf", "t0", "t0p", "t0pp") or some subtasks.
      prompts: a copy of promptsource.
      rows: a folder with `<data set>[/<subset>]/<split>.jsonl` or other tables, in the columns of
        the Hugging Face hub; a data set without train is evaluated only, and one without train and
        validation left out. None reads from the hub itself.
      cut: characters that printed expressions are cut to; None for none, as in P3.
      options: whether the allowed answers stand below a prompt that does not show them, as in
        Flan 2022; T0's prompts stay without.

    Raises:
      UnknownNameError: there is no such collection.
      SourceUnavailableError: the copy of promptsource lacks a file; or `rows` has the rows of none.
      TemplateError: a file of it is malformed.
    """
    members = collection(chosen) if isinstance(chosen, str) else tuple(chosen)
    folder = PromptFolder(Path(prompts))
    facts = {one.title: one for one in prompted_datasets()}
    tasks = []
    for one in members:
        source = _source(one, None if rows is None else Path(rows))
        splits = _splits(one, source)
        if splits is not None:
            dataset = _subtask_dataset(one, folder, source, splits, facts[one.title], cut=cut)
            shows = not options or one.kind != SEPARATED
            tasks.append(
                PromptedTask(
                    dataset,
                    AS_PUBLISHED if shows else WITH_OPTIONS,
                    facts[one.title].category or "own",
                )
            )
    if rows is not None and members and not tasks:
        raise SourceUnavailableError(
            f"{for_line(rows)} has rows of none of the data sets; wanted folders such as "
            f"{members[0].title} with train.jsonl in them"
        )
    return tasks


def data_sets() -> dict[str, str]:
    """Dataset here -> the data set that it is a prompt of, for every subtask of P3."""
    return {task_name(one): one.scored_as for one in subtasks()}


def p3_mixture(name: str, *, only: Iterable[PromptedTask], limit: int = 30_000) -> Mixture:
    """Returns a published mixture of those tasks that are there and have rows to train on.

    `t0sf` is proportional with Flan 2022's cap of 20,000; T0's have t-zero's rates.

    Args:
      name: one of `COLLECTIONS`.
      only: tasks that were added.
      limit: ceiling on the examples read of each task.

    Raises:
      UnknownNameError: there is no such mixture.
      DeclarationError: no task of it is there.
    """
    there = {task.dataset.name for task in only if task.dataset.is_trained_on}
    names = [task_name(one) for one in collection(name) if task_name(one) in there]
    given: dict[str, Any] = {
        "name": name,
        "description": COLLECTIONS[name],
        "include": tuple(names),
        "kinds": ("forward",),
        "limit": limit,
    }
    if name == T0_SF:
        return Mixture(**given, cap=T0_SF_CAP)
    rates = {
        task_name(one): float(rate)
        for one in collection(name)
        if (rate := t0_rates(name)[one.name]) and task_name(one) in there
    }
    return Mixture(**given, scheme="rates", rates=rates)


def prompted_dataset(
    name: str,
    *,
    file: str | Path,
    template: str,
    source: Origin,
    splits: Splits,
    license: str,
    citation: str = _CITATION,
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
    return _dataset(
        name,
        chosen,
        content.title,
        cut=cut,
        source=source,
        splits=splits,
        license=license,
        citation=citation,
        languages=languages,
        metrics=metrics or _metrics(chosen.metrics, has_choices=chosen.answer_choices is not None),
    )


def _dataset(
    name: str, template: PromptTemplate, title: str, *, cut: int | None, **declared: Any
) -> Dataset:
    return Dataset(
        name=name,
        schema={},
        normalize=_normalizer(template, title, cut=cut),
        fields=(_INPUTS,),
        options_per_example=template.answer_choices is not None,
        in_default_mixtures=False,
        **declared,
    )


def _subtask_dataset(
    one: Subtask,
    folder: PromptFolder,
    source: Origin,
    splits: Splits,
    facts: PromptedDataset,
    *,
    cut: int | None,
) -> Dataset:
    return _dataset(
        task_name(one),
        folder.file(one.dataset, one.subset)[one.id],
        one.title,
        cut=cut,
        source=source,
        splits=splits,
        size=facts.splits,
        license=facts.license or _NOT_STATED,
        citation=_CITATION,
        metrics=_metrics(one.metrics, has_choices=one.has_choices),
    )


def _source(one: Subtask, rows: Path | None) -> Origin:
    """Where the rows of a subtask are; files of no split where a folder has none."""
    return HuggingFace(one.dataset, one.subset) if rows is None else find_files(rows / one.title)


def _splits(one: Subtask, source: Origin) -> Splits | None:
    """Train and validation of a subtask as far as the source has them; None without either.

    Tests of the hub often lack their answers, so they are not read.
    """
    of_source = splits_of(one)
    if isinstance(source, Files):
        of_source = {ours: there for ours, there in of_source.items() if there in source.paths}
    train = of_source.get("train")
    validation = of_source.get("validation", of_source.get("val"))
    if train is None and validation is None:
        return None
    return Splits(train=train, validation=validation)


def _metrics(names: Iterable[str], *, has_choices: bool) -> tuple[str, ...]:
    if has_choices:
        return ("accuracy",)
    known = [_METRICS[name] for name in names if name in _METRICS]
    return (known[0] if known else "rouge",)


def _normalizer(
    template: PromptTemplate, title: str, *, cut: int | None
) -> "functools.partial[Example | Skip]":
    normalize = functools.partial(_prompted, template=template, title=title, cut=cut)
    normalize.__doc__ = f'Prompts as "{for_line(template.name)}" of promptsource asks of {title}.'
    return normalize


def _prompted(
    row: Mapping[str, Any], *, template: PromptTemplate, title: str, cut: int | None
) -> Example | Skip:
    # What a row draws follows from what it says: it has no other name here.
    key = f"{hash_text(json.dumps(row, sort_keys=True, default=str)):016x}"
    example = prompted_example(
        renamed(row, title), _renderer(template, title, cut), Draws(0, title, template.id, key)
    )
    if isinstance(example, Skip):
        return example
    # The target is the answer, which templates of the engine print.
    return dataclasses.replace(example, key="", fields={_INPUTS: example.fields[_INPUTS]})


@functools.lru_cache(maxsize=512)
def _renderer(template: PromptTemplate, title: str, cut: int | None) -> Renderer:
    return Renderer(template, where=_place(title), cut=cut)


def _place(title: str) -> str:
    return f"{title}/templates.yaml"
