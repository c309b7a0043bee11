"""The rows of a build as a list that writes nothing: indexed, sliced, gone through again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flan_tasks.core import extras, notebook
from flan_tasks.core.counting import counted
from flan_tasks.core.field_types import shown
from flan_tasks.engine.styles import texts_in
from flan_tasks.engine.writers.text import columns
from flan_tasks.plan.prepare import Prepared
from flan_tasks.plan.rows import CHUNK
from flan_tasks.row_views.planned import PlannedRows

if TYPE_CHECKING:
    import datasets
    import pandas
    import pyarrow

# Rows rendered together at first, so that somebody who looks at a few need not wait; a gathering
# from the store costs as much as some hundred rows.
_FIRST = 32
_STEP = 8 * CHUNK
# Rows shown in a notebook.
_SHOWN = 3


@dataclass(frozen=True)
class Origin:
    """What a view says of where its rows come from."""

    mixture: str
    """Name of the mixture."""
    skipped: Mapping[str, Mapping[str, int]]
    """Task -> reason -> raw rows that gave no example, where there are some."""
    missing: Mapping[str, str]
    """Dataset of which there are no rows -> why."""

    @classmethod
    def of(cls, prepared: Prepared) -> Origin:
        """Returns what there is to say of a prepared mixture."""
        skipped = {
            item.name: dict(item.examples.skipped)
            for item in prepared.ingredients
            if item.examples.skipped
        }
        return cls(prepared.mixture.name, skipped, {**prepared.missing, **prepared.too_small})


class RowsView:
    """The rows that `flan build` would write, rendered when they are asked for.

    A row is a dict with the columns of a `jsonl` build. `len(view)`, `view[3]`, `view[-1]`,
    `view[10:20]` (a view of these rows) and `for row in view` work as for a list, again and again.
    Where prompts are made to fit `lengths`, `len` and whatever counts from the end tokenize all.
    """

    def __init__(
        self, planned: PlannedRows, origin: Origin, *, numbers: range | None = None
    ) -> None:
        self._planned = planned
        self._origin = origin
        # Which rows these are; None is all of them, however many that turns out to be.
        self._some = numbers
        # Rows rendered ahead for whoever asks for one after the other: place -> row.
        self._ahead: dict[int, dict[str, Any]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return RowsView(self._planned, self._origin, numbers=self._slice(place))
        if isinstance(place, bool) or not hasattr(place, "__index__"):
            raise TypeError(f"rows are numbered: wanted a whole number or a slice, not {place!r}")
        place = place.__index__()
        number = place + len(self) if place < 0 else place
        if number < 0 or not self._has(number):
            raise IndexError(f"no row {place:,} in {counted(len(self), 'row')}")
        return self._row(number)

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Returns rows by number, rendered together, as loaders of PyTorch ask for a batch."""
        found = [place + len(self) if place < 0 else place for place in places]
        for place, number in zip(places, found, strict=True):
            if number < 0 or not self._has(number):
                raise IndexError(f"no row {place:,} in {counted(len(self), 'row')}")
        return self._rendered(np.asarray(found, np.int64))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for chunk in self._chunks():
            yield from chunk

    def __reversed__(self) -> Iterator[dict[str, Any]]:
        return iter(self[::-1])

    def __repr__(self) -> str:
        planned = self._planned
        part = "" if self._some is None else f", {len(self._some):,} of them"
        return (
            f"<rows of {self._origin.mixture}, {planned.settings.split}, seed "
            f"{planned.plan.seed}: {len(planned.plan):,} planned{part}>"
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows of each task: name -> number, in the order of a manifest."""
        return self._planned.counts(self._numbers)

    @property
    def skipped(self) -> Mapping[str, Mapping[str, int]]:
        """Raw rows that gave no example: task -> reason -> number, where there are some."""
        return {name: dict(reasons) for name, reasons in self._origin.skipped.items()}

    @property
    def missing(self) -> Mapping[str, str]:
        """Datasets that are left out as their rows cannot be read: name -> why."""
        return dict(self._origin.missing)

    def to_arrow(self) -> pyarrow.Table:
        """Returns the rows as a table of Arrow, with the columns of a `parquet` build.

        Raises:
          MissingLibraryError: pyarrow is not installed.
        """
        with extras.needed_for("Rows as a table of Arrow"):
            import pyarrow as pa

            from flan_tasks.engine.writers.parquet import arrow_schema

        plan = self._planned.plan
        schema = arrow_schema(
            self._planned.settings.style,
            parts=plan.has_parts,
            option_styles=plan.has_option_styles,
        )
        return pa.Table.from_batches(
            [pa.RecordBatch.from_pylist(chunk, schema) for chunk in self._chunks()], schema
        )

    def to_datasets(self) -> datasets.Dataset:
        """Returns the rows as a `datasets.Dataset`, held in memory.

        Raises:
          MissingLibraryError: the library is not installed.
        """
        with extras.needed_for("Rows as a datasets.Dataset"):
            import datasets

        return datasets.Dataset(self.to_arrow())

    def to_pandas(self) -> pandas.DataFrame:
        """Returns the rows as a DataFrame of pandas.

        Raises:
          MissingLibraryError: pandas is not installed.
        """
        with extras.needed_for("Rows as a DataFrame"):
            import pandas  # noqa: F401 - pyarrow makes the DataFrame, and would say less

        return self.to_arrow().to_pandas()

    def to_torch(self) -> Any:
        """Returns the rows as a map-style `torch.utils.data.Dataset` of dicts.

        A `DataLoader` renders a batch at once, and its workers may be started in any way.

        Raises:
          MissingLibraryError: PyTorch is not installed.
        """
        with extras.needed_for("Rows as a torch.utils.data.Dataset"):
            from flan_tasks.row_views.torch_rows import TorchRows

        return TorchRows(self)

    def _repr_html_(self) -> str:
        planned, split = self._planned, self._planned.settings.split
        tasks = counted(len(planned.plan.ingredients), "task")
        facts = [
            ("mixture", self._origin.mixture),
            ("split, seed", f"{split}, {planned.plan.seed}"),
            ("planned rows", f"{len(planned.plan):,} of {tasks}"),
        ]
        if self._some is not None:
            facts.append(("of these here", f"{len(self._some):,}"))
        if self.missing:
            facts.append(("missing", ", ".join(self.missing)))
        rows = self._rendered(np.arange(self._count(_SHOWN)))
        about = [(f"{row['dataset']} · {row['template']}", *texts_in(row)) for row in rows]
        return notebook.page(
            "Rows of a build",
            notebook.facts(facts),
            notebook.table(("dataset · template", "prompt", "target"), about),
        )

    @property
    def _numbers(self) -> range:
        return range(len(self._planned)) if self._some is None else self._some

    def _count(self, most: int) -> int:
        """How many rows there are, or `most`; counts no further than it must."""
        return self._planned.count(most) if self._some is None else min(most, len(self._some))

    def _has(self, number: int) -> bool:
        return self._count(number + 1) > number

    def _slice(self, part: slice) -> range:
        ends = (part.start, part.stop, part.step)
        for end in ends:
            if end is not None and (isinstance(end, bool) or not hasattr(end, "__index__")):
                raise TypeError(f"a slice of rows is of whole numbers, not {shown(end)}")
        from_start = part.stop is not None and all(end is None or end >= 0 for end in ends)
        if self._some is not None:
            return self._some[part]
        return range(self._count(part.stop) if from_start else len(self))[part]

    def _row(self, number: int) -> dict[str, Any]:
        found = self._ahead.pop(number, None)  # whoever gets it may change it
        if found is None:
            # Rows in a row are rendered together, and one that is picked out is rendered alone.
            ahead = 1 if number != self._next else CHUNK if number else _FIRST
            rows = self._rendered(np.arange(number, self._count(number + ahead)))
            found, self._ahead = rows[0], dict(enumerate(rows[1:], start=number + 1))
        self._next = number + 1
        return found

    def _chunks(self) -> Iterator[list[dict[str, Any]]]:
        start, size = 0, _FIRST
        while (stop := self._count(start + size)) > start:
            yield self._rendered(np.arange(start, stop))
            start, size = stop, min(_STEP, 8 * size)
        if not start and self._some is None:
            len(self)  # says that no prompt fits

    def _rendered(self, places: np.ndarray) -> list[dict[str, Any]]:
        numbers = places
        if self._some is not None:
            numbers = self._some.start + places * self._some.step
        settings, option_styles = self._planned.settings, self._planned.plan.has_option_styles
        return [
            columns(row, style=settings.style, split=settings.split, option_styles=option_styles)
            for row in self._planned.built(numbers)
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ahead": {}}
