"""Prompts that are read at once, before rows are written: shares of about one length each."""

from collections.abc import Sequence
from typing import NamedTuple

# The fewest rows that are read apart, where there are as many.
FEWEST = 4


class Share(NamedTuple):
    """Prompts that are read at once."""

    numbers: range
    """Of the prompts."""
    length: int
    """Tokens they are padded to."""


def shares_of(lengths: Sequence[int], rows: int, classes: Sequence[int]) -> list[Share]:
    """Returns prompts of some lengths cut into shares of so many, in their order.

    Args:
      lengths: of the prompts.
      rows: of a share; the last may hold fewer.
      classes: what shares may be padded to, among them one that holds the longest.
    """
    shares = []
    for begin in range(0, len(lengths), rows):
        numbers = range(begin, min(begin + rows, len(lengths)))
        longest = max(lengths[number] for number in numbers)
        shares.append(Share(numbers, min(size for size in classes if size >= longest)))
    return shares


def read_at_once(rows: int, multiple: int = 1) -> int:
    """Returns how many prompts are read at once for so many rows: a quarter, and some at least."""
    few = min(-(-FEWEST // multiple), rows // multiple)
    return max(rows // 4 // multiple, few) * multiple
