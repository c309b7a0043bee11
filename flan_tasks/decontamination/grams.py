"""Runs of n words of evaluation texts, looked up by all runs of training texts at once.

Runs are found by 64-bit hashes and then compared word by word, so that what is returned is exact.
"""

import numpy as np

_FACTOR = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
# Slots of the filter for each known run; nearly all unknown runs end there.
_SLOTS = 4
_LEAST_BITS, _MOST_BITS = 12, 27


def sound(ids: np.ndarray, n: int) -> np.ndarray:
    """Whether n numbers from each position on are of known words: bool[len(ids) - n + 1]."""
    if len(ids) < n:
        return np.zeros(0, bool)
    unknown = np.concatenate([np.zeros(1, np.int64), np.cumsum(ids < 0)])
    return unknown[n:] == unknown[:-n]


def equal_runs(
    one: np.ndarray, at: np.ndarray, other: np.ndarray, other_at: np.ndarray, n: int
) -> np.ndarray:
    """Whether runs of n numbers agree, pair by pair: bool[len(at)]."""
    same = np.ones(len(at), bool)
    for step in range(n):
        same &= one[at + step] == other[other_at + step]
    return same


class Grams:
    """The distinct runs of n words that stand at some positions of a stream, numbered from 0."""

    def __init__(self, ids: np.ndarray, n: int, positions: np.ndarray) -> None:
        """Takes positions, in order, from which on n words are known."""
        self.n = n
        self._ids = ids
        salt = 0
        while not self._number(positions, salt):
            salt += 1

    def __len__(self) -> int:
        return len(self.hashes)

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (position in `ids`, number of the run) for every known run there."""
        nothing = np.zeros(0, np.int64)
        if len(ids) < self.n or not len(self):
            return nothing, nothing
        hashes = _hashes(ids, self.n, self._salt)
        at = np.flatnonzero(self._filter[hashes >> self._shift])
        hashes = hashes[at]
        number = np.minimum(np.searchsorted(self.hashes, hashes), len(self) - 1)
        likely = np.flatnonzero(self.hashes[number] == hashes)
        at, number = at[likely], number[likely]
        # An unknown word is equal to none, so that this refuses runs with one as well.
        same = equal_runs(ids, at, self._ids, self.first[number], self.n)
        return at[same], number[same]

    def _number(self, positions: np.ndarray, salt: int) -> bool:
        """Numbers the runs; returns False where two different ones have one hash."""
        hashes = _hashes_at(self._ids, positions, self.n, salt)
        order = np.argsort(hashes, kind="stable")
        hashes, positions = hashes[order], positions[order]
        repeats = np.flatnonzero(hashes[1:] == hashes[:-1])
        before, after = positions[repeats], positions[repeats + 1]
        if not equal_runs(self._ids, before, self._ids, after, self.n).all():
            return False
        is_first = np.ones(len(hashes), bool)
        is_first[repeats + 1] = False
        # Sorted hashes of the runs, and where each stands first.
        self.hashes = hashes[is_first]
        self.first = positions[is_first]
        # Positions by run, as lists one behind the other.
        self.places = Lists(np.cumsum(is_first) - 1, positions, len(self.hashes))
        bits = (max(1, len(self.hashes)) * _SLOTS).bit_length()
        bits = min(max(bits, _LEAST_BITS), _MOST_BITS)
        self._salt, self._shift = salt, np.uint64(64 - bits)
        self._filter = np.zeros(1 << bits, bool)
        self._filter[self.hashes >> self._shift] = True
        return True


class Lists:
    """A list of distinct numbers for each of 0..size-1, in two arrays."""

    def __init__(self, key: np.ndarray, value: np.ndarray, size: int) -> None:
        key, self._values = distinct(key, value)
        self._starts = np.searchsorted(key, np.arange(size + 1))

    def counts(self, keys: np.ndarray) -> np.ndarray:
        """Returns how many numbers are in the list of each key: int64[len(keys)]."""
        return self._starts[keys + 1] - self._starts[keys]

    def of(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (position in `keys`, number) for every number in their lists."""
        counts = self.counts(keys)
        position = np.repeat(np.arange(len(keys)), counts)
        inside = np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts)
        return position, self._values[self._starts[keys][position] + inside]


def distinct(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns the distinct rows of columns, sorted by the first, then the second, and so on."""
    if not _is_sorted(columns):
        order = np.lexsort(columns[::-1])
        columns = tuple(column[order] for column in columns)
    is_new = np.ones(len(columns[0]), bool)
    is_new[1:] = False
    for column in columns:
        is_new[1:] |= column[1:] != column[:-1]
    return columns if is_new.all() else tuple(column[is_new] for column in columns)


def _is_sorted(columns: tuple[np.ndarray, ...]) -> bool:
    # Most are: looking costs far less than sorting once more.
    is_tied = np.ones(max(0, len(columns[0]) - 1), bool)
    for column in columns:
        if (is_tied & (column[1:] < column[:-1])).any():
            return False
        is_tied &= column[1:] == column[:-1]
    return True


def _codes(ids: np.ndarray, salt: int) -> np.ndarray:
    """A number of 64 bits for each word (the finalizer of SplitMix64)."""
    with np.errstate(over="ignore"):
        code = (ids.astype(np.uint64) + np.uint64(salt * 3 + 1)) * np.uint64(_FACTOR)
        code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return code ^ (code >> np.uint64(31))


def _hashes(ids: np.ndarray, n: int, salt: int) -> np.ndarray:
    """Polynomial hashes of all runs of n numbers, by doubling: n is the sum of powers of two."""
    count = len(ids) - n + 1
    power = _codes(ids, salt)  # of runs of `length` numbers
    length, done = 1, 0
    result: np.ndarray | None = None
    with np.errstate(over="ignore"):
        while True:
            if n & length:
                piece = power[done : done + count]
                factor = np.uint64(pow(_FACTOR, length, _MASK + 1))
                result = piece.copy() if result is None else result * factor + piece
                done += length
            length *= 2
            if length > n:
                assert result is not None
                return result
            half = length // 2
            factor = np.uint64(pow(_FACTOR, half, _MASK + 1))
            power = power[:-half] * factor + power[half:]


def _hashes_at(ids: np.ndarray, positions: np.ndarray, n: int, salt: int) -> np.ndarray:
    if len(ids) < n or not len(positions):
        return np.zeros(0, np.uint64)
    return _hashes(ids, n, salt)[positions]
