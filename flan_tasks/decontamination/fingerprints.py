"""Fingerprints of texts: which of many examples share a whole text or a run of words with others.

Texts are compared as words: case folded, punctuation and blanks left out. Sequences of words become
64-bit polynomial hashes, many at a time, so that a million examples are looked up in about a
minute; who shows a match compares the words themselves (`shared_run`).
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.choice import hash_text

# Words of a run, as in Brown et al. 2020, appendix C.
RUN = 13
# A whole text of fewer words is met by chance (the smallest n of the same appendix).
SHORTEST_TEXT = 8
EXAMPLE, TEXT, WORDS = "example", "text", f"{RUN}-gram"
# Strongest first: all texts of an example, one whole text of it, a run of words.
KINDS = (EXAMPLE, TEXT, WORDS)

_WORD = re.compile(r"[^\W_]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_LENGTH = np.uint64(0xBF58476D1CE4E5B9)


def words(text: str) -> list[str]:
    """Returns the words of a text, case folded, without punctuation and blanks."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _WORD.findall(text.casefold())


@dataclass(frozen=True)
class Texts:
    """What an example is compared by."""

    whole: tuple[str, ...]
    """Texts that together are the example: two examples that agree in all of them are one."""
    more: tuple[str, ...] = ()
    """Texts compared besides, such as a long answer."""


@dataclass(frozen=True)
class Prints:
    """Hashes of one kind; both arrays have the same length."""

    hashes: np.ndarray
    """uint64[n]."""
    examples: np.ndarray
    """Number of the example each belongs to: int64[n]."""


class _WordHashes(dict[str, int]):
    def __missing__(self, word: str) -> int:
        hashed = self[word] = hash_text(word)
        return hashed


class Fingerprinter:
    """Makes fingerprints; remembers the hash of each word it has met."""

    def __init__(self) -> None:
        self._hashes = _WordHashes()

    def prints(self, examples: Sequence[Texts]) -> dict[str, Prints]:
        """Returns the fingerprints of some examples by kind, numbered from 0."""
        flat: list[int] = []
        lengths: list[int] = []
        owners: list[int] = []
        is_whole: list[bool] = []
        get = self._hashes.__getitem__
        for number, example in enumerate(examples):
            for texts, whole in ((example.whole, True), (example.more, False)):
                for text in texts:
                    text_words = words(text)
                    if text_words:
                        flat.extend(map(get, text_words))
                        lengths.append(len(text_words))
                        owners.append(number)
                        is_whole.append(whole)
        if not flat:
            nothing = Prints(np.zeros(0, np.uint64), np.zeros(0, np.int64))
            return dict.fromkeys(KINDS, nothing)
        stream = np.asarray(flat, np.uint64)
        sizes = np.asarray(lengths, np.int64)
        owner = np.asarray(owners, np.int64)
        hashes = _text_hashes(stream, sizes)
        long = sizes >= SHORTEST_TEXT
        return {
            EXAMPLE: _example_prints(hashes, owner, np.asarray(is_whole)),
            TEXT: Prints(hashes[long], owner[long]),
            WORDS: _run_prints(stream, sizes, owner),
        }


def _text_hashes(stream: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(stream)) - np.repeat(starts, sizes)
    with np.errstate(over="ignore"):
        hashes = np.add.reduceat(stream * _powers(int(sizes.max()))[place], starts)
        return hashes ^ (sizes.astype(np.uint64) * _LENGTH)


def _example_prints(texts: np.ndarray, owner: np.ndarray, is_whole: np.ndarray) -> Prints:
    # In any order: datasets that share text name and order their fields in ways of their own.
    texts, owner = texts[is_whole], owner[is_whole]
    order = np.lexsort((texts, owner))
    texts, owner = texts[order], owner[order]
    owners, starts = np.unique(owner, return_index=True)
    if not len(owners):
        return Prints(texts, owners)
    return Prints(_text_hashes(texts, np.diff(np.append(starts, len(owner)))), owners)


