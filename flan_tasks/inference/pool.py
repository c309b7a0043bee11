"""Prompts of many units in batches of about as many tokens each, ordered by length.

A unit, one template on one split, may hold four prompts; a batch of its own would be mostly
padding. So prompts of many units are gathered, ordered by length, and cut into batches of a budget
of tokens: many short ones or a few long ones. Every length of a batch is a program to compile, so
few lengths are used, and those that save most padding.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Hashable)
Item = TypeVar("Item")
# Full batches after which nothing waits any longer: answers come at last, and few wait in memory.
WINDOW = 128
# Least difference of two lengths.
STEP = 8


@dataclass(frozen=True)
class Waiting(Generic[Kind, Item]):
    """A prompt that waits for others to share a batch with."""

    kind: Kind
    """Who may share a batch; kinds are answered by different programs."""
    length: int
    """Its length in tokens."""
    item: Item
    """The prompt."""


@dataclass(frozen=True)
class Batch(Generic[Kind, Item]):
    """Prompts that are answered at once."""

    kind: Kind
    """What they have in common."""
    length: int
    """Tokens of every row."""
    rows: int
    """Rows of the batch; those beyond the prompts are padding."""
    items: tuple[Item, ...]
    """The prompts, the shortest first."""


def length_class(length: int) -> int:
    """Returns the length that a prompt is padded to at least: at most an eighth more from 64 on.

    Multiples of a sixteenth of the next power of two: eight of them between two powers.
    """
    step = max(STEP, (1 << max(length - 1, 1).bit_length()) // 16)
    return -(-max(length, 1) // step) * step


def windows(
    groups: Iterable[Sequence[Waiting[Kind, Item]]], *, tokens: int
) -> Iterator[list[Waiting[Kind, Item]]]:
    """Yields the prompts of whole groups, of so many tokens or a little more at a time.

    Args:
      groups: prompts, such as those of a unit; none is parted.
      tokens: of a window.
    """
    window: list[Waiting[Kind, Item]] = []
    count = 0
    for group in groups:
        window += group
        count += sum(one.length for one in group)
        if count >= tokens:
            yield window
            window, count = [], 0
    if window:
        yield window


@dataclass
class Pool:
    """Cuts windows of prompts into batches; which, depends on the prompts and their order alone."""

    tokens: int
    """Tokens of a batch, padding included; a prompt that is longer is a batch of its own."""
    most: int | None = None
    """Most rows of a batch."""
    multiple: int = 1
    """What the rows of any batch are a multiple of, such as the number of devices."""
    program: int | None = None
    """Tokens that could be read while a program is compiled; None is half a batch."""
    doubles: bool = False
    """Whether the rows of a full batch are a power of two times `multiple`, rounded up, where
    `most` allows it."""
    _used: set[tuple[Hashable, int]] = field(default_factory=set)
    """(kind, length) of the programs that full batches have needed."""

    def forget(self) -> None:
        """Begins anew: batches depend on nothing that was answered before."""
        self._used.clear()

    def copy(self) -> "Pool":
        """Returns a pool that makes the batches that this one would make next."""
        return replace(self, _used=set(self._used))

    def size(self, length: int) -> int:
        """Returns the rows of a full batch of prompts of a length."""
        rows = max(self.tokens // length, 1)
        if self.doubles:
            rows = self.multiple * (1 << max(-(-rows // self.multiple) - 1, 0).bit_length())
        rows = rows if self.most is None else min(rows, self.most)
        return max(rows // self.multiple, 1) * self.multiple

    def lengths(self, kind: Kind, lengths: Sequence[int]) -> list[int]:
        """Returns what prompts of some lengths are padded to, whose programs then count as there.

        Fewest tokens are read and compiled so: a program that is not there yet counts as many
        tokens as could be read meanwhile.
        """
        chosen = self._lengths(kind, sorted(lengths))
        self._used |= {(kind, length) for length in chosen}
        return chosen

    def batches(self, window: Sequence[Waiting[Kind, Item]]) -> Iterator[Batch[Kind, Item]]:
        """Yields every prompt once, kind by kind, in batches that are full but for the last."""
        for kind in dict.fromkeys(one.kind for one in window):
            of_kind = [one for one in window if one.kind == kind]
            yield from self._of_kind(kind, sorted(of_kind, key=lambda one: one.length))

    def _of_kind(
        self, kind: Kind, ordered: Sequence[Waiting[Kind, Item]]
    ) -> Iterator[Batch[Kind, Item]]:
        waiting: list[Item] = []
        read = 0
        lengths = self._lengths(kind, [one.length for one in ordered])
        for length in lengths:
            while read < len(ordered) and ordered[read].length <= length:
                waiting.append(ordered[read].item)
                read += 1
            size = self.size(length)
            while len(waiting) >= size:
                self._used.add((kind, length))
                yield Batch(kind, length, size, tuple(waiting[:size]))
                waiting = waiting[size:]
        # What does not fill a batch has moved up to the longest.
        if waiting:
            length = lengths[-1]
            size = self.size(length)
            rows = size if (kind, length) in self._used else self._few(len(waiting), size)
            yield Batch(kind, length, rows, tuple(waiting))

    def _lengths(self, kind: Kind, ordered: Sequence[int]) -> list[int]:
        """Returns the lengths of batches for which least is read and compiled, as `lengths` does.

        `ordered` are those of the prompts, the shortest first.
        """
        counts: dict[int, int] = {}
        for exact in ordered:
            length = length_class(exact)
            counts[length] = counts.get(length, 0) + 1
        lengths = list(counts)
        new = self.tokens // 2 if self.program is None else self.program
        # For each length: the least that all prompts up to it cost, and the length before it.
        least: list[tuple[int, int]] = []
        for last, length in enumerate(lengths):
            program = 0 if (kind, length) in self._used else new
            ways = []
            count = 0
            for first in range(last, -1, -1):
                count += counts[lengths[first]]
                before = least[first - 1][0] if first else 0
                ways.append((before + count * length + program, first))
            least.append(min(ways))
        chosen: list[int] = []
        last = len(lengths) - 1
        while last >= 0:
            chosen.append(lengths[last])
            last = least[last][1] - 1
        return chosen[::-1]

    def _few(self, count: int, size: int) -> int:
        """The smallest power of two times `multiple` that holds so many, or a full batch."""
        rows = self.multiple
        while rows < count:
            rows *= 2
        return min(rows, size)


def pooled(
    groups: Iterable[Sequence[Waiting[Kind, Item]]],
    *,
    tokens: int,
    most: int | None = None,
    multiple: int = 1,
    window: int = WINDOW,
) -> Iterator[Batch[Kind, Item]]:
    """Yields every prompt once, in batches of about as many tokens.

    Args:
      groups: prompts, such as those of a unit; after a group nothing may wait any longer.
      tokens: of a batch, padding included.
      most: most rows of a batch.
      multiple: what the rows of any batch are a multiple of.
      window: full batches after which all that waits is answered.
    """
    pool = Pool(tokens, most, multiple)
    for waiting in windows(groups, tokens=window * tokens):
        yield from pool.batches(waiting)
