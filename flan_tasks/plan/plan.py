"""The plan: which task, example, epoch and template row k of a build is, for any k alone."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import SHUFFLED
from flan_tasks.plan import draws
from flan_tasks.plan.growth import Stage, added_rows, in_order, stage_counts
from flan_tasks.plan.order import permuted_in_blocks, rows_of_tasks
from flan_tasks.plan.part_shares import mean_tokens, shared_tree
from flan_tasks.plan.prepare import Ingredient, Prepared
from flan_tasks.plan.shares import Shares, largest_remainder, shares_of
from flan_tasks.store.table import StoredExamples, Table

_EXAMPLES = hash_text("order of examples")
_TEMPLATE = hash_text("template")
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class Rows:
    """Some rows of a plan; all arrays have the same length."""

    task: np.ndarray
    """Number of the ingredient: int64[n]."""
    example: np.ndarray
    """Number of the example in its store: int64[n]."""
    epoch: np.ndarray
    """How often the task was gone through before: int64[n]."""
    template: np.ndarray
    """Number of the template: int64[n]."""

    def __len__(self) -> int:
        return len(self.task)

    def take(self, numbers: np.ndarray) -> "Rows":
        """Returns some of them, in the order asked for."""
        return Rows(*(getattr(self, field.name)[numbers] for field in fields(self)))


@dataclass(frozen=True)
class Draw:
    """Some examples of one task; all arrays have the same length."""

    example: np.ndarray
    """Number of the example in its store: int64[n]."""
    epoch: np.ndarray
    """How often the task was gone through before: int64[n]."""
    template: np.ndarray
    """Number of the template: int64[n]."""


@dataclass(frozen=True)
class Plan:
    """A mixture, a seed and a number of rows. Every row is a pure function of (seed, k).

    Counts per task are the rates' largest remainders; the order is one seeded permutation; within
    a task every example is seen before any is seen twice, each epoch in an order of its own.
    """

    ingredients: tuple[Ingredient, ...]
    """What it is made of."""
    seed: int
    """Number that all choices depend on."""
    counts: tuple[int, ...]
    """Rows of each ingredient."""
    grouped: bool = False
    """Whether rows of a task stand together, task by task, instead of mixed."""
    shares: Shares | None = None
    """What parts and ceilings come to; None where there are neither."""
    stages: tuple[tuple[int, ...], ...] = ()
    """Of a plan that grew, rows of each ingredient by stage, which add up to `counts`: first those
    of the plan that it grew from, last those that were added. Empty of any other."""
    blocks: bool = False
    """Whether neighbors in the store stay near one another, for stores that fit no page cache."""

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def has_exemplars(self) -> bool:
        """Whether prompts begin with solved examples."""
        return any(item.exemplars is not None for item in self.ingredients)

    @property
    def has_parts(self) -> bool:
        """Whether its tasks are in parts of a mixture."""
        return any(item.part for item in self.ingredients)

    @cached_property
    def has_option_styles(self) -> bool:
        """Whether options of any task are listed in another way than the plain one."""
        return any(item.is_styled for item in self.ingredients)

    @cached_property
    def alike(self) -> np.ndarray:
        """For each task the first of those that are gathered and rendered together: int64[tasks].

        Members of a family are, where their prompts are made alike; others stand alone.
        """
        first: dict[object, int] = {}
        groups = []
        for number, item in enumerate(self.ingredients):
            together = (
                item.dataset.family
                and item.exemplars is None
                and item.variation.option_order != SHUFFLED
                and not item.is_styled
            )
            key: object = number
            if together:
                key = (item.examples.path, id(item.templates), item.variation)
            groups.append(first.setdefault(key, number))
        return np.asarray(groups, np.int64)

    def places(self, task: np.ndarray, example: np.ndarray) -> np.ndarray:
        """Returns where examples stand in the files of the store: int64[n]."""
        return self._numbers.places(task, example)

    @cached_property
    def _numbers(self) -> "_Numbers":
        return _Numbers.of(self.ingredients)

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
        seed = self.seed if shuffle and not self.grouped else None
        task, occurrence = rows_of_tasks(
            positions, self.stages or (self.counts,), seed, blocks=self.blocks
        )
        return _draw(
            self.ingredients,
            self._numbers,
            self.seed,
            task,
            occurrence,
            shuffle=shuffle,
            blocks=self.blocks,
        )


@dataclass(frozen=True)
class _Numbers:
    """What is drawn from, an entry for each task."""

    names: np.ndarray
    """Number for the name: uint64[tasks]."""
    available: np.ndarray
    """How many examples may be drawn: int64[tasks]."""
    templates: np.ndarray
    """How many templates there are: int64[tasks]."""
    starts: np.ndarray
    """Where the examples begin in their file: int64[tasks]."""
    picked: np.ndarray
    """Whether some between them were left out: bool[tasks]."""
    table: np.ndarray
    """Number of the file: int64[tasks]."""
    examples: tuple[StoredExamples, ...]
    """The examples."""
    tables: tuple[Table, ...]
    """The files."""

    @classmethod
    def of(cls, items: Sequence[Ingredient]) -> "_Numbers":
        """Gathers them."""
        number_of: dict[Table, int] = {}
        table = [number_of.setdefault(item.examples.table, len(number_of)) for item in items]
        return cls(
            np.asarray([hash_text(item.name) for item in items], np.uint64),
            np.asarray([item.available for item in items], np.int64),
            np.asarray([len(item.templates) for item in items], np.int64),
            np.asarray([item.examples.start for item in items], np.int64),
            np.asarray([item.examples.chosen is not None for item in items], bool),
            np.asarray(table, np.int64),
            tuple(item.examples for item in items),
            tuple(number_of),
        )

    def places(self, task: np.ndarray, example: np.ndarray) -> np.ndarray:
        """Returns where examples stand in their files: int64[n]."""
        places = self.starts[task] + example
        if self.picked.any():
            for number in np.unique(task[self.picked[task]]):
                here = np.flatnonzero(task == number)
                places[here] = self.examples[number].places(example[here])
        return places

    def keys(self, task: np.ndarray, example: np.ndarray) -> np.ndarray:
        """Returns the number of each example's key: uint64[n]."""
        keys = np.empty(len(task), np.uint64)
        places = self.places(task, example)
        tables = self.table[task]
        # Numpy sorts 16 bits by counting, which takes a tenth of the time.
        narrow = tables.astype(np.uint16) if len(self.tables) <= 1 << 16 else tables
        order = np.argsort(narrow, kind="stable")
        edges = np.searchsorted(tables[order], np.arange(len(self.tables) + 1))
        for table, start, stop in zip(self.tables, edges, edges[1:], strict=False):
            if start < stop:
                here = order[start:stop]
                keys[here] = table.hashes_at(places[here])
        return keys


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
    task = np.zeros(len(occurrence), np.int64)
    rows = _draw([item], _Numbers.of([item]), seed, task, occurrence, shuffle=shuffle)
    return Draw(rows.example, rows.epoch, rows.template)


