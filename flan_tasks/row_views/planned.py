"""The rows that a build would write, by number; rendered when they are asked for."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from flan_tasks.core.counting import counted
from flan_tasks.core.errors import BuildError
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.work import portable_plan
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import CHUNK, render_chunk, render_texts

# Rows looked at first where prompts are made to fit, so that the first row is there at once.
_FIRST = 64
# Rows looked at together later: gathering from the store costs as much as some hundred rows.
_WINDOW = 8 * CHUNK


class PlannedRows:
    """Rows of a plan less those that no build would write.

    Where prompts are made to fit a length, which rows are left out is known only from their
    tokens. They are counted as far as somebody asks, and no further.
    """

    def __init__(self, plan: Plan, settings: BuildSettings, *, limit: int | None = None) -> None:
        self.plan = plan
        self.settings = settings
        self._limit = limit
        self._fits = settings.fits and settings.budget is not None
        # Rows of the plan that were looked at, and those of them that fit, by window.
        self._looked_at = 0
        self._kept: list[np.ndarray] = []
        self._num_kept = 0
        # Those whose prompts are shortened to fit.
        self._shortened: set[int] = set()
        self._looking = threading.Lock()

    def __len__(self) -> int:
        """Counts the rows, for which all prompts are tokenized where they are made to fit.

        Raises:
          BuildError: not one prompt fits.
        """
        found = self._count(len(self.plan))
        if not found:
            raise BuildError(
                f"no prompt of {counted(len(self.plan), 'row')} fits "
                f"{self.settings.lengths['inputs']:,} tokens, however its fields are shortened; "
                "give longer lengths"
            )
        return found

    def count(self, most: int) -> int:
        """Returns how many rows there are, or `most` where there are more."""
        return min(most, self._count(most))

    def built(self, numbers: Sequence[int] | np.ndarray) -> list[BuiltRow]:
        """Renders rows by number, in the order asked for; all of them must be there."""
        positions = self._positions(numbers)
        rows = render_chunk(self.plan, self.plan.rows_at(positions), budget=self.settings.budget)
        places = [p for p, k in enumerate(positions.tolist()) if k in self._shortened]
        if places:
            assert self.settings.budget is not None
            fitted = fit_rows([rows[place] for place in places], self.settings.budget)
            for place, row in zip(places, fitted, strict=True):
                assert row is not None  # it fitted when it was looked at
                rows[place] = row
        return rows

    def counts(self, numbers: range) -> dict[str, int]:
        """Returns how many of some rows each task has: name -> number, in the plan's order."""
        found: Counter[int] = Counter()
        if not self._fits and numbers == range(len(self.plan)):
            found.update(dict(enumerate(self.plan.counts)))
            numbers = range(0)
        for start in range(0, len(numbers), _WINDOW):
            rows = self.plan.rows_at(self._positions(numbers[start : start + _WINDOW]))
            found.update(rows.task.tolist())
        return {
            item.name: found[number]
            for number, item in enumerate(self.plan.ingredients)
            if found[number]
        }

    def _count(self, most: int) -> int:
        if self._limit is not None:
            most = min(most, self._limit)
        if not self._fits:
            return min(most, len(self.plan))
        with self._looking:  # several threads may read
            while self._num_kept < most and self._looked_at < len(self.plan):
                self._look_further()
            return min(most, self._num_kept)

    def _positions(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        """Where rows stand in the plan: int64[n]."""
        wanted = np.asarray(numbers, np.int64)
        if not self._fits or not len(wanted):
            return wanted
        self._count(int(wanted.max()) + 1)
        with self._looking:
            if len(self._kept) > 1:
                self._kept = [np.concatenate(self._kept)]
            return self._kept[0][wanted]

    def _look_further(self) -> None:
        """Learns which of the next rows of the plan fit, from their texts alone."""
        budget = self.settings.budget
        assert budget is not None
        start = self._looked_at
        stop = min(len(self.plan), start + (_WINDOW if start else _FIRST))
        rows = self.plan.rows(start, stop)
        sizes = np.asarray(budget.sizes(render_texts(self.plan, rows, budget=budget).inputs))
        over = np.flatnonzero(sizes > budget.length - 1)
        lost: list[int] = []
        if len(over):
            long = render_chunk(self.plan, rows.take(over), budget=budget)
            fitted = fit_rows(long, budget, sizes=sizes[over].tolist())
            for place, row in zip(over.tolist(), fitted, strict=True):
                if row is None:
                    lost.append(place)
                else:
                    self._shortened.add(start + place)
        kept = start + np.setdiff1d(np.arange(stop - start), np.asarray(lost, np.int64))
        self._kept.append(kept)
        self._num_kept += len(kept)
        self._looked_at = stop

    def __getstate__(self) -> dict[str, Any]:
        # For processes that read a part each: declarations and the paths of the store, no example.
        state = {**self.__dict__, "plan": portable_plan(self.plan)}
        del state["_looking"]  # a lock is of one process
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _looking=threading.Lock())
