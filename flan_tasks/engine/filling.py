"""Fills the store with a `Runner`: datasets side by side, and long ones range by range.

What is stored is the same bytes, whoever writes it. What a worker cannot read is left to whoever
prepares the mixture, which reads it again and says what is wrong, in the order of the datasets.
"""

import pickle
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flan_tasks.core import whole
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import FlanTasksError, SourceUnavailableError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.part_tree import part_tree
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog as published
from flan_tasks.engine.file_facts import write_error
from flan_tasks.engine.runner import Runner
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.raw_rows.base import Source, State
from flan_tasks.raw_rows.reading import positions
from flan_tasks.store.split_file import Part, PartedSplit, SplitFile, Written
from flan_tasks.store.store import Store, limit_of

# Rows of a part at most: some seconds' work.
_PART_ROWS = 1 << 16
# Rows for which starting processes, which takes half a second each, is worth it.
_WORTH = 1 << 14
# Kinds of sources whose rows are there, and that are opened in a moment.
_KINDS = ("tfds", "files")


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
    limits: Mapping[str, int | None]
    """Name of a dataset -> at most so many examples are read."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Name of a dataset -> key of its file, where a worker may see another source than we do."""
    _sources: dict[str, tuple[Dataset, Source]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    """What this process has opened."""

    @property
    def libraries(self) -> Collection[str]:
        """Distributions whose versions the bytes depend on."""
        return ("ftfy", "numpy", "pyarrow")

    @property
    def runs_own_code(self) -> bool:
        """Whether modules of the user's are imported."""
        return bool(self.modules)

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
        except FlanTasksError as error:
            return {"piece": piece, "written": None, "refused": str(error)}
        return {"piece": piece, "written": written, "refused": ""}

    def _opened(self, name: str) -> tuple[Dataset, Source]:
        # Once for all parts: files are looked through for where their rows begin.
        if name not in self._sources:
            for module in self.modules:
                import_module(module, "modules")
            dataset = published()[name]
            source = self.source.open(dataset, published(), opened={})
            if name in self.keys:
                self._check(dataset, source)
            self._sources[name] = dataset, source
        return self._sources[name]

    def _check(self, dataset: Dataset, source: Source) -> None:
        limit = limit_of(self.split, self.limits[dataset.name])
        if SplitFile(self.store, dataset, source, self.split, limit).key != self.keys[dataset.name]:
            raise SourceUnavailableError(
                "a worker has other rows, or another normalizer, than the machine that asks",
                dataset=dataset.name,
            )

    def to_bytes(self) -> bytes:
        """Returns it as bytes; its paths are absolute already."""
        return pickle.dumps(self)


def fill(
    mixture: Mixture,
    catalog: Catalog,
    *,
    source: SourceChoice,
    store: Store,
    split: str,
    modules: Sequence[str] = (),
    runner: Runner,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Has examples of a mixture that are not stored read by several workers.

    Args:
      mixture: the declaration.
      catalog: where its datasets are looked up; one that no module declares is left out.
      source: where rows come from; those that must be fetched are left out.
      store: where examples are kept.
      split: train, validation or test.
      modules: those of the user's that declare datasets.
      runner: who reads them.
      progress: told what is being read.

    Raises:
      BuildError: the store cannot be written, or a process died.
    """
    limits = _limits(mixture, catalog, split)
    missing = list(_missing(limits, catalog, source, store, split))
    total = sum(rows for *_, rows in missing)
    if total < _WORTH or (len(missing) == 1 and total <= _PART_ROWS):
        return
    at_once = runner.size
    # The current folder of a worker may be another.
    store = store.absolute()
    with ExitStack() as opened:
        pieces: list[tuple[int, Piece]] = []
        parted: dict[str, PartedSplit] = {}
        keys: dict[str, str] = {}
        for dataset, its_source, rows in missing:
            limit = limits[dataset.name]
            if rows > _PART_ROWS and (limit is None or limit > _PART_ROWS):
                # As many for each process, so that all end together.
                parts = at_once * -(-rows // (at_once * _PART_ROWS))
                one = opened.enter_context(
                    store.in_parts(dataset, its_source, split, limit=limit, size=-(-rows // parts))
                )
                if one.parts:
                    parted[dataset.name] = one
                    if runner.is_elsewhere:
                        keys[dataset.name] = one.key
                    pieces += [(p.stop - p.start, Piece(dataset.name, p)) for p in one.parts]
                    continue
            pieces.append((rows, Piece(dataset.name, None)))
        # The longest first, so that all end together.
        pieces.sort(key=lambda one: -one[0])
        work = Filling(tuple(modules), source.absolute(), store.root, split, limits, keys)
        for name, refused in _done(work, [piece for _, piece in pieces], parted, runner):
            if progress and refused and runner.is_elsewhere:
                progress(f"{name} is going to be read here: {refused}")
            elif progress:
                progress(f"read {name}, one of {counted(len(missing), 'dataset')}")


def _done(
    work: Filling, pieces: Sequence[Piece], parted: dict[str, PartedSplit], runner: Runner
) -> Iterable[tuple[str, str]]:
    """Yields the datasets of pieces that are done, and why one was not read."""
    with ExitStack() as opened:
        try:
            work.store.mkdir(parents=True, exist_ok=True)
            place, _ = opened.enter_context(whole.scratch_folder(work.store / "filling"))
        except OSError as error:
            raise write_error(error, work.store) from error
        done = opened.enter_context(
            closing(runner(work, pieces, place=place, watch=lambda running: None))
        )
        for facts in done:
            piece, written = facts["piece"], facts["written"]
            if piece.part and written:
                parted[piece.dataset].add(piece.part, written)
            yield piece.dataset, facts["refused"]


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
