"""Texts as ids by way of their words: each distinct word is encoded once, and kept.

A word is what lies between two cuts (`cuts.py`): mostly a blank with the letters and marks behind
it. Texts say the same words over and over, so nearly all of them are looked up. The table lives as
long as its vocabulary in its process, and begins anew when it is full; ids do not depend on it.
"""

from collections.abc import Callable, Sequence
from itertools import chain, groupby
from threading import Lock

import numpy as np

from flan_tasks.vocabulary.cuts import Cuts

# Characters of texts that are taken apart at once, which bounds memory.
_WINDOW = 1 << 22
# Of the words that are kept, at most: how many, how many characters each, how many ids together.
# At most some 90 MB.
_MOST_WORDS = 1 << 18
_LONGEST = 64
_MOST_IDS = 1 << 22
# Words that are encoded as one text.
_TOGETHER = 256


class WordTable:
    """Ids of words, for one vocabulary.

    Args:
      cuts: where its texts may be cut.
      encode: texts -> the ids of each, as the vocabulary's library has them.
      separator: a token, and its id, between which texts without its first character have the ids
        they have alone; None for none.
    """

    def __init__(
        self,
        cuts: Cuts,
        encode: Callable[[Sequence[str]], Sequence[Sequence[int]]],
        separator: tuple[str, int] | None = None,
    ) -> None:
        self._cuts = cuts
        self._encode = encode
        self._separator = separator
        # Words to numbers; of a number, where its ids begin, and how many they are.
        self._numbers: dict[str, int] = {}
        self._starts = np.zeros(1024, np.int64)
        self._lengths = np.zeros(1024, np.int64)
        self._ids = np.zeros(4096, np.int32)
        # Numbers and ids that belong to kept words; behind them lie those of one window.
        self._words_kept = 0
        self._ids_kept = 0
        self._lock = Lock()

    def __len__(self) -> int:
        """How many words are kept."""
        return len(self._numbers)

    def flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of texts one after the other, int32, and how many each has, int64.

        Raises:
          UnicodeEncodeError: a text holds half of a surrogate pair.
        """
        return _joined([self._window(window) for window in _windows(texts)])

    def _window(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        import pyarrow as pa

        column = pa.array(texts, pa.large_string())
        _, edges, held = column.buffers()
        ends = np.frombuffer(edges, np.int64)[: len(texts) + 1]
        data = b"" if held is None else held[: int(ends[-1])].to_pybytes()
        # Words begin at cuts, and where a text with any characters does.
        begins = np.zeros(len(data) + 1, bool)
        begins[self._cuts.places(data)] = True
        begins[ends[:-1][np.diff(ends) > 0]] = True
        begins[-1] = True
        offsets = np.flatnonzero(begins)
        words = pa.LargeStringArray.from_buffers(
            len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data)
        ).dictionary_encode()
        distinct = words.dictionary.to_pylist()
        first_word = np.searchsorted(offsets, ends)
        with self._lock:
            number = self._number(distinct)[words.indices.to_numpy()]
            lengths = self._lengths[number]
            word_ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
            places = np.repeat(self._starts[number] - word_ends[:-1], lengths)
            ids = self._ids[places + np.arange(len(places))]
        return ids, np.diff(word_ends[first_word])

    def _number(self, words: list[str]) -> np.ndarray:
        """Returns the numbers of distinct words, which hold until the next call: int64[words]."""
        if len(self._numbers) > _MOST_WORDS or self._ids_kept > _MOST_IDS:
            self._numbers.clear()
            self._words_kept = self._ids_kept = 0
        numbers = list(map(self._numbers.get, words))
        # Long words are rare and large, and hardly one comes again: they go behind the others.
        new = [place for place, number in enumerate(numbers) if number is None]
        new.sort(key=lambda n: (len(words[n]) > _LONGEST, self._goes_alone(words[n])))
        for place, number in zip(new, self._add([words[place] for place in new]), strict=True):
            numbers[place] = number
        return np.array(numbers, np.int64)

    def _add(self, words: list[str]) -> range:
        """Appends words, the long ones last, and returns their numbers."""
        first = self._words_kept
        numbers = range(first, first + len(words))
        if not words:
            return numbers
        ids, lengths = self._encoded(words)
        ends = self._ids_kept + np.cumsum(lengths)
        last = int(ends[-1])
        self._starts = _with_room(self._starts, numbers.stop)
        self._lengths = _with_room(self._lengths, numbers.stop)
        self._ids = _with_room(self._ids, last)
        self._starts[first : numbers.stop] = ends - lengths
        self._lengths[first : numbers.stop] = lengths
        self._ids[self._ids_kept : last] = ids
        kept = sum(len(word) <= _LONGEST for word in words)
        # Room first: whoever interrupts this leaves words out, and none with the ids of another.
        self._words_kept += kept
        self._ids_kept = int(ends[kept - 1]) if kept else self._ids_kept
        self._numbers.update(zip(words[:kept], numbers, strict=False))
        return numbers

    def _goes_alone(self, word: str) -> bool:
        """Whether a word may reach into the token that keeps words apart."""
        return self._separator is not None and self._separator[0][0] in word

    def _encoded(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of words one after the other, and how many each has.

        The library takes several times as long for many short texts as for a few long ones.
        """
        if self._separator is None:
            return _flat(self._encode(words))
        token, separator = self._separator
        pieces = []
        for alone, run in groupby(words, key=self._goes_alone):
            some = list(run)
            if alone:
                pieces.append(_flat(self._encode(some)))
                continue
            texts = [
                token.join(some[start : start + _TOGETHER]) + token
                for start in range(0, len(some), _TOGETHER)
            ]
            ids, _ = _flat(self._encode(texts))
            separates = ids == separator
            ends = np.flatnonzero(separates)
            if len(ends) == len(some):
                pieces.append((ids[~separates], np.diff(ends, prepend=-1) - 1))
            else:
                # A word has this id without the token's own text: they are told apart alone.
                pieces.append(_flat(self._encode(some)))
        return _joined(pieces)


def _flat(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.fromiter(map(len, lists), np.int64, count=len(lists))
    ids = np.fromiter(chain.from_iterable(lists), np.int32, count=int(lengths.sum()))
    return ids, lengths


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    if len(pieces) == 1:
        return pieces[0]
    ids, lengths = zip(*pieces, strict=True)
    return np.concatenate(ids), np.concatenate(lengths)


def _windows(texts: Sequence[str]) -> list[Sequence[str]]:
    """Cuts texts into runs of a bounded number of characters, longer single texts aside."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, count=len(texts)))
    if not len(ends) or ends[-1] <= _WINDOW:
        return [texts]
    starts = np.flatnonzero(np.diff(ends // _WINDOW, prepend=-1)).tolist()
    return [texts[a:b] for a, b in zip(starts, [*starts[1:], len(texts)], strict=True)]


def _with_room(array: np.ndarray, size: int) -> np.ndarray:
    if size <= len(array):
        return array
    return np.concatenate([array, np.zeros(max(size, 2 * len(array)) - len(array), array.dtype)])
