"""The order of a plan: whose row stands at a position, and which of its task's rows that is."""

from collections.abc import Sequence

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.plan import draws

_ORDER = hash_text("order of rows")
_BLOCKS = hash_text("order of blocks")
_WINDOW = hash_text("order in a window of blocks")
# Neighbors in a store that stay a block, blocks that are mixed with one another, and rows of a plan
# that are mixed: of a plan that goes by blocks.
BLOCK = 4096
BLOCKS = 16
ROWS = 1 << 16
# Rows of each task, in the order of the tasks.
Counts = Sequence[int]


def tasks_at(
    positions: np.ndarray, stages: Sequence[Counts], seed: int, *, blocks: bool = False
) -> np.ndarray:
    """Returns the number of the task of rows of a plan, of which no example need be available.

    Args:
      positions: int64[n], in the plan's own rows, which are not grouped.
      stages: as for `rows_of_tasks`.
      seed: the plan's.
      blocks: whether the plan goes by blocks.
    """
    return rows_of_tasks(positions, stages, seed, blocks=blocks)[0]


def rows_of_tasks(
    positions: np.ndarray, stages: Sequence[Counts], seed: int | None, *, blocks: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the task of each row of a plan, and which of the task's rows it is: int64[n] both.

    A plan that grew begins with the rows of the plan it grew from. Each stage is one permutation of
    its own rows, in which every task goes on where the stage before left it. Behind the plan's own
    rows the next pass begins: the rows of all stages in one other order.

    Args:
      positions: int64[n], of which there is no last.
      stages: rows of each task by stage, the first stage first; one stage where nothing grew.
      seed: what the order depends on; None leaves tasks one after another.
      blocks: whether rows are mixed within windows of ROWS, each with the next rows of every task,
        and not over the whole plan.
    """
    place = _in_windows if blocks else _over_all
    counts = np.asarray(stages, np.int64)
    total = counts.sum(axis=0)
    each, slots = positions // total.sum(), positions % total.sum()
    if seed is None or len(counts) == 1:
        passes: int | np.ndarray = each
        if seed is None:
            task, row = _placed(slots, total)
        else:
            if len(each) and each[0] == each[-1] and (each == each[0]).all():
                passes = int(each[0])  # one key for all rows, which is twice as fast
            task, row = place(slots, total, (seed, _ORDER, passes))
        return task, row + passes * total[task]
    task, row = np.empty_like(slots), np.empty_like(slots)
    edges = np.cumsum(counts.sum(axis=1))
    stage = np.where(each == 0, np.searchsorted(edges, slots, side="right"), -1)
    for number in np.unique(stage).tolist():
        here = np.flatnonzero(stage == number)
        if number < 0:
            task[here], row[here] = rows_of_tasks(
                positions[here], [total.tolist()], seed, blocks=blocks
            )
            continue
        own = counts[number]
        size = int(own.sum())
        # The first stage is the plan that was there, in the order it had.
        key = (seed, _ORDER, 0, *([number] if number else []))
        task[here], row[here] = place(slots[here] - (edges[number] - size), own, key)
        row[here] += counts[:number].sum(axis=0)[task[here]]
    return task, row


def permuted_in_blocks(
    indices: np.ndarray, size: int | np.ndarray, *numbers: int | np.ndarray
) -> np.ndarray:
    """Where each index goes under a permutation of 0..size-1 that keeps neighbors near: int64[n].

    Blocks of BLOCK neighbors are permuted, and what stands in them within windows of BLOCKS of
    them; the neighbors behind the last whole block stay the last block.

    Args:
      indices: int64[n].
      size: how many numbers are permuted; an array gives the size for each index.
      numbers: what names the permutation; arrays name one for each index.
    """
    window = indices // (BLOCK * BLOCKS)
    start = window * (BLOCK * BLOCKS)
    length = np.minimum(size - start, BLOCK * BLOCKS)
    places = start + draws.permute(indices - start, length, *numbers, _WINDOW, window)
    block, whole = places // BLOCK, size // BLOCK
    is_whole = block < whole
    moved = draws.permute(np.where(is_whole, block, 0), np.maximum(whole, 1), *numbers, _BLOCKS)
    return np.where(is_whole, moved, block) * BLOCK + places % BLOCK


def _over_all(
    positions: np.ndarray, counts: np.ndarray, key: tuple[int | np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    return _placed(draws.permute(positions, int(counts.sum()), *key), counts)


def _in_windows(
    positions: np.ndarray, counts: np.ndarray, key: tuple[int | np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Mixes rows within windows, each of which has the next rows of every task.

    Rows are laid out task by task, and window r takes those at r, r + windows, r + 2 windows and so
    on, so that of every task it has its share, rounded up or down; they are counted as the task's
    rows behind those of the windows before.
    """
    size = int(counts.sum())
    windows = -(-size // ROWS)
    least, longer = divmod(size, windows)
    # The first windows have one row more.
    edge = longer * (least + 1)
    behind = positions >= edge
    window = np.where(behind, longer + (positions - edge) // least, positions // (least + 1))
    first = window * least + np.minimum(window, longer)
    number = draws.permute(positions - first, least + (window < longer), *key, window)
    slot = window + windows * number
    ends = np.cumsum(counts)
    task = np.searchsorted(ends, slot, side="right")
    stop = ends[task]
    start = stop - counts[task]
    before = [(x // windows) * window + np.minimum(x % windows, window) for x in (start, stop)]
    return task, before[1] - before[0] + (slot - start) // windows


def _placed(slots: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the task that each slot is of, and the number of its row."""
    ends = np.cumsum(counts)
    task = np.searchsorted(ends, slots, side="right")
    return task, slots - (ends - counts)[task]
