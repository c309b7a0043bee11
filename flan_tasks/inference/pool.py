"""Prompts of many units in full batches of equal length.

A unit, one template on one split, may hold four prompts; a batch of its own would be mostly
padding. So prompts wait by what they need (how they are answered, and the bucket of their length)
until a batch is full, whatever unit they are of. What is left over moves up into the next longer
bucket, so that little is padded and few programs are compiled.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Hashable)
Item = TypeVar("Item")
# Full batches after which nothing waits any longer: answers come at last, and few wait in memory.
WINDOW = 128


@dataclass(frozen=True)
class Waiting(Generic[Kind, Item]):
    """A prompt that waits for others to share a batch with."""

    kind: Kind
    """Who may share a batch; kinds are answered by different programs."""
    length: int
    """Bucket of its length in tokens."""
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
    """The prompts, in the order in which they came."""


def pooled(
    groups: Iterable[Sequence[Waiting[Kind, Item]]],
    *,
    size: int,
    multiple: int = 1,
    window: int = WINDOW,
) -> Iterator[Batch[Kind, Item]]:
    """Yields every prompt once, in batches that are full but for the last of a kind.

    Which prompts share a batch depends on the prompts and their order alone. At most one batch
    for each kind and length waits, and nothing longer than a window.

    Args:
      groups: prompts, such as those of a unit; after a group nothing may wait any longer.
      size: rows of a full batch, a multiple of `multiple`.
      multiple: what the rows of any batch are a multiple of, such as the number of devices.
      window: full batches after which what waits is answered though its batch is not full.
    """
    waiting: dict[tuple[Kind, int], list[Item]] = {}
    # Programs that full batches have needed: another size would be another program.
    full: set[tuple[Kind, int]] = set()
    count = 0
    for group in groups:
        for one in group:
            key = (one.kind, one.length)
            items = waiting.setdefault(key, [])
            items.append(one.item)
            if len(items) == size:
                full.add(key)
                yield Batch(*key, size, tuple(waiting.pop(key)))
        count += len(group)
        if count >= window * size:
            count = 0
            yield from _rest(waiting, full, size, multiple)
            waiting = {}
    yield from _rest(waiting, full, size, multiple)


def _rest(
    waiting: dict[tuple[Kind, int], list[Item]],
    full: set[tuple[Kind, int]],
    size: int,
    multiple: int,
) -> Iterator[Batch[Kind, Item]]:
    """Empties what waits: short ones fill up batches of longer ones of their kind."""
    for kind in dict.fromkeys(kind for kind, _ in waiting):
        lengths = sorted(length for other, length in waiting if other == kind)
        items: list[Item] = []
        for length in lengths:
            items += waiting[kind, length]
            if len(items) >= size:
                full.add((kind, length))
                yield Batch(kind, length, size, tuple(items[:size]))
                items = items[size:]
        if items:
            rows = size if (kind, lengths[-1]) in full else _rows(len(items), size, multiple)
            yield Batch(kind, lengths[-1], rows, tuple(items))


def _rows(count: int, size: int, multiple: int) -> int:
    """The smallest power of two times `multiple` that holds so many, or a full batch."""
    rows = multiple
    while rows < count:
        rows *= 2
    return min(rows, size)
