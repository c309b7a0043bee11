"""The order of a plan: whose row stands at a position, and which of its task's rows that is."""

from collections.abc import Sequence

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.plan import draws

_ORDER = hash_text("order of rows")
# Rows of each task, in the order of the tasks.
Counts = Sequence[int]


def tasks_at(positions: np.ndarray, stages: Sequence[Counts], seed: int) -> np.ndarray:
    """Returns the number of the task of rows of a plan, of which no example need be available.

    Args:
      positions: int64[n], in the plan's own rows, which are not grouped.
      stages: as for `rows_of_tasks`.
      seed: the plan's.
    """
    return rows_of_tasks(positions, stages, seed)[0]


def rows_of_tasks(
    positions: np.ndarray, stages: Sequence[Counts], seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the task of each row of a plan, and which of the task's rows it is: int64[n] both.

    A plan that grew begins with the rows of the plan it grew from. Each stage is one permutation of
    its own rows, in which every task goes on where the stage before left it. Behind the plan's own
    rows the next pass begins: the rows of all stages in one other order.

    Args:
      positions: int64[n], of which there is no last.
      stages: rows of each task by stage, the first stage first; one stage where nothing grew.
      seed: what the order depends on; None leaves tasks one after another.
    """
    counts = np.asarray(stages, np.int64)
    total = counts.sum(axis=0)
    each, slots = positions // total.sum(), positions % total.sum()
    if seed is None or len(counts) == 1:
        passes: int | np.ndarray = each
        if seed is not None:
            if len(each) and each[0] == each[-1] and (each == each[0]).all():
                passes = int(each[0])  # one key for all rows, which is twice as fast
            slots = draws.permute(slots, int(total.sum()), seed, _ORDER, passes)
        return _placed(slots, total, passes)
    task, row = np.empty_like(slots), np.empty_like(slots)
    edges = np.cumsum(counts.sum(axis=1))
    stage = np.where(each == 0, np.searchsorted(edges, slots, side="right"), -1)
    for number in np.unique(stage).tolist():
        here = np.flatnonzero(stage == number)
        if number < 0:
            task[here], row[here] = rows_of_tasks(positions[here], [total.tolist()], seed)
            continue
        own = counts[number]
        size = int(own.sum())
        # The first stage is the plan that was there, in the order it had.
        key = (seed, _ORDER, 0, *([number] if number else []))
        place = draws.permute(slots[here] - (edges[number] - size), size, *key)
        task[here], row[here] = _placed(place, own, 0)
        row[here] += counts[:number].sum(axis=0)[task[here]]
    return task, row


def _placed(
    slots: np.ndarray, counts: np.ndarray, passes: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the task that each slot is of, and the number of its row, after so many passes."""
    ends = np.cumsum(counts)
    task = np.searchsorted(ends, slots, side="right")
    return task, slots - (ends - counts)[task] + passes * counts[task]
