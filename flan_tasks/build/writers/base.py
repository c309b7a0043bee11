"""What every writer does, and the rows it is handed."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flan_tasks.build.plan import Plan
from flan_tasks.build.rows import BuiltRow


@dataclass(frozen=True)
class TokenizedRow:
    """A row with its ids; `None` where the build has no vocabulary."""

    # The texts and where they come from.
    row: BuiltRow
    # int32[length], without EOS, not trimmed.
    inputs: np.ndarray | None = None
    # int32[length], without EOS, not trimmed.
    targets: np.ndarray | None = None


@dataclass(frozen=True)
class WriteSettings:
    """What a writer needs to know beside the rows."""

    # train, validation or test.
    split: str
    # One of `formats.STYLES`; text formats only.
    style: str
    # Longest inputs and targets, EOS included.
    lengths: Mapping[str, int]
    # Number that ends a text; None without a vocabulary.
    eos_id: int | None = None


@dataclass(frozen=True)
class Shard:
    """A file of a build and the rows of the plan that go into it."""

    # Relative to the build directory, with forward slashes.
    path: str
    # First row of the plan.
    start: int
    # Row of the plan after the last.
    stop: int


class Writer(ABC):
    """One form of output."""

    # Ending of the shard files, with its dot.
    ending: str
    # Whether ids are written.
    needs_vocabulary: bool = False
    # Whether rows of a task stand together.
    grouped: bool = False
    # Whether ids beyond the lengths are cut off.
    trims: bool = False
    # Whether it knows the three styles.
    has_styles: bool = False

    def shards(self, plan: Plan, split: str, num_shards: int | None) -> list[Shard]:
        """Cuts a plan into files; by default one after the other, of nearly equal size."""
        return cut(
            0, len(plan), num_shards, name=lambda i, n: f"{shard_name(split, i, n)}{self.ending}"
        )

    @abstractmethod
    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        """Writes the rows of one shard to `path`; the same rows give the same bytes."""

    def finish(self, folder: Path, shards: Sequence[Mapping], settings: WriteSettings) -> list[str]:
        """Writes what belongs beside the shards; returns the paths, relative to `folder`.

        Args:
          folder: the build directory.
          shards: what is known of each shard: path, rows, tokens, ...
          settings: as for `write`.
        """
        return []


# Rows of a shard where the user does not say how many shards there are to be.
ROWS_PER_SHARD = 20_000


def cut(start: int, stop: int, num_shards: int | None, *, name) -> list[Shard]:
    """Cuts rows `start` to `stop` into shards of nearly equal size; never by cores or time."""
    rows = stop - start
    count = num_shards or max(1, -(-rows // ROWS_PER_SHARD))
    count = min(count, rows) or 1
    edges = [start + rows * i // count for i in range(count + 1)]
    return [Shard(name(i, count), edges[i], edges[i + 1]) for i in range(count)]


def shard_name(split: str, index: int, count: int) -> str:
    """`train-00000-of-00016`, as TFDS and SeqIO name their files."""
    return f"{split}-{index:05d}-of-{count:05d}"


def with_eos(ids: np.ndarray, eos_id: int, length: int) -> np.ndarray:
    """Returns ids cut to `length` - 1 and closed by EOS: int32[at most length]."""
    return np.append(ids[: length - 1], np.int32(eos_id))
