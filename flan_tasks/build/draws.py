"""`core.choice` over numpy arrays: the same numbers, many at a time."""

import numpy as np

from flan_tasks.core import choice

_GOLDEN = np.uint64(choice.GOLDEN)
_MULTIPLIERS = tuple(np.uint64(number) for number in choice.MULTIPLIERS)


def mix(*numbers: int | np.ndarray) -> np.ndarray:
    """Mixes 64-bit numbers elementwise, as `choice.mix`; returns uint64."""
    state = np.zeros(np.broadcast_shapes(*(np.shape(number) for number in numbers)), np.uint64)
    with np.errstate(over="ignore"):
        for number in numbers:
            state = state + _uint64(number) + _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * _MULTIPLIERS[0]
            state = (state ^ (state >> np.uint64(27))) * _MULTIPLIERS[1]
            state = state ^ (state >> np.uint64(31))
    return state


def below(bound: int, *numbers: int | np.ndarray) -> np.ndarray:
    """Numbers from 0 to `bound` - 1, as `choice.below`; returns int64."""
    found = ((mix(*numbers) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)
    return found.astype(np.int64)


def permute(indices: np.ndarray, size: int, *numbers: int | np.ndarray) -> np.ndarray:
    """Where each index goes under a permutation of 0..size-1, as `choice.permute`; int64.

    Args:
      indices: int64[n].
      size: how many numbers are permuted.
      numbers: what names the permutation; arrays name one for each index.
    """
    if size <= 1:
        return np.zeros(np.shape(indices), np.int64)
    half = choice.half_bits(size)
    key = np.broadcast_to(mix(*numbers), np.shape(indices))
    found = _feistel(_uint64(indices), half, key)
    while (outside := found >= np.uint64(size)).any():
        found[outside] = _feistel(found[outside], half, key[outside])
    return found.astype(np.int64)


def _feistel(indices: np.ndarray, half: int, key: np.ndarray) -> np.ndarray:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = indices >> shift, indices & mask
    for number in range(choice.ROUNDS):
        left, right = right, left ^ (mix(key, number, right) & mask)
    return (left << shift) | right


def _uint64(number: int | np.ndarray) -> np.ndarray:
    if isinstance(number, (int, np.integer)):
        return np.uint64(int(number) & choice.MASK)
    return np.asarray(number).astype(np.uint64)
