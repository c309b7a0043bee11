"""Writers of rows and writers of packed rows, what they share, and the rows they write."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flan_tasks.core import extras
from flan_tasks.core.errors import DeclarationError
from flan_tasks.packing.packed_rows import PackedShard
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.plan import Plan
from flan_tasks.specs.formats import DATA, ENCODER_DECODER


@dataclass(frozen=True)
class TokenizedRow:
    """A row with its ids; `None` where the build has no vocabulary."""

    row: BuiltRow
    """The texts and where they come from."""
    inputs: np.ndarray | None = None
    """int32[length], without EOS, not trimmed."""
    targets: np.ndarray | None = None
    """int32[length], without EOS, not trimmed."""


@dataclass(frozen=True)
class WriteSettings:
    """What a writer needs to know beside the rows."""

    split: str
    """train, validation or test."""
    style: str
    """One of `formats.STYLES`; text formats only."""
    lengths: Mapping[str, int]
    """Longest inputs and targets, EOS included."""
    eos_id: int | None = None
    """Number that ends a text; None without a vocabulary."""
    arch: str = ENCODER_DECODER
    """One of `formats.ARCHS`; packed formats only."""
    parts: bool = False
    """Whether the mixture has parts, which rows name."""
    option_styles: bool = False
    """Whether rows name the style in which their options are listed."""


# Key of a shard in the manifest: all that is known of one of a single task, so that a later build
# can keep it.
FACTS = "facts"


@dataclass(frozen=True)
class Shard:
    """A part of a build and the rows of the plan that go into it."""

    path: str
    """Its file, or what the names of its files begin with: relative to the build directory, with
    forward slashes."""
    start: int
    """First row of the plan."""
    stop: int
    """Row of the plan after the last."""


class _Layout:
    """The files of one form of output, whichever rows stand in them."""

    ending: str
    """Ending of the shard files, with its dot."""
    needs_vocabulary: bool = False
    """Whether ids are written."""
    grouped: bool = False
    """Whether rows of a task stand together."""
    trims: bool = False
    """Whether ids beyond the lengths are cut off."""
    modules: tuple[str, ...] = ()
    """Libraries it writes with."""
    rows_per_shard: int = 20_000
    """Rows of the plan in a shard of a large build."""

    @property
    def fits_if_asked(self) -> bool:
        """Whether prompts are made to fit only where lengths are asked for."""
        return self.needs_vocabulary and not self.trims

    def check_installed(self, name: str) -> None:
        """Checks that the libraries it writes with are installed.

        Args:
          name: the format, as the user calls it.

        Raises:
          DeclarationError: one is not.
        """
        extras.require(*self.modules, what=f"Format {name}", error=DeclarationError)

    def paths(self, shard: Shard, settings: WriteSettings) -> list[str]:
        """Returns the files of a shard, relative to the build directory."""
        return [shard.path]

    def shards(
        self, plan: Plan, split: str, num_shards: int | None, *, before: Sequence[int] = ()
    ) -> list[Shard]:
        """Cuts a plan into shards; by default one after the other, of nearly equal size.

        Args:
          plan: the rows.
          split: which split they are.
          num_shards: how many in all; None goes by rows.
          before: how many each stage has that the plan had before it grew.
        """
        stages = [sum(rows) for rows in plan.stages] or [len(plan)]
        own = None if num_shards is None else num_shards - sum(before)
        edges = [0]
        for rows, count in zip(stages, (*before, own), strict=True):
            end = edges[-1] + rows
            edges += edges_between(edges[-1], end, count, per_shard=self.rows_per_shard)[1:]
        total = len(edges) - 1
        names = [f"{DATA}/{shard_name(split, i, total)}{self.ending}" for i in range(total)]
        return [Shard(*one) for one in zip(names, edges, edges[1:], strict=False)]

    def finish(self, folder: Path, shards: Sequence[Mapping], settings: WriteSettings) -> list[str]:
        """Writes what belongs beside the shards; returns the paths, relative to `folder`.

        Args:
          folder: the build directory.
          shards: what is known of each shard: path, rows, tokens, ...
          settings: as for the shards.
        """
        return []


class RowWriter(_Layout, ABC):
    """One form of output that has a row for each example."""

    @abstractmethod
    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        """Writes the rows of one shard to `path`; the same rows give the same bytes."""


class PackedWriter(_Layout, ABC):
    """One form of output in which several examples share a row."""

    needs_vocabulary = True
    trims = True
    rows_per_shard = 65_536

    @abstractmethod
    def write_packed(
        self, paths: Mapping[str, Path], packed: PackedShard, settings: WriteSettings
    ) -> None:
        """Writes the packed rows of one shard; the same rows give the same bytes.

        Args:
          paths: for each of `self.paths` where it is to be written.
          packed: the rows.
          settings: lengths and architecture.
        """


# A build of some size has so many shards at least, to be shared by as many workers, as long as each
# has this many rows.
SOME_SHARDS = 8
SOME_ROWS = 5_000


def cut(
    start: int,
    stop: int,
    num_shards: int | None,
    *,
    per_shard: int,
    name: Callable[[int, int], str],
) -> list[Shard]:
    """Cuts rows `start` to `stop` into shards of nearly equal size; never by cores or time.

    Args:
      start: first row.
      stop: the row after the last.
      num_shards: how many; None goes by rows.
      per_shard: rows of a shard, at most, where `num_shards` is None.
      name: (number, of how many) -> name of a shard.
    """
    edges = edges_between(start, stop, num_shards, per_shard=per_shard)
    count = len(edges) - 1
    return [Shard(name(i, count), edges[i], edges[i + 1]) for i in range(count)]


def edges_between(start: int, stop: int, num_shards: int | None, *, per_shard: int) -> list[int]:
    """Returns where shards of rows `start` to `stop` begin, and `stop`; arguments as for `cut`."""
    rows = stop - start
    count = num_shards or max(-(-rows // per_shard), min(SOME_SHARDS, rows // SOME_ROWS))
    count = min(count, rows) or 1
    return [start + rows * i // count for i in range(count + 1)]


def shard_name(split: str, index: int, count: int) -> str:
    """`train-00000-of-00016`, as TFDS and SeqIO name their files."""
    return f"{split}-{index:05d}-of-{count:05d}"


def with_eos(ids: np.ndarray, eos_id: int, length: int) -> np.ndarray:
    """Returns ids cut to `length` - 1 and closed by EOS: int32[at most length]."""
    return np.append(ids[: length - 1], np.int32(eos_id))
