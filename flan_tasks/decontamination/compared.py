"""What is compared: examples of a dataset in the store, and texts of files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flan_tasks.core.dataset import Dataset
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.store.store import StoredExamples

# Examples that are read at once.
CHUNK = 2048


class Compared(Protocol):
    """Examples that are compared, numbered from 0."""

    @property
    def name(self) -> str:
        """Of the dataset, or of the file."""

    @property
    def split(self) -> str:
        """Which split of it; empty where a file has none."""

    def __len__(self) -> int: ...

    def texts(self, places: range) -> list[Texts]:
        """Returns what examples are compared by."""

    def key(self, place: int) -> str:
        """Returns the key of an example."""


@dataclass(frozen=True)
class Part:
    """Examples of one dataset and split."""

    dataset: Dataset
    """The declaration."""
    split: str
    """train, validation or test."""
    examples: StoredExamples
    """Where the examples are."""
    numbers: np.ndarray | None = None
    """Numbers of those compared: int64[n]; None is all."""

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self.dataset.name

    def __len__(self) -> int:
        return len(self.examples) if self.numbers is None else len(self.numbers)

    @property
    def chosen(self) -> np.ndarray:
        """Numbers of the examples compared."""
        return np.arange(len(self.examples)) if self.numbers is None else self.numbers

    def texts(self, places: range) -> list[Texts]:
        """Returns fields, and a free answer or the options where each example has its own.

        Not the constants of a family, such as the definition of a task: they are its wording.
        """
        numbers = self._numbers(places)
        names, dataset = self.dataset.row_fields, self.dataset
        more = () if dataset.options else ("options" if dataset.options_per_example else "answer",)
        columns = self.examples.texts((*names, *more), numbers)
        fields = zip(*(columns[name] for name in names), strict=True)
        if not more:
            return [Texts(whole) for whole in fields]
        behind = columns[more[0]]
        if dataset.options_per_example:
            return [Texts(whole, tuple(each)) for whole, each in zip(fields, behind, strict=True)]
        return [Texts(whole, (answer,)) for whole, answer in zip(fields, behind, strict=True)]

    def key(self, place: int) -> str:
        """Returns the key of an example."""
        return self.examples[int(self._numbers(range(place, place + 1))[0])].key

    def _numbers(self, places: range) -> np.ndarray:
        if self.numbers is None:
            return np.arange(places.start, places.stop)
        return self.numbers[places.start : places.stop]


@dataclass(frozen=True)
class FileTexts:
    """Texts of a file."""

    name: str
    """Of the file, as it is shown."""
    rows: Sequence[Texts]
    """What each row is compared by."""
    keys: Sequence[str]
    """Key of each row."""
    split: str = ""
    """Which split it is, where its folder says so."""

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, places: range) -> list[Texts]:
        """Returns what rows are compared by."""
        return list(self.rows[places.start : places.stop])

    def key(self, place: int) -> str:
        """Returns the key of a row."""
        return self.keys[place]


def chunks(compared: Compared) -> Iterator[tuple[range, list[Texts]]]:
    """Yields examples in order, a chunk at a time, with their numbers."""
    for start in range(0, len(compared), CHUNK):
        places = range(start, min(start + CHUNK, len(compared)))
        yield places, compared.texts(places)
