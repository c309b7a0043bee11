"""Fills the store with local processes: datasets side by side, and long ones range by range.

What is stored is the same bytes, whoever writes it. What a process cannot read is left to whoever
prepares the mixture, which reads it again and says what is wrong, in the order of the datasets.
"""

import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import FlanTasksError, SourceUnavailableError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.part_tree import part_tree
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog as published
from flan_tasks.engine.workers import LocalProcesses
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.raw_rows.base import Source, State
from flan_tasks.raw_rows.reading import positions
from flan_tasks.store.split_file import Part, PartedSplit, Written
from flan_tasks.store.store import Store

# Rows of a part at most: some seconds' work.
_PART_ROWS = 1 << 16
# Rows for which starting processes, which takes half a second each, is worth it.
_WORTH = 1 << 14
# Kinds of sources whose rows are there, and that are opened in a moment.
_KINDS = ("tfds", "files")
# In a process that reads pieces: name of a dataset -> it, and its source.
_opened: dict[str, tuple[Dataset, Source]] = {}


@dataclass(frozen=True)
class Piece:
    """What one process reads at a time."""

    dataset: str
    """Name of the dataset."""
    part: Part | None
    """Some of its rows; None is all of them, which `Store.open` reads."""

    @property
    def path(self) -> str:
        """What it is called in messages."""
        rows = f", rows {self.part.start:,} to {self.part.stop:,}" if self.part else ""
        return f"the stored examples of {self.dataset}{rows}"


@dataclass(frozen=True)
class Filling:
    """Everything that a process needs to read any piece."""

    modules: tuple[str, ...]
    """Modules of the user's that declare datasets."""
    source: SourceChoice
    """Where rows come from."""
    store: Path
    """Where examples are kept."""
    split: str
    """Which split."""
    limits: dict[str, int | None]
    """Name of a dataset -> at most so many examples are read."""

    def build(self, piece: Piece, tick: Callable[[int], None]) -> dict[str, Any]:
        """Reads a piece, and returns what is known of it.

        Args:
          piece: which.
          tick: not called: how far it is, is not told.
        """
        written: Written | None = None
        try:
            dataset, source = self._opened(piece.dataset)
            if piece.part:
                written = piece.part.write(dataset, source, self.split)
            else:
                limit = self.limits[piece.dataset]
                Store(self.store).open(dataset, source, self.split, limit=limit)
        except FlanTasksError:
            return {"piece": piece, "written": None}
        return {"piece": piece, "written": written}

    def _opened(self, name: str) -> tuple[Dataset, Source]:
        # Once for all parts: files are looked through for where their rows begin.
        if name not in _opened:
            for module in self.modules:
                import_module(module, "modules")
            dataset = published()[name]
            _opened[name] = dataset, self.source.open(dataset, published(), opened={})
        return _opened[name]

    def to_bytes(self) -> bytes:
        """Returns it as bytes."""
        return pickle.dumps(self)


def fill(
    mixture: Mixture,
    catalog: Catalog,
    *,
    source: SourceChoice,
    store: Store,
    split: str,
    modules: Sequence[str] = (),
    workers: int,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Reads, in several processes, examples of a mixture that are not stored.

    Args:
      mixture: the declaration.
      catalog: where its datasets are looked up; one that no module declares is left out.
      source: where rows come from; those that must be fetched are left out.
      store: where examples are kept.
      split: train, validation or test.
      modules: those of the user's that declare datasets.
      workers: how many processes.
      progress: told what is being read.

    Raises:
      BuildError: the store cannot be written, or a process died.
    """
    limits = _limits(mixture, catalog, split)
    missing = list(_missing(limits, catalog, source, store, split))
    total = sum(rows for *_, rows in missing)
    if total < _WORTH or (len(missing) == 1 and total <= _PART_ROWS):
        return
    work = Filling(tuple(modules), source, store.root, split, limits)
    with ExitStack() as opened:
        pieces: list[tuple[int, Piece]] = []
        parted: dict[str, PartedSplit] = {}
        for dataset, its_source, rows in missing:
            limit = limits[dataset.name]
            if rows > _PART_ROWS and (limit is None or limit > _PART_ROWS):
                # As many for each process, so that all end together.
                parts = workers * -(-rows // (workers * _PART_ROWS))
                one = opened.enter_context(
                    store.in_parts(dataset, its_source, split, limit=limit, size=-(-rows // parts))
                )
                if one.parts:
                    parted[dataset.name] = one
                    pieces += [(p.stop - p.start, Piece(dataset.name, p)) for p in one.parts]
                    continue
            pieces.append((rows, Piece(dataset.name, None)))
        # The longest first, so that all end together.
        pieces.sort(key=lambda one: -one[0])
        for name in _done(work, [piece for _, piece in pieces], parted, workers):
            if progress:
                progress(f"read {name}, one of {counted(len(missing), 'dataset')}")


def _done(
    work: Filling, pieces: Sequence[Piece], parted: dict[str, PartedSplit], workers: int
) -> Iterable[str]:
    """Yields the datasets of pieces that are done."""
    with tempfile.TemporaryDirectory(prefix="flan_tasks-") as logs:
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            processes = LocalProcesses(workers, logs=Path(logs))
            with closing(processes(work, pieces, lambda running: None, nothing)) as done:
                for facts in done:
                    piece, written = facts["piece"], facts["written"]
                    if piece.part and written:
                        parted[piece.dataset].add(piece.part, written)
                    yield piece.dataset
        finally:
            os.close(nothing)


def _limits(mixture: Mixture, catalog: Catalog, split: str) -> dict[str, int | None]:
    """The datasets of a mixture that have a split, each with what is read of it at most."""
    limits: dict[str, int | None] = {}
    for leaf in part_tree(mixture, catalog).leaves:
        for dataset in catalog.left_of(leaf.mixture):
            if split in dataset.splits.names and not dataset.family:
                before = limits.get(dataset.name) or 0
                limit = max(before, leaf.mixture.limit)
                limits[dataset.name] = limit if split == "train" else None
    return limits


def _missing(
    limits: dict[str, int | None],
    catalog: Catalog,
    choice: SourceChoice,
    store: Store,
    split: str,
) -> Iterable[tuple[Dataset, Source, int]]:
    """Yields the datasets that are not stored and can be read, with the rows that are read."""
    for name, limit in limits.items():
        dataset = catalog[name]
        try:
            source = choice.open(dataset, catalog, opened={})
            if source.kind not in _KINDS or source.status().state is not State.AVAILABLE:
                continue
            if store.has(dataset, source, split, limit=limit):
                continue
            rows = len(positions(dataset, source, split))
        except SourceUnavailableError:
            continue  # it is said where it is missed
        if _is_declared_elsewhere(dataset):
            yield dataset, source, rows if limit is None else min(rows, limit)


def _is_declared_elsewhere(dataset: Dataset) -> bool:
    """Whether another process that imports the same modules declares it, too."""
    return getattr(dataset.normalize, "__module__", "__main__") != "__main__"
