"""`core.choice` over numpy arrays: the same numbers, many at a time."""

from collections.abc import Sequence
from typing import overload

import numpy as np

from flan_tasks.core import choice

_GOLDEN = np.uint64(choice.GOLDEN)
_MULTIPLIERS = tuple(np.uint64(number) for number in choice.MULTIPLIERS)
_POWERS = np.uint64(1) << np.arange(64, dtype=np.uint64)
# Numbers mixed at a time: what one step touches then stays in a core's own cache, which makes long
# arrays twice as fast (2^12 to 2^15 are about equal).
_CHUNK = 1 << 13
# uint64: one for each index, or one for all of them.
_Words = np.ndarray | np.uint64


def mix(*numbers: int | np.ndarray) -> np.ndarray:
    """Mixes 64-bit numbers elementwise, as `choice.mix`; returns uint64."""
    shape = np.broadcast_shapes(*(np.shape(number) for number in numbers))
    if len(shape) != 1:
        return np.asarray(_fold(numbers))
    found = np.empty(shape, np.uint64)
    for start in range(0, len(found), _CHUNK):
        here = slice(start, start + _CHUNK)
        found[here] = _fold(
            [n[here] if isinstance(n, np.ndarray) and n.shape == shape else n for n in numbers]
        )
    return found


def _fold(numbers: Sequence[int | np.ndarray]) -> _Words:
    state: _Words = np.uint64(0)
    for number in numbers:
        state = _step(state, number)
    return state


def below(bound: int | np.ndarray, *numbers: int | np.ndarray) -> np.ndarray:
    """Numbers from 0 to `bound` - 1, as `choice.below`; returns int64."""
    found = ((mix(*numbers) >> np.uint64(32)) * _uint64(bound)) >> np.uint64(32)
    return found.astype(np.int64)


def permute(indices: np.ndarray, size: int | np.ndarray, *numbers: int | np.ndarray) -> np.ndarray:
    """Where each index goes under a permutation of 0..size-1, as `choice.permute`; int64.

    Args:
      indices: int64[n].
      size: how many numbers are permuted; an array gives the size for each index.
      numbers: what names the permutation; arrays name one for each index.
    """
    if np.ndim(size) == 0 and size <= 1:
        return np.zeros(np.shape(indices), np.int64)
    sizes = _uint64(size)
    half = _half_bits(sizes)
    # `choice.mix(key, round, right)` for every round and turn: all but the last step is the same
    # for each turn, and for all indices where one key names one permutation.
    key = _step(np.uint64(0), mix(*numbers)[()])
    keys = [_step(key, number) for number in range(choice.ROUNDS)]
    found = _feistel(_uint64(indices), half, keys)
    todo = np.flatnonzero(found >= sizes)
    while len(todo):
        some_sizes, *others = (_some(words, todo) for words in (sizes, half, *keys))
        again = _feistel(found[todo], others[0], others[1:])
        found[todo] = again
        todo = todo[again >= some_sizes]
    return found.astype(np.int64)


def _some(words: _Words, places: slice | np.ndarray) -> _Words:
    return words[places] if isinstance(words, np.ndarray) and words.ndim else words


def _feistel(indices: np.ndarray, half: _Words, keys: Sequence[_Words]) -> np.ndarray:
    found = np.empty_like(indices)
    for start in range(0, len(indices), _CHUNK):
        here = slice(start, start + _CHUNK)
        shift, *some_keys = (_some(words, here) for words in (half, *keys))
        mask = (np.uint64(1) << shift) - np.uint64(1)
        left, right = indices[here] >> shift, indices[here] & mask
        for key in some_keys:
            mixed = _step(key, right)
            mixed &= mask
            mixed ^= left
            left, right = right, mixed
        left <<= shift
        np.bitwise_or(left, right, out=found[here])
    return found


def _half_bits(sizes: _Words) -> _Words:
    if not np.ndim(sizes):
        return np.uint64(choice.half_bits(int(sizes)))
    # The number of powers of two up to a number is its bit length.
    bits = np.searchsorted(_POWERS, sizes - np.uint64(1), side="right").astype(np.uint64)
    return np.maximum((bits + np.uint64(1)) >> np.uint64(1), np.uint64(1))


def _step(state: _Words, number: int | _Words) -> _Words:
    """Takes one more number into a state of `mix`."""
    if not np.ndim(state) and not np.ndim(number):
        # Python's integers: numpy warns where a scalar overflows, and arrays alone may.
        return np.uint64(choice.step(int(state), int(number)))
    # What are scalars is added first, in one pass less over the arrays.
    mixed = (
        state + _plus_golden(number)
        if np.ndim(state)
        else np.uint64((int(state) + choice.GOLDEN) & choice.MASK) + _uint64(number)
    )
    assert isinstance(mixed, np.ndarray)
    # In place: fresh arrays cost as much as the arithmetic.
    other = mixed >> np.uint64(30)
    mixed ^= other
    mixed *= _MULTIPLIERS[0]
    np.right_shift(mixed, np.uint64(27), out=other)
    mixed ^= other
    mixed *= _MULTIPLIERS[1]
    np.right_shift(mixed, np.uint64(31), out=other)
    mixed ^= other
    return mixed


def _plus_golden(number: int | _Words) -> _Words:
    if np.ndim(number):
        return _uint64(number) + _GOLDEN
    return np.uint64((int(number) + choice.GOLDEN) & choice.MASK)


@overload
def _uint64(number: np.ndarray) -> np.ndarray: ...


@overload
def _uint64(number: int | _Words) -> _Words: ...


def _uint64(number: int | _Words) -> _Words:
    if isinstance(number, (int, np.integer)):
        return np.uint64(int(number) & choice.MASK)
    return np.asarray(number).astype(np.uint64, copy=False)
