"""Texts as words, and words as numbers, many texts at a time.

Words are what texts are compared by: case folded, punctuation and blanks left out. Those of the
evaluation side are numbered; a training text is read by these numbers, and a word that no
evaluation text has is `UNKNOWN`. So memory follows the smaller side, and two runs of words agree
exactly where their numbers do.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

# Of a word that the evaluation side does not have.
UNKNOWN = -1
# Behind each text of a stream.
_END = -2
_END_MARK = b"|"
# Characters that become words at once, which bounds memory where texts are long.
_AT_ONCE = 1 << 21

# Scripts that put no blanks between words: Han, kana, Bopomofo, Thai, Lao, Myanmar, Khmer.
_NO_BLANKS = (
    "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3105-\u312f\u31a0-\u31bf"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
)
_MORE_HAN = re.compile("[\U00020000-\U000323af]")
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)

_PLAIN_WORD = re.compile(r"[^\W_]+")
# What is neither letter nor digit becomes a blank; bytes of other characters stay.
_FOLDED = bytes(
    ord(chr(byte).lower()) if byte > 127 or chr(byte).isalnum() else 32 for byte in range(256)
)


def words(text: str) -> list[str]:
    """Returns the words of a text, case folded, without punctuation and blanks.

    Of scripts that put no blanks between words each letter is one, with the marks it carries.
    """
    if text.isascii():
        return _PLAIN_WORD.findall(text.lower())
    text = unicodedata.normalize("NFKC", text).casefold()
    mark, letter, word = _patterns()
    if letter.search(text):
        text = letter.sub(r" \g<0> ", text)
    if _MORE_HAN.search(text):
        text = _MORE_HAN.sub(r" \g<0> ", text)
    return (word if mark.search(text) else _PLAIN_WORD).findall(text)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    # Marks are no letters to `re`, which would part words of Hindi at each vowel sign. Each class
    # is of one kind and of the first plane: `re` looks others up range by range.
    marks = "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)) in ("Mn", "Mc") and code not in _VARIATION_SELECTORS
    )
    return (
        re.compile(f"[{marks}]"),
        re.compile(f"[{_NO_BLANKS}][{marks}]*"),
        re.compile(rf"[^\W_]+(?:[{marks}]+[^\W_]*)*"),
    )


@dataclass(frozen=True)
class Stream:
    """The words of several texts by number, one text behind the other."""

    ids: np.ndarray
    """Numbers of words, negative where a word is unknown and behind each text: int32[n]."""
    starts: np.ndarray
    """Where each text begins: int64[texts]."""
    sizes: np.ndarray
    """Words of each text: int64[texts]."""

    def text_of(self, positions: np.ndarray) -> np.ndarray:
        """Returns the number of the text that each position lies in."""
        return np.searchsorted(self.starts, positions, side="right") - 1


class Vocabulary:
    """Numbers for the words of the evaluation side."""

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {_END_MARK: _END}

    def __len__(self) -> int:
        return len(self._ids) - 1

    def learn(self, texts: Iterable[str]) -> Stream:
        """Returns texts by the numbers of their words, giving one to each new word."""
        return self._stream(texts, learn=True)

    def read(self, texts: Iterable[str]) -> Stream:
        """Returns texts by the numbers of their words, where they have one."""
        return self._stream(texts, learn=False)

    def spell(self, ids: np.ndarray) -> list[str]:
        """Returns words by number."""
        if len(self._spelled) < len(self):
            self._spelled.extend(itertools.islice(self._ids, 1 + len(self._spelled), None))
        return [self._spelled[number].decode("utf-8", "surrogatepass") for number in ids.tolist()]

    @functools.cached_property
    def _spelled(self) -> list[bytes]:
        return []

    def _stream(self, texts: Iterable[str], *, learn: bool) -> Stream:
        known = self._ids
        collected = [np.zeros(0, np.int32)]
        for spoken in _word_bytes(texts):
            if learn:
                for word in dict.fromkeys(spoken):
                    if word not in known:
                        known[word] = len(known) - 1
            numbers = map(known.get, spoken, itertools.repeat(UNKNOWN))
            collected.append(np.fromiter(numbers, np.int32, len(spoken)))
        ids = np.concatenate(collected)
        ends = np.flatnonzero(ids == _END)
        starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1] + 1])
        return Stream(ids, starts, ends - starts)


def _word_bytes(texts: Iterable[str]) -> Iterator[list[bytes]]:
    """Yields the words of some texts at a time, an end mark behind each text."""
    pieces: list[bytes] = []
    size = 0
    for text in texts:
        if text.isascii():
            pieces.append(text.encode().translate(_FOLDED))
        else:
            pieces.append(" ".join(words(text)).encode("utf-8", "surrogatepass"))
        size += len(text)
        if size >= _AT_ONCE:
            yield _parted(pieces)
            pieces, size = [], 0
    if pieces:
        yield _parted(pieces)


def _parted(pieces: list[bytes]) -> list[bytes]:
    return (b" | ".join(pieces) + b" |").split()
