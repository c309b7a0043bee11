"""From a source's rows to examples: slices, order, normalizing, selection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from flan_tasks.core.choice import hash_text, permute
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    DeclarationError,
    RowError,
    SourceUnavailableError,
    TooFewRowsError,
)
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Files, origin_name
from flan_tasks.core.row_examples import normalize_row, selected
from flan_tasks.raw_rows.base import Source, State

VALIDATION_LIMIT = 200
# Numbers of a permuted order that are computed together.
_BLOCK = 1024


def positions(dataset: Dataset, source: Source, split: str) -> range | Sequence[int]:
    """Returns the row numbers of the source split that our `split` reads, in reading order.

    Sources that keep their rows in an order of their own (files are often sorted by label) are
    permuted first. The permutation belongs to the declared source, so that no seed moves a row
    between splits, and datasets made from one source cut it up in one way.

    Raises:
      SourceUnavailableError: the source lacks the split, or has no rows in it.
      TooFewRowsError: the rule of splits leaves none of its rows for this one.
    """
    if split not in dataset.splits.names:
        raise SourceUnavailableError(
            f"has no {split} split; it has {', '.join(dataset.splits.names)}", dataset=dataset.name
        )
    source_split = dataset.splits.source_split(split)
    try:
        num_rows = source.num_rows(source_split)
    except SourceUnavailableError as error:
        about = _about_splits(dataset, source, split)
        raise SourceUnavailableError(f"{error.reason}{about}", dataset=error.dataset) from error
    part = dataset.splits.slice(split, num_rows)
    if not len(part):
        has = f"{source.kind} has {counted(num_rows, 'row')} in split {source_split}"
        why = f"too few rows for a {split} split"
        if not num_rows:  # something went wrong with it
            raise SourceUnavailableError(f"{has}: {why}")
        small = TooFewRowsError(why)
        # A note, so that tasks with other numbers of rows are told together.
        small.add_note(has)
        raise small
    if source.is_shuffled:
        return range(part.start, part.stop)
    key = hash_text("split order", origin_name(dataset.source) or dataset.name, source_split)
    return Permuted(range(part.start, part.stop), num_rows, key)


@dataclass(frozen=True)
class Permuted(Sequence[int]):
    """Numbers in a permuted order, computed when they are asked for: no list of all is held."""

    part: range
    """Which places of the order."""
    size: int
    """Of how many numbers."""
    key: int
    """Names the permutation."""

    def __len__(self) -> int:
        return len(self.part)

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> "Permuted": ...

    def __getitem__(self, place: int | slice) -> "int | Permuted":
        if isinstance(place, slice):
            return Permuted(self.part[place], self.size, self.key)
        index = self.part[place]
        return _block(self.size, self.key, index // _BLOCK)[index % _BLOCK]


@lru_cache(maxsize=4)
def _block(size: int, key: int, number: int) -> tuple[int, ...]:
    """A piece of the order: a source and who reads from it ask for the same numbers in turn."""
    start = number * _BLOCK
    return tuple(permute(index, size, key) for index in range(start, min(start + _BLOCK, size)))


class BadRows:
    """Rows that cannot be used, gathered while the others are read."""

    def __init__(self) -> None:
        self._found: dict[int, RowError] = {}

    def add(self, number: int, error: RowError) -> None:
        """Adds one.

        Raises:
          RowError: there are as many as are looked for; it names all of them.
        """
        self._found[number] = error
        if len(self._found) >= RowError.most:
            self.check(error)

    def check(self, cause: RowError | None = None) -> None:
        """Raises a RowError that names all of them, by row number, if there are some."""
        if self._found:
            errors = [error for _, error in sorted(self._found.items(), key=lambda one: one[0])]
            raise RowError(*map(str, errors), where=errors[0].where) from cause


def read_examples(
    dataset: Dataset,
    source: Source,
    split: str,
    *,
    places: slice | None = None,
    bad: BadRows | None = None,
) -> Iterator[tuple[int, tuple[Example | Skip, ...]]]:
    """Yields (row number, what became of the row) for the rows of our `split`, in order.

    Args:
      dataset: whose examples.
      source: where its rows are.
      split: train, validation or test.
      places: which rows of our `split`, by their number in its order; None is all of them.
      bad: takes rows that cannot be used, and reading goes on; whoever stops reading, or comes to
        the end, calls its `check`. Without it the first of them ends the reading.

    Raises:
      SourceUnavailableError: the rows are not available.
      RowError: a row breaks the schema.
    """
    source_split = dataset.splits.source_split(split)
    numbers = positions(dataset, source, split)
    if places is not None:
        numbers = numbers[places]
    check_labels(dataset, source)
    rows = source.rows(source_split, numbers)
    for place, number in enumerate(numbers):
        try:
            try:
                row = next(rows)
            except RowError as error:
                # A source that has raised yields no more.
                rows = source.rows(source_split, numbers[place + 1 :])
                where = f"{dataset.name}, split {source_split}, row {number}"
                raise RowError(f"{where}: {error}", where=error.where or where) from error
            items = normalize_row(dataset, row, source_split=source_split, number=number)
            if dataset.select is not None:
                items = tuple(selected(dataset, item, source_split=source_split) for item in items)
        except RowError as error:
            if bad is None:
                raise
            bad.add(number, error)
        else:
            yield number, items


def check_labels(dataset: Dataset, source: Source) -> None:
    """Compares the declared label names with those the source states itself.

    Raises:
      DeclarationError: they differ, so label numbers would be read wrongly.
    """
    stated = source.labels()
    for column, names in dataset.labels.items():
        if column in stated and tuple(stated[column]) != tuple(names):
            raise DeclarationError(
                f'{dataset.name}: column "{column}" is declared with labels {list(names)}; '
                f"{source.kind} states {list(stated[column])}"
            )


def _about_splits(dataset: Dataset, source: Source, split: str) -> str:
    """What to declare where files have no such split; a public source has what is declared."""
    # A task of a family lacks its file; the splits are those of all of them.
    if dataset.family or not isinstance(dataset.source, Files):
        return ""
    if source.status().state is not State.AVAILABLE:
        return ""
    return (
        f". The dataset's splits read {split} from it. Where there is none, take it from train, "
        "Splits.carved(validation=N, test=M), or leave it out, "
        "Splits.validation_from_train(N, test=None)"
    )
