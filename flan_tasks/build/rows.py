"""Rows of a plan as text: gathered from the store and rendered, in plan order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flan_tasks.build.plan import Plan, Rows
from flan_tasks.build.prepare import Ingredient
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example
from flan_tasks.core.naming import TaskName
from flan_tasks.core.render import format_options, render, render_columns
from flan_tasks.core.template import ANSWER, OPTIONS, Template

CHUNK = 1024
# Rows gathered from the store at once: each task's gathering costs as much as dozens of rows.
_GATHERED = 8 * CHUNK


@dataclass(frozen=True)
class BuiltRow:
    """One row of a build, before it is written."""

    # The prompt.
    inputs: str
    # The text to be learned.
    targets: str
    # Whose example it is.
    dataset: Dataset
    # What filled it.
    template: Template
    # What it was filled with.
    example: Example

    @property
    def about(self) -> dict[str, object]:
        """The columns every format carries beside the texts."""
        return {
            "task": str(TaskName(self.dataset.name)),
            "dataset": self.dataset.parent,
            "cluster": self.dataset.cluster,
            "template": self.template.id,
            "kind": self.template.kind,
            "key": self.example.key,
            "options": list(self.example.options),
            "license": self.dataset.license,
        }


def rendered_rows(plan: Plan, start: int, stop: int) -> Iterator[list[BuiltRow]]:
    """Yields rows `start` to `stop` of a plan, in order, in chunks of at most 1,024."""
    for first in range(start, stop, _GATHERED):
        found = render_chunk(plan, plan.rows(first, min(first + _GATHERED, stop)))
        for here in range(0, len(found), CHUNK):
            yield found[here : here + CHUNK]


def render_chunk(plan: Plan, rows: Rows, *, options: bool = True) -> list[BuiltRow]:
    """Gathers and renders some rows of a plan."""
    built: list[BuiltRow | None] = [None] * len(rows)
    for number in np.unique(rows.task):
        here = np.flatnonzero(rows.task == number)
        item = plan.ingredients[number]
        filled = render_task(item, rows.example[here], rows.template[here], options=options)
        for place, row in zip(here, filled, strict=True):
            built[place] = row
    return [row for row in built if row is not None]


def render_task(
    item: Ingredient, example: np.ndarray, template: np.ndarray, *, options: bool = True
) -> list[BuiltRow]:
    """Renders examples of one task, each with its template; int64[n] both."""
    built = []
    for number, found in zip(template, item.examples.take(example), strict=True):
        chosen = item.templates[number]
        filled = render(chosen, found, options=options)
        built.append(BuiltRow(filled.inputs, filled.targets, item.dataset, chosen, found))
    return built


def render_texts(plan: Plan, rows: Rows, *, options: bool = True) -> tuple[list[str], list[str]]:
    """Gathers and renders some rows of a plan as (inputs, targets) alone.

    The texts are those of `render_chunk`; without the examples around them they cost a fifth.
    """
    inputs, targets = [""] * len(rows), [""] * len(rows)
    order = np.argsort(rows.task, kind="stable")
    edges = np.flatnonzero(np.diff(rows.task[order])) + 1
    for here in np.split(order, edges) if len(rows) else []:
        item = plan.ingredients[rows.task[here[0]]]
        found = _task_texts(item, rows.example[here], rows.template[here].tolist(), options)
        for place, prompt, target in zip(here.tolist(), *found, strict=True):
            inputs[place] = prompt
            targets[place] = target
    return inputs, targets


def _task_texts(
    item: Ingredient, example: np.ndarray, template: list[int], options: bool
) -> tuple[list[str], list[str]]:
    shown = options and item.dataset.is_classification
    used = {
        name
        for number in set(template)
        for part in ("inputs", "targets")
        for name in item.templates[number].forms[part, shown].names
    }
    fixed = item.dataset.options
    # In the order of the declaration, as every order would do but one makes it plain.
    names = [name for name in (ANSWER, *item.dataset.fields) if name in used or name == ANSWER]
    if OPTIONS in used and not fixed:
        names.append(OPTIONS)
    columns = item.examples.texts(names, example)
    if OPTIONS in used:
        columns[OPTIONS] = (
            [format_options(fixed)] * len(template)
            if fixed
            else [format_options(one) for one in columns[OPTIONS]]
        )
    return render_columns(item.templates, template, columns, options=shown)
