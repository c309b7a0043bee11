"""The one interface to raw rows; every place that has rows implements it in a module of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import SourceUnavailableError


class State(StrEnum):
    """Whether rows are available, and what it takes."""

    AVAILABLE = "available"
    NEEDS_DOWNLOAD = "needs download"
    NEEDS_MANUAL = "needs manual download"
    GONE = "gone"
    # Files that are not where they are looked for.
    MISSING = "missing"
    # No place of that kind is declared.
    NOT_DECLARED = "not declared"


@dataclass(frozen=True)
class Status:
    """The state of one dataset at one source, in a form to be shown."""

    state: State
    """Whether rows are available now."""
    detail: str = ""
    """What is there, or what to do, or where else to look."""


class Source(ABC):
    """Raw rows of one dataset at one place.

    Building one is cheap and reads nothing; the first call that needs the rows opens it.
    """

    kind: str
    """Name for messages and manifests, e.g. "tfds"."""
    is_shuffled: bool = False
    """Whether the storage order is already random, so that positions may be sliced as they are."""

    @abstractmethod
    def status(self) -> Status:
        """Says whether rows are available, without network or download."""

    @abstractmethod
    def splits(self) -> Mapping[str, int]:
        """Returns source split -> number of rows.

        Raises:
          SourceUnavailableError: the rows are not available.
        """

    @abstractmethod
    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        """Yields the rows at `positions` of a source split, in that order, as plain Python values.

        Raises:
          SourceUnavailableError: the rows are not available.
        """

    @abstractmethod
    def identity(self, split: str) -> Mapping[str, Any]:
        """Returns what pins the rows down: names, versions, sizes, digests; never a path."""

    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Returns column -> label names as the source states them; empty where it does not."""
        return {}

    def num_rows(self, split: str) -> int:
        """Returns the number of rows of a source split.

        Raises:
          SourceUnavailableError: there is no such split here.
        """
        found = self.splits()
        if split not in found:
            raise SourceUnavailableError(
                f'its source ({self.kind}) has no split "{split}" here; it has '
                + (", ".join(f"{k} ({counted(n, 'row')})" for k, n in found.items()) or "none")
            )
        return found[split]
