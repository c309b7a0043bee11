"""Seeded choice: every draw is a pure function of (seed, what it is for, which example).

Nothing here keeps state, so any row of a build can be made alone. The arithmetic is written for
Python integers; `build.draws` has the same functions over numpy arrays, and a test compares them.
The mixing function is the finalizer of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
pseudorandom number generators"); permutations are four-round Feistel networks with cycle walking
(Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
"""

import hashlib

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
ROUNDS = 4


def hash_text(*texts: str) -> int:
    """A 64-bit number for a sequence of texts, equal on every machine."""
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return int.from_bytes(digest.digest(), "little")


def mix(*numbers: int) -> int:
    """Mixes 64-bit numbers, in order, to one that looks random."""
    state = 0
    for number in numbers:
        state = step(state, number)
    return state


def step(state: int, number: int) -> int:
    """Takes one more number into a state of `mix`."""
    state = (state + number + GOLDEN) & MASK
    state = ((state ^ (state >> 30)) * MULTIPLIERS[0]) & MASK
    state = ((state ^ (state >> 27)) * MULTIPLIERS[1]) & MASK
    return state ^ (state >> 31)


def below(bound: int, *numbers: int) -> int:
    """A number from 0 to `bound` - 1, uniform up to 2^-32 for bounds under 2^32."""
    return ((mix(*numbers) >> 32) * bound) >> 32


def permute(index: int, size: int, *numbers: int) -> int:
    """Where `index` goes under the permutation of 0..size-1 that `numbers` name."""
    if size <= 1:
        return 0
    half = half_bits(size)
    key = mix(*numbers)
    while True:
        index = _feistel(index, half, key)
        if index < size:
            return index


def half_bits(size: int) -> int:
    """Bits of one half of the smallest balanced Feistel domain that holds `size` numbers."""
    return max(1, ((size - 1).bit_length() + 1) // 2)


def _feistel(index: int, half: int, key: int) -> int:
    mask = (1 << half) - 1
    left, right = index >> half, index & mask
    for number in range(ROUNDS):
        left, right = right, left ^ (mix(key, number, right) & mask)
    return (left << half) | right
