"""The prompts of a build, one after the other, without building it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError, SourceUnavailableError
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.plan.rows import CHUNK, render_chunk
from flan_tasks.raw_rows import DECLARED, State, open_source
from flan_tasks.raw_rows.families import FamilySource

# Rows rendered together at first, so that somebody who looks at them need not wait.
_FIRST = 16


def preview(
    plan: Plan,
    *,
    number: int,
    budget: Budget | None = None,
    fit: bool = False,
) -> Iterator[BuiltRow]:
    """Yields the first rows of a build, and then those of the passes behind it.

    Args:
      plan: its rows.
      number: how many rows.
      budget: what exemplars must fit into; None takes all that are wanted.
      fit: whether prompts are made to fit into it as well, as in a build with ids.

    Raises:
      BuildError: not one prompt of a whole pass fits.
    """
    start = shown = 0
    while shown < number:
        stop = start + (min(CHUNK, number) if start else min(_FIRST, number))
        rows = plan.rows_at(np.arange(start, stop, dtype=np.int64))
        for row in _fitted(render_chunk(plan, rows, budget=budget), budget, fit=fit):
            if shown < number:
                yield row
            shown += 1
        start = stop
        if not shown and start >= len(plan):
            assert budget is not None
            prompts = counted(len(plan), "prompt")
            raise BuildError(f"none of {prompts} fits {budget.length:,} tokens")


def preview_templates(
    plan: Plan, *, budget: Budget | None = None, fit: bool = False
) -> Iterator[BuiltRow]:
    """Yields one row for each template of a dataset, with the examples of the first rows."""
    every = np.arange(len(plan.ingredients[0].templates), dtype=np.int64)
    rows = render_chunk(plan, replace(plan.rows_at(every), template=every), budget=budget)
    yield from _fitted(rows, budget, fit=fit)


def _fitted(rows: list[BuiltRow], budget: Budget | None, *, fit: bool) -> Iterator[BuiltRow]:
    if budget is None or not fit:
        return iter(rows)
    return (row for row in fit_rows(rows, budget) if row is not None)


def nearest_source(
    datasets: Sequence[Dataset], catalog: Catalog, *, data_dir: Path | None = None
) -> tuple[SourceChoice, dict[str, str]]:
    """Returns where rows can be read at once, and for each dataset without such a place why.

    These are the embedded rows, or the declared source where nothing must be downloaded for it;
    what has a directory of its own, or of its cluster, is read from there.
    """
    exceptions: dict[str, str] = {}
    reasons: dict[str, str] = {}
    embedded: dict[str, FamilySource] = {}
    opened: dict[str, FamilySource] = {}
    # A family is read from one place: from its embedded rows where some member here has some.
    families = {
        dataset.family
        for dataset in datasets
        if dataset.family and _has_samples(dataset, catalog, embedded)
    }
    for dataset in datasets:
        has_samples = catalog.samples(dataset.name) is not None
        if dataset.family in families if dataset.family else has_samples:
            continue
        source = open_source(dataset, kind=DECLARED, data_dir=data_dir, samples=None, opened=opened)
        status = source.status()
        if status.state is State.AVAILABLE:
            exceptions[dataset.family or dataset.name] = DECLARED
        else:
            reasons[dataset.name] = f"is {status.state} ({status.detail})"
    return SourceChoice("samples", data_dir, exceptions), reasons


def _has_samples(dataset: Dataset, catalog: Catalog, opened: dict[str, FamilySource]) -> bool:
    samples = catalog.samples(dataset.name)
    if samples is None:
        return False
    source = open_source(dataset, kind="samples", samples=samples, opened=opened)
    try:
        return bool(source.splits())
    except SourceUnavailableError:
        return False
