"""How the options of each row are listed: a style drawn by arithmetic, among those that fit."""

from collections.abc import Sequence

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.option_styles import (
    PLAIN_STYLE,
    VARIED,
    Block,
    block_of,
    clashes,
    fits,
    option_styles,
)
from flan_tasks.core.template import FORWARD, Template
from flan_tasks.core.variation import Variation
from flan_tasks.plan import draws
from flan_tasks.plan.gathering import Ingredient

_STYLES = hash_text("style of options")


def style_orders(
    count: int, *, seed: int, dataset: str, keys: np.ndarray, epochs: np.ndarray
) -> np.ndarray:
    """Returns an order of all styles for each example: int64[n, styles].

    Args:
      count: how many styles there are.
      seed: number that all choices depend on.
      dataset: name of the dataset.
      keys: hashes of the examples' keys: uint64[n].
      epochs: int64[n].
    """
    places = draws.permute(
        np.tile(np.arange(count), len(keys)),
        count,
        seed,
        hash_text(dataset),
        np.repeat(keys, count),
        np.repeat(epochs, count),
        _STYLES,
    )
    return places.reshape(-1, count)


def styles_of(
    item: Ingredient,
    lists: Sequence[Sequence[Sequence[str]]],
    templates: Sequence[Template],
    *,
    seed: int,
    keys: np.ndarray,
    epochs: np.ndarray,
) -> list[str | None]:
    """Returns the style of each prompt; None where it lists no options, or in the plain way.

    It is the first style of the order of its example that fits the wording, the query and all its
    exemplars, so that one prompt has one style; where a single style is asked for and does not fit,
    the plain one.

    Args:
      item: the task.
      lists: the options of each prompt: those of the query, and those of each exemplar.
      templates: of the prompts.
      seed: number that all choices depend on.
      keys: hashes of the queries' keys: uint64[n].
      epochs: how often each was met before: int64[n].
    """
    if not item.is_styled:
        return [None] * len(templates)
    style = item.variation.option_style
    orders: Sequence[Sequence[str]] = [[style]] * len(templates)
    if style == VARIED:
        names = tuple(option_styles())
        drawn = style_orders(len(names), seed=seed, dataset=item.name, keys=keys, epochs=epochs)
        orders = [[names[place] for place in order] for order in drawn.tolist()]
    return [
        _first_that_fits(order, of_prompt, template)
        for order, of_prompt, template in zip(orders, lists, templates, strict=True)
    ]


def _first_that_fits(
    names: Sequence[str], lists: Sequence[Sequence[str]], template: Template
) -> str | None:
    if not template.lists_options:
        return None
    gives_answer, wording = template.kind != FORWARD, template.forms["inputs", True].text
    styles = option_styles()
    for name in names:
        if (gives_answer and styles[name].asks) or clashes(name, wording):
            continue
        if all(fits(name, tuple(options)) for options in lists):
            return name
    return PLAIN_STYLE


def block(style: str | None, options: Sequence[str], variation: Variation) -> Block | None:
    """Returns options in a style; None where there is none."""
    if style is None:
        return None
    return block_of(style, tuple(options), variation.option_targets)