def _run_prints(stream: np.ndarray, sizes: np.ndarray, owner: np.ndarray) -> Prints:
    if len(stream) < RUN:
        return Prints(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    count = len(stream) - RUN + 1
    hashes = np.zeros(count, np.uint64)
    with np.errstate(over="ignore"):
        for step in range(RUN):
            hashes = hashes * _FACTOR + stream[step : step + count]
    text = np.repeat(np.arange(len(sizes)), sizes)
    inside = np.flatnonzero(text[:count] == text[RUN - 1 :])
    return Prints(hashes[inside], owner[text[inside]])


@functools.lru_cache(maxsize=4)
def _powers_to(count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.cumprod(np.full(count, _FACTOR, np.uint64))


def _powers(count: int) -> np.ndarray:
    # Sizes are rounded up, so that a few arrays serve all chunks.
    return _powers_to(1 << count.bit_length())


class Index:
    """Fingerprints of evaluation examples, to be looked up by those of training examples."""

    def __init__(self, prints: dict[str, Prints], group_of: np.ndarray) -> None:
        """Takes fingerprints of all examples, and the number of each example's group: int64[n]."""
        self._tables = {kind: _Table(kind_prints, group_of) for kind, kind_prints in prints.items()}

    def hits(self, kind: str, prints: Prints) -> tuple[np.ndarray, np.ndarray]:
        """Returns (example that asks, number of the known hash) for every hash that is known."""
        hashes = self._tables[kind].hashes
        if not len(hashes) or not len(prints.hashes):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        place = np.minimum(np.searchsorted(hashes, prints.hashes), len(hashes) - 1)
        is_known = hashes[place] == prints.hashes
        pairs = np.unique(np.stack([prints.examples[is_known], place[is_known]]), axis=1)
        return pairs[0], pairs[1]

    def groups(self, kind: str, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (position in `numbers`, group) for every group that has that known hash."""
        return self._tables[kind].groups.of(numbers)

    def owners(self, kind: str, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (position in `numbers`, example) for every example that has that known hash."""
        return self._tables[kind].owners.of(numbers)


class _Table:
    def __init__(self, prints: Prints, group_of: np.ndarray) -> None:
        self.hashes, number = np.unique(prints.hashes, return_inverse=True)
        self.owners = _Lists(number, prints.examples, len(self.hashes))
        self.groups = _Lists(number, group_of[prints.examples], len(self.hashes))


class _Lists:
    """A list of distinct numbers for each of 0..size-1, in two arrays."""

    def __init__(self, key: np.ndarray, value: np.ndarray, size: int) -> None:
        pairs = np.unique(np.stack([key, value]), axis=1)
        self._values = pairs[1]
        self._starts = np.searchsorted(pairs[0], np.arange(size + 1))

    def of(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = self._starts[keys + 1] - self._starts[keys]
        position = np.repeat(np.arange(len(keys)), counts)
        inside = np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts)
        return position, self._values[self._starts[keys][position] + inside]


def shared_run(one: Texts, other: Texts) -> str:
    """Returns the longest run of words that two examples share, "" where it is under 13 words."""
    places: dict[tuple[str, ...], list[tuple[list[str], int]]] = {}
    for text in (*other.whole, *other.more):
        text_words = words(text)
        for start in range(len(text_words) - RUN + 1):
            places.setdefault(tuple(text_words[start : start + RUN]), []).append(
                (text_words, start)
            )
    best: list[str] = []
    for text in (*one.whole, *one.more):
        text_words = words(text)
        start = 0
        while start <= len(text_words) - RUN:
            longest = RUN
            for other_words, place in places.get(tuple(text_words[start : start + RUN]), ()):
                length = RUN
                while text_words[start + length : start + length + 1] and (
                    text_words[start + length : start + length + 1]
                    == other_words[place + length : place + length + 1]
                ):
                    length += 1
                longest = max(longest, length)
                if length > len(best):
                    best = text_words[start : start + length]
            start += longest - RUN + 1
    return " ".join(best)


def shared_text(one: Texts, other: Texts) -> str:
    """Returns the longest whole text that two examples share, in words, "" where there is none."""
    other_texts = {tuple(words(text)) for text in (*other.whole, *other.more)}
    ours = [tuple(words(text)) for text in (*one.whole, *one.more)]
    shared = [
        text_words
        for text_words in ours
        if text_words in other_texts and len(text_words) >= SHORTEST_TEXT
    ]
    longest: tuple[str, ...] = max(shared, key=len, default=())
    return " ".join(longest)


def same_example(one: Texts, other: Texts) -> bool:
    """Whether two examples agree in all their texts, in any order."""
    return _contents(one) == _contents(other)


def _contents(texts: Texts) -> list[list[str]]:
    return sorted(text_words for text in texts.whole if (text_words := words(text)))
