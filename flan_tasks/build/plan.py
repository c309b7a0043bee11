"""The plan: which task, example, epoch and template row k of a build is, for any k alone."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from flan_tasks.build import draws
from flan_tasks.build.prepare import Ingredient, Prepared
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import DeclarationError

_ORDER = hash_text("order of rows")
_EXAMPLES = hash_text("order of examples")
_TEMPLATE = hash_text("template")
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class Rows:
    """Some rows of a plan; all arrays have the same length."""

    # Number of the ingredient: int64[n].
    task: np.ndarray
    # Number of the example in its store: int64[n].
    example: np.ndarray
    # How often the task was gone through before: int64[n].
    epoch: np.ndarray
    # Number of the template: int64[n].
    template: np.ndarray

    def __len__(self) -> int:
        return len(self.task)


@dataclass(frozen=True)
class Draw:
    """Some examples of one task; all arrays have the same length."""

    # Number of the example in its store: int64[n].
    example: np.ndarray
    # How often the task was gone through before: int64[n].
    epoch: np.ndarray
    # Number of the template: int64[n].
    template: np.ndarray


@dataclass(frozen=True)
class Plan:
    """A mixture, a seed and a number of rows. Every row is a pure function of (seed, k).

    Counts per task are the rates' largest remainders; the order is one seeded permutation; within
    a task every example is seen before any is seen twice, each epoch in an order of its own.
    """

    # What it is made of.
    ingredients: tuple[Ingredient, ...]
    # Number that all choices depend on.
    seed: int
    # Rows of each ingredient.
    counts: tuple[int, ...]
    # Whether rows of a task stand together, task by task, instead of mixed.
    grouped: bool = False

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def has_exemplars(self) -> bool:
        """Whether prompts begin with solved examples."""
        return any(item.exemplars is not None for item in self.ingredients)

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(np.asarray(self.counts, np.int64))

    def rows(self, start: int, stop: int) -> Rows:
        """Returns rows `start` to `stop` (exclusive).

        Raises:
          IndexError: they reach outside the plan.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows {start} to {stop} of a plan of {len(self)}")
        return self.rows_at(np.arange(start, stop, dtype=np.int64))

    def rows_at(self, positions: np.ndarray, *, shuffle: bool = True) -> Rows:
        """Returns the rows at int64[n] positions, of which there is no last.

        Without `shuffle` tasks follow one another, each in the order of its store.

        Behind the plan's own rows the next pass begins: the same counts in another order, every
        task going on where it was, so that examples behind the cap have their turn.
        """
        passes, slots = positions // len(self), positions % len(self)
        if shuffle and not self.grouped:
            slots = draws.permute(slots, len(self), self.seed, _ORDER, passes)
        task = np.searchsorted(self._ends, slots, side="right")
        counts = np.asarray(self.counts, np.int64)[task]
        occurrence = slots - (self._ends[task] - counts) + passes * counts
        return self._draw(task, occurrence, shuffle=shuffle)

    def _draw(self, task: np.ndarray, occurrence: np.ndarray, *, shuffle: bool) -> Rows:
        example = np.zeros(len(task), np.int64)
        epoch = np.zeros(len(task), np.int64)
        template = np.zeros(len(task), np.int64)
        for number in np.unique(task):
            item = self.ingredients[number]
            here = np.flatnonzero(task == number)
            found = draw_examples(item, self.seed, occurrence[here], shuffle=shuffle)
            example[here], epoch[here], template[here] = found.example, found.epoch, found.template
        return Rows(task, example, epoch, template)


def draw_examples(
    item: Ingredient, seed: int, occurrence: np.ndarray, *, shuffle: bool = True
) -> Draw:
    """Returns what the occurrences of one task are.

    Args:
      item: the task.
      seed: number that all choices depend on.
      occurrence: int64[n], counting the task's rows from 0.
      shuffle: whether each epoch has an order of its own; otherwise examples stay in store order.
    """
    name = hash_text(item.dataset.name)
    epoch = occurrence // item.available
    example = occurrence % item.available
    if shuffle:
        example = draws.permute(example, item.available, seed, name, epoch, _EXAMPLES)
    key = item.examples.key_hashes[example]
    template = draws.below(len(item.templates), seed, name, key, epoch, _TEMPLATE)
    return Draw(example, epoch, template)


def make_plan(
    prepared: Prepared, *, seed: int, num_examples: int | None = None, grouped: bool = False
) -> Plan:
    """Plans a mixture.

    Args:
      prepared: the mixture with its examples at hand.
      seed: from 0 to 2^63 - 1.
      num_examples: rows of the plan; None means one pass.
      grouped: whether rows of a task stand together; one pass then takes every example.

    Raises:
      DeclarationError: seed or number are out of range, or nothing has a rate.
    """
    if not 0 <= seed <= MAX_SEED:
        raise DeclarationError(f"seed {seed}: wanted a number from 0 to 2^63 - 1")
    if num_examples is not None and num_examples < 1:
        raise DeclarationError(f"{num_examples} examples: wanted 1 or more")
    items = tuple(item for item in prepared.ingredients if item.available and item.templates)
    if not items:
        reasons = [
            f"{item.dataset.name}: {count} {reason}"
            for item in prepared.ingredients
            for reason, count in item.examples.skipped.items()
        ]
        raise DeclarationError(
            f'mixture "{prepared.mixture.name}": no dataset has an example for {prepared.split}; '
            f"every row was skipped ({', '.join(reasons) or 'there are none'})"
        )
    if num_examples is None and (grouped or prepared.split != "train"):
        counts = [item.available for item in items]
    else:
        total = prepared.one_pass if num_examples is None else num_examples
        counts = largest_remainder([item.rate for item in items], total)
    return Plan(items, seed, tuple(counts), grouped)


def largest_remainder(rates: Sequence[float], total: int) -> list[int]:
    """Shares `total` in proportion to `rates` in whole numbers; ties go to the first."""
    # Fractions, so that no rounding of floats can make the floors add up to more than `total`.
    whole = sum(map(Fraction, rates))
    exact = [total * Fraction(rate) / whole for rate in rates]
    counts = [int(share) for share in exact]
    order = sorted(range(len(rates)), key=lambda i: (counts[i] - exact[i], i))
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts


def plan_digest(plan: Plan, *more: object) -> str:
    """A hash of everything the rows of a plan depend on, and of `more`."""
    about = [
        [
            [
                item.dataset.name,
                item.examples.key,
                item.available,
                item.rate,
                [[t.id, t.kind, t.inputs, t.targets] for t in item.templates],
            ]
            for item in plan.ingredients
        ],
        plan.seed,
        plan.counts,
        plan.grouped,
        more,
    ]
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
