"""How long the rows of each task are, measured on the first of them, to weigh parts by tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from flan_tasks.core.counting import counted
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.parts import EXAMPLES, TOKENS
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import draw_examples
from flan_tasks.plan.prepare import MeanTokens, Prepared
from flan_tasks.plan.rows import render_task
from flan_tasks.vocabulary import Vocabulary

# Rows measured of each task: the first that a build of the same seed draws of it.
MEASURED = 128


@dataclass(frozen=True)
class Measure:
    """What rows are measured by."""

    vocabulary: Vocabulary | None
    """Counts the tokens; None where there is none."""
    lengths: Mapping[str, int | None]
    """Longest inputs and targets, EOS included; None is any length."""
    fits: bool
    """Whether prompts are shortened to their length, and targets cut, as formats with ids do."""


def with_mean_tokens(prepared: Prepared, measure: Measure, *, seed: int) -> Prepared:
    """Returns a mixture with the mean lengths that weights of tokens need; others as they are.

    Raises:
      DeclarationError: no prompt of some task fits its length.
    """
    if prepared.mixture.weights == EXAMPLES or prepared.split != "train":
        return prepared
    if measure.vocabulary is None:
        return prepared  # the plan says that it needs one
    found: dict[str, MeanTokens] = {}
    for item in prepared.ingredients:
        if not item.available or not item.templates:
            continue
        draw = draw_examples(item, seed, np.arange(MEASURED))
        most = measure.lengths.get("inputs")
        budget = Budget(measure.vocabulary, most) if most is not None else None
        rows = render_task(item, draw, seed=seed, budget=budget)
        drawn = len(rows)
        if measure.fits and budget is not None:
            rows = [row for row in fit_rows(rows, budget) if row is not None]
        sides = {
            part: _tokens(
                measure.vocabulary.sizes([getattr(row, part) for row in rows]),
                measure.lengths.get(part) if measure.fits else None,
            )
            for part in ("inputs", "targets")
        }
        if not rows:
            raise DeclarationError(
                f'mixture "{prepared.mixture.name}": none of {counted(drawn, "prompt")} of '
                f"{item.name} fits {most:,} tokens, so that its part has no length to weigh; give "
                "longer lengths"
            )
        found[item.name] = MeanTokens(drawn, sides["inputs"], sides["targets"])
    return replace(prepared, mean_tokens=found)


def _tokens(sizes: list[int], longest: int | None) -> int:
    """All tokens of some texts as they are written, end tokens included."""
    whole = [size + 1 for size in sizes]
    return sum(whole if longest is None else (min(size, longest) for size in whole))


def length_note(weights: str) -> str:
    """Says how weights of tokens became rows."""
    of = "prompts and targets" if weights == TOKENS else "targets"
    return (
        f"Weights are shares of the tokens of {of}, end tokens included; rows are shared by mean "
        f"lengths, measured on the first {MEASURED} rows of each task."
    )
