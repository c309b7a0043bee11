"""Prompts of evaluation: the examples of a split under one template, as a model is asked them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from flan_tasks.core.choice import hash_text, permute
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.template import FORWARD, Template
from flan_tasks.core.variation import Variation
from flan_tasks.evaluation.groups import shared_text_groups
from flan_tasks.evaluation.records import Prompt
from flan_tasks.packing.chat_turns import parted_target
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import Draw
from flan_tasks.plan.prepare import Ingredient
from flan_tasks.plan.rows import render_task

_CHOSEN = hash_text("examples of an evaluation")


def check_evaluated(variation: Variation) -> None:
    """Checks that prompts made so can be scored.

    Raises:
      DeclarationError: they ask for something else than the answer, which metrics know nothing of.
    """
    if variation.kinds is not None and set(variation.kinds) != {FORWARD}:
        raise DeclarationError(
            f"kinds {', '.join(variation.kinds)}: only {FORWARD} templates ask for the answer, "
            "which is what metrics compare with; leave kinds out"
        )


def chosen_examples(item: Ingredient, examples: int | None, *, seed: int) -> list[int]:
    """Returns the numbers of the examples that are asked; the same for every template.

    Args:
      item: one dataset's split.
      examples: how many; None is all. Fewer are drawn by the seed, as sources may be sorted.
      seed: what the draw depends on.
    """
    return chosen_numbers(item.available, examples, name=item.dataset.name, seed=seed)


def chosen_numbers(available: int, examples: int | None, *, name: str, seed: int) -> list[int]:
    """Returns which of a dataset's examples are asked, by number; arguments as above."""
    if examples is None or examples >= available:
        return list(range(available))
    hashed = hash_text(name)
    return sorted(permute(k, available, seed, _CHOSEN, hashed) for k in range(examples))


def evaluation_prompts(
    item: Ingredient,
    template: Template,
    numbers: Sequence[int],
    *,
    seed: int,
    budget: Budget | None = None,
) -> list[Prompt]:
    """Returns the prompts of some examples under one template, less those that cannot fit.

    Args:
      item: one dataset's split.
      template: one of its templates.
      numbers: which examples.
      seed: what exemplars and option orders depend on.
      budget: what prompts must fit into; None takes them, and all exemplars, as they are.
    """
    place = item.templates.index(template)
    examples = np.asarray(numbers, np.int64)
    draw = Draw(examples, np.zeros_like(examples), np.full_like(examples, place))
    rows = render_task(item, draw, seed=seed, budget=budget)
    fitted = rows if budget is None else fit_rows(rows, budget)
    groups = shared_text_groups(
        [row.example.fields for row in rows],
        [row.example.key for row in rows],
        constants=frozenset(item.examples.constants),
    )
    sizes = Counter(groups)
    return [
        Prompt(
            row.inputs,
            row.gold,
            row.num_shots,
            bool(row.shortened),
            group=group if sizes[group] > 1 else "",
            reasons=bool(parted_target(row)[0]),
        )
        for row, group in zip(fitted, groups, strict=True)
        if row is not None
    ]