def _draw(
    items: Sequence[Ingredient],
    numbers: _Numbers,
    seed: int,
    task: np.ndarray,
    occurrence: np.ndarray,
    *,
    shuffle: bool,
    blocks: bool = False,
) -> Rows:
    # All tasks at once: task by task, a block of 1,024 rows of 73 tasks took ten times as long.
    names, available, templates = (
        column[0] if len(items) == 1 else column[task]
        for column in (numbers.names, numbers.available, numbers.templates)
    )
    epoch = occurrence // available
    example = occurrence % available
    if shuffle:
        permute = permuted_in_blocks if blocks else draws.permute
        example = permute(example, available, seed, names, epoch, _EXAMPLES)
    keys = numbers.keys(task, example)
    template = draws.below(templates, seed, names, keys, epoch, _TEMPLATE)
    return Rows(task, example, epoch, template)


def make_plan(
    prepared: Prepared,
    *,
    seed: int,
    num_examples: int | None = None,
    grouped: bool = False,
    grown_from: Sequence[Stage] = (),
    blocks: bool = False,
) -> Plan:
    """Plans a mixture.

    Args:
      prepared: the mixture with its available examples.
      seed: from 0 to 2^63 - 1.
      num_examples: rows of the plan; None means one pass.
      grouped: whether rows of a task stand together; one pass then takes every example.
      grown_from: stages of the plan that this one begins with, of the same seed and the same
        examples; not of one that is grouped.
      blocks: whether neighbors in the store stay near one another.

    Raises:
      DeclarationError: seed or number are out of range, nothing has a rate, or the plan that is to
        grow has more of a task than its share.
    """
    if not 0 <= seed <= MAX_SEED:
        raise DeclarationError(f"seed {seed}: wanted a number from 0 to 2^63 - 1")
    if num_examples is not None and num_examples < 1:
        raise DeclarationError(f"{num_examples} examples: wanted 1 or more")
    items = tuple(item for item in prepared.ingredients if item.available and item.templates)
    if not items:
        reasons = [
            f"{item.name}: {count} {reason}"
            for item in prepared.ingredients
            for reason, count in item.examples.skipped.items()
        ]
        raise DeclarationError(
            f'mixture "{prepared.mixture.name}": no dataset has an example for {prepared.split}; '
            f"every row was skipped ({', '.join(reasons) or 'there are none'})"
        )
    if grouped:
        check_grouped(prepared.mixture)
    if grown_from:
        items = in_order(items, grown_from, mixture=prepared.mixture.name)
    plan, exact = _mixed(prepared, items, seed, num_examples, grouped)
    plan = replace(plan, blocks=blocks)
    return _grown(plan, exact, grown_from, prepared.mixture.name) if grown_from else plan


