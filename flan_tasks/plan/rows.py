"""Rows of a plan as text: gathered from the store and rendered, in plan order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from flan_tasks.core.example import Example
from flan_tasks.core.option_styles import PLAIN_STYLE, Block
from flan_tasks.core.render import Rendered, format_options, render_columns, render_examples
from flan_tasks.core.template import ANSWER, OPTIONS
from flan_tasks.core.variation import SHUFFLED
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import (
    Budget,
    Queries,
    choose_exemplars,
    fit_exemplars,
    option_orders,
    with_options,
)
from flan_tasks.plan.option_blocks import block, styles_of
from flan_tasks.plan.plan import Draw, Plan, Rows
from flan_tasks.plan.prepare import Ingredient
from flan_tasks.store.table import examples_at, texts_at

CHUNK = 1024
# Rows gathered from the store at once: each task's gathering costs as much as dozens of rows.
_GATHERED = 8 * CHUNK


def rendered_rows(
    plan: Plan, start: int, stop: int, *, budget: Budget | None = None
) -> Iterator[list[BuiltRow]]:
    """Yields rows `start` to `stop` of a plan, in order, in chunks of at most 1,024.

    Args:
      plan: the rows.
      start: first of them.
      stop: the row after the last.
      budget: what exemplars must fit into; None takes all that are wanted.
    """
    for first in range(start, stop, _GATHERED):
        found = render_chunk(plan, plan.rows(first, min(first + _GATHERED, stop)), budget=budget)
        for here in range(0, len(found), CHUNK):
            yield found[here : here + CHUNK]


def render_chunk(plan: Plan, rows: Rows, *, budget: Budget | None = None) -> list[BuiltRow]:
    """Gathers and renders some rows of a plan."""
    built: list[BuiltRow | None] = [None] * len(rows)
    for here, item, part in _gathered(plan, rows):
        if _is_alone(plan, item, part):
            draw = Draw(part.example, part.epoch, part.template)
            filled = render_task(item, draw, seed=plan.seed, budget=budget)
        else:
            filled = _members(plan, part)
        for place, row in zip(here.tolist(), filled, strict=True):
            built[place] = row
    return [row for row in built if row is not None]


def _gathered(plan: Plan, rows: Rows) -> Iterator[tuple[np.ndarray, Ingredient, Rows]]:
    """Yields what is gathered and rendered together: places, the first of the tasks, their rows."""
    group = plan.alike[rows.task]
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    for here in np.split(order, edges) if len(rows) else []:
        yield here, plan.ingredients[group[here[0]]], rows.take(here)


def _is_alone(plan: Plan, item: Ingredient, rows: Rows) -> bool:
    """Whether rows are those of one task, which is read by itself."""
    return (
        not item.dataset.family
        or plan.ingredients[rows.task[0]].exemplars is not None
        or item.variation.option_order == SHUFFLED
        or item.is_styled
    )


def _members(plan: Plan, rows: Rows) -> list[BuiltRow]:
    """Renders examples of several members of a family, which are read at once."""
    items = [plan.ingredients[number] for number in rows.task.tolist()]
    examples = examples_at(
        items[0].examples.table,
        plan.places(rows.task, rows.example),
        [item.examples.constants for item in items],
    )
    options = items[0].variation.options
    numbers = rows.template.tolist()
    filled = render_examples(items[0].templates, numbers, examples, options=options)
    return [
        BuiltRow(
            prompt,
            target,
            item.dataset,
            items[0].templates[number],
            example,
            shows_options=options,
            part=item.part,
            prompt_type=item.prompt_type if item.part else "",
        )
        for prompt, target, item, number, example in zip(
            *filled, items, numbers, examples, strict=True
        )
    ]


def render_task(
    item: Ingredient, draw: Draw, *, seed: int, budget: Budget | None = None
) -> list[BuiltRow]:
    """Renders examples of one task, each with its template.

    Args:
      item: the task.
      draw: its examples.
      seed: what exemplars and option orders depend on.
      budget: what exemplars must fit into; None takes all that are wanted.
    """
    variation = item.variation
    examples = item.examples.take(draw.example)
    keys = item.examples.hashes_of(draw.example)
    if variation.option_order == SHUFFLED:
        examples = _reordered(item.name, examples, keys, draw.epoch, seed)
    chosen = [item.templates[number] for number in draw.template]
    queries = Queries(item.name, examples, keys, draw.epoch)
    solved = [] if item.exemplars is None else _solved_examples(item, queries, seed)
    lists = [
        [one.options for one in (query, *others)]
        for query, others in zip(examples, solved or [[] for _ in examples], strict=True)
    ]
    styles = styles_of(item, lists, chosen, seed=seed, keys=keys, epochs=draw.epoch)
    blocks = [
        block(style, one.options, variation) for style, one in zip(styles, examples, strict=True)
    ]
    numbers = draw.template.tolist()
    inputs, targets = render_examples(
        item.templates, numbers, examples, options=variation.options, blocks=blocks
    )
    shots = [0] * len(inputs)
    if item.exemplars is not None:
        inputs, shots = fit_exemplars(_exemplars(item, solved, numbers, styles), inputs, budget)
    prompt_type = item.prompt_type if item.part else ""
    return [
        BuiltRow(
            prompt,
            target,
            item.dataset,
            template,
            example,
            count,
            variation.options,
            part=item.part,
            prompt_type=prompt_type,
            block=shown,
        )
        for prompt, target, template, example, count, shown in zip(
            inputs, targets, chosen, examples, shots, blocks, strict=True
        )
    ]


def _exemplars(
    item: Ingredient,
    solved: Sequence[Sequence[Example]],
    template: Sequence[int],
    styles: Sequence[str | None],
) -> list[list[Rendered]]:
    """Renders the exemplars of each query with its template, their options in its style."""
    flat = [
        (number, example, block(style, example.options, item.variation))
        for examples, number, style in zip(solved, template, styles, strict=True)
        for example in examples
    ]
    filled = render_examples(
        item.templates,
        [number for number, _, _ in flat],
        [example for _, example, _ in flat],
        options=item.variation.options,
        blocks=[shown for _, _, shown in flat],
    )
    rendered = iter([Rendered(*pair) for pair in zip(*filled, strict=True)])
    return [list(islice(rendered, len(examples))) for examples in solved]


def _reordered(
    dataset: str, examples: Sequence[Example], keys: np.ndarray, epochs: np.ndarray, seed: int
) -> list[Example]:
    sizes = np.asarray([len(example.options) for example in examples], np.int64)
    orders = option_orders(sizes, seed=seed, dataset=dataset, keys=keys, epochs=epochs)
    return [
        with_options(example, [example.options[place] for place in order])
        for example, order in zip(examples, orders, strict=True)
    ]


def _solved_examples(item: Ingredient, queries: Queries, seed: int) -> list[list[Example]]:
    """Returns the exemplars of each query, their options in the order they are shown."""
    assert item.exemplars is not None
    variation = item.variation
    chosen = choose_exemplars(
        item.exemplars, queries, shots=variation.shots, fewest=item.fewest_shots, seed=seed
    )
    solved = []
    for number, found in enumerate(chosen):
        examples = [example for _, example in found]
        if variation.option_order == SHUFFLED and found:
            # Each exemplar under its own key and the query's, so that it varies with the query.
            keys = item.exemplars.examples.hashes_of([place for place, _ in found])
            epochs = np.full(len(found), queries.epochs[number])
            examples = _reordered(item.name, examples, keys ^ queries.keys[number], epochs, seed)
        solved.append(examples)
    return solved


@dataclass(frozen=True)
class Texts:
    """Prompts and targets of some rows, without the examples around them."""

    inputs: list[str]
    """The prompts."""
    targets: list[str]
    """The texts to be learned."""
    num_shots: np.ndarray
    """Exemplars in each prompt: int64[n]."""
    option_styles: list[str]
    """Id of the style in which each prompt lists the options; empty where it lists none."""


def render_texts(plan: Plan, rows: Rows, *, budget: Budget | None = None) -> Texts:
    """Gathers and renders some rows of a plan, as texts alone.

    The texts are those of `render_chunk`; without the examples around them they cost a fifth,
    except with exemplars, which need them.
    """
    inputs, targets, listed = [""] * len(rows), [""] * len(rows), [""] * len(rows)
    shots = np.zeros(len(rows), np.int64)
    for here, item, part in _gathered(plan, rows):
        draw = Draw(part.example, part.epoch, part.template)
        if not _is_alone(plan, item, part):
            found = _task_texts(item, draw, plan.seed, partial(_columns_of_members, plan, part))
        elif item.exemplars is None:
            examples = item.examples
            found = _task_texts(
                item, draw, plan.seed, partial(examples.texts, indices=draw.example)
            )
        else:
            built = render_task(item, draw, seed=plan.seed, budget=budget)
            found = (
                [row.inputs for row in built],
                [row.targets for row in built],
                [row.option_style for row in built],
            )
            shots[here] = [row.num_shots for row in built]
        for place, prompt, target, style in zip(here.tolist(), *found, strict=True):
            inputs[place] = prompt
            targets[place] = target
            listed[place] = style
    return Texts(inputs, targets, shots, listed)


def _columns_of_members(plan: Plan, rows: Rows, names: Sequence[str]) -> dict[str, list[Any]]:
    """Reads columns of examples of several members of a family: name -> value of each."""
    items = plan.ingredients
    tasks = rows.task.tolist()
    first = items[tasks[0]]
    constant = first.dataset.constants
    columns = texts_at(
        first.examples.table,
        [name for name in names if name not in constant],
        plan.places(rows.task, rows.example),
    )
    for name in names:
        if name in constant:
            columns[name] = [items[number].examples.constants[name] for number in tasks]
    return {name: columns[name] for name in names}


def _task_texts(
    item: Ingredient, draw: Draw, seed: int, read: Callable[[Sequence[str]], dict[str, list[Any]]]
) -> tuple[list[str], list[str], list[str]]:
    """Returns prompts, targets, and the style in which each prompt lists the options."""
    template = draw.template.tolist()
    shown = item.variation.options and item.dataset.is_classification
    used = {
        name
        for number in set(template)
        for part in ("inputs", "targets")
        for name in item.templates[number].forms[part, shown].names
    }
    shuffled = item.variation.option_order == SHUFFLED
    fixed = item.dataset.options
    # In the order of the declaration, as every order would do but one makes it plain.
    names = [name for name in (ANSWER, *item.dataset.fields) if name in used or name == ANSWER]
    if OPTIONS in used and not fixed:
        names.append(OPTIONS)
    columns = read(names)
    blocks: list[Block | None] = []
    listed = [""] * len(template)
    if OPTIONS in used:
        lists_them = [one.lists_options for one in item.templates]
        listed = [PLAIN_STYLE if lists_them[number] else "" for number in template]
        if item.is_styled:
            lists = columns[OPTIONS] if not fixed else [list(fixed)] * len(template)
            lists = _shuffled(item, draw, lists, seed) if shuffled else lists
            styles = styles_of(
                item,
                [[options] for options in lists],
                [item.templates[number] for number in template],
                seed=seed,
                keys=item.examples.hashes_of(draw.example),
                epochs=draw.epoch,
            )
            blocks = [block(*pair, item.variation) for pair in zip(styles, lists, strict=True)]
            columns[OPTIONS] = ["" if one is None else one.text for one in blocks]
            listed = [style or "" for style in styles]
        elif fixed and not shuffled:
            columns[OPTIONS] = [format_options(fixed)] * len(template)
        else:
            lists = columns[OPTIONS] if not fixed else [list(fixed)] * len(template)
            lists = _shuffled(item, draw, lists, seed) if shuffled else lists
            columns[OPTIONS] = [format_options(one) for one in lists]
    inputs, targets = render_columns(
        item.templates, template, columns, options=shown, blocks=blocks
    )
    return inputs, targets, listed


def _shuffled(
    item: Ingredient, draw: Draw, lists: Sequence[Sequence[str]], seed: int
) -> list[list[str]]:
    orders = option_orders(
        np.asarray([len(one) for one in lists], np.int64),
        seed=seed,
        dataset=item.name,
        keys=item.examples.hashes_of(draw.example),
        epochs=draw.epoch,
    )
    return [[one[place] for place in order] for one, order in zip(lists, orders, strict=True)]
