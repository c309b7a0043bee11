"""Which evaluation examples have a text or a run of words, and which pairs share one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.decontamination.example_words import ReadTexts
from flan_tasks.decontamination.grams import Grams, Lists, distinct


@dataclass(frozen=True)
class Pairs:
    """Training examples of a chunk and the evaluation sets they share text with.

    A pair of an example and a set stands here once for each kind of overlap.
    """

    rows: np.ndarray
    """Number of the training example in its chunk: int64[n]."""
    sets: np.ndarray
    """Number of the evaluation set: int64[n]."""
    kinds: np.ndarray
    """Kind of overlap, 0 the strongest: int64[n]."""
    items: np.ndarray
    """An evaluation example of the set that it is shared with, to be shown: int64[n]."""
    touched: np.ndarray
    """All evaluation examples that share text with one of the chunk: int64[m]."""


class Owners:
    """The items that have each of several contents, and the first of them in each set."""

    def __init__(
        self, contents: np.ndarray, items: np.ndarray, set_of: np.ndarray, size: int
    ) -> None:
        self.items = Lists(contents, items, size)
        contents, sets, items = distinct(contents, set_of[items], items)
        is_first = np.ones(len(contents), bool)
        is_first[1:] = (contents[1:] != contents[:-1]) | (sets[1:] != sets[:-1])
        self._firsts = Lists(contents[is_first], np.flatnonzero(is_first), size)
        self._sets, self._items = sets, items

    def firsts(self, contents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns (position in `contents`, set, first item there) for each set that has one."""
        position, places = self._firsts.of(contents)
        return position, self._sets[places], self._items[places]


def owners_of(grams: Grams, texts: ReadTexts, set_of: np.ndarray) -> Owners:
    """Returns the items that have each of some runs of words."""
    numbers, positions = grams.places.of(np.arange(len(grams)))
    items = texts.owner[texts.stream.text_of(positions)]
    return Owners(numbers, items, set_of, len(grams))


_Hits = tuple[int, Owners, np.ndarray, np.ndarray]


def pairs_of_hits(
    hits: Sequence[_Hits], kind_of: Callable[[int, np.ndarray], np.ndarray] | None = None
) -> Pairs:
    """Returns pairs from (what tells the kind, owners, rows, contents)."""
    nothing = np.zeros(0, np.int64)
    columns = [(nothing,) * 4]
    touched = [nothing]
    for about, owners, rows, contents in hits:
        rows, contents = distinct(rows, contents)
        position, sets, items = owners.firsts(contents)
        kinds = kind_of(about, sets) if kind_of else np.full(len(sets), about)
        columns.append((rows[position], sets, kinds, items))
        touched.append(owners.items.of(np.unique(contents))[1])
    rows, sets, kinds, items = distinct(
        *(np.concatenate(column) for column in zip(*columns, strict=True))
    )
    is_first = np.ones(len(rows), bool)
    is_first[1:] = np.stack([c[1:] != c[:-1] for c in (rows, sets, kinds)]).any(axis=0)
    return Pairs(
        rows[is_first],
        sets[is_first],
        kinds[is_first],
        items[is_first],
        np.unique(np.concatenate(touched)),
    )