def _mixed(
    prepared: Prepared,
    items: tuple[Ingredient, ...],
    seed: int,
    num_examples: int | None,
    grouped: bool,
) -> tuple[Plan, list[Fraction]]:
    """Plans as many rows of each task as its rate gives it; with the exact numbers."""
    if num_examples is None and (grouped or prepared.split != "train"):
        every = tuple(item.available for item in items)
        return Plan(items, seed, every, grouped), [Fraction(count) for count in every]
    total = prepared.one_pass if num_examples is None else num_examples
    tree = shared_tree(prepared, items)
    if tree is None:
        rates = [Fraction(item.rate) for item in items]
        plan = Plan(items, seed, tuple(largest_remainder(rates, total)), grouped)
        whole = sum(rates)
        return plan, [total * rate / whole for rate in rates]
    if num_examples is None and tree.capacity is not None:
        total = min(total, int(tree.capacity))
    shares = shares_of(tree, total, mean=mean_tokens(prepared, items))
    counts = [shares.rows.get(number, 0) for number in range(len(items))]
    exact = [shares.exact.get(number, Fraction(0)) for number in range(len(items))]
    return Plan(items, seed, tuple(counts), grouped, shares), exact


def _grown(
    plan: Plan, exact: Sequence[Fraction], grown_from: Sequence[Stage], mixture: str
) -> Plan:
    names = [item.name for item in plan.ingredients]
    stages = stage_counts(names, grown_from)
    there = [sum(rows) for rows in zip(*stages, strict=True)]
    stages.append(tuple(added_rows(names, exact, there, mixture=mixture)))
    counts = tuple(sum(rows) for rows in zip(*stages, strict=True))
    return replace(plan, counts=counts, stages=tuple(stages))


def check_grouped(mixture: Mixture) -> None:
    """Checks that the tasks of a mixture can be kept apart, before anything is read.

    Raises:
      DeclarationError: it has parts; with what to do instead.
    """
    if mixture.parts:
        raise DeclarationError(
            f'mixture "{mixture.name}": it has parts, and seqio-cache keeps one cache for each '
            "dataset, which SeqIO mixes by itself and without the weights and prompts of parts. "
            "Build it with --format packed-tfrecord or arrays, whose rows are mixed already; or "
            "let SeqIO draw from it without a cache: flan_tasks.mixture(...) and use_cached=False"
        )
