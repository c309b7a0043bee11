"""Examples as words: which texts a rule compares, and whose they are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from flan_tasks.decontamination.word_ids import Stream


@dataclass(frozen=True)
class Texts:
    """What an example is compared by."""

    whole: tuple[str, ...]
    """Texts that together are the example: two examples that agree in all of them are one."""
    more: tuple[str, ...] = ()
    """Texts compared besides, such as a long answer."""


@dataclass(frozen=True)
class ReadTexts:
    """Texts of several examples, as words."""

    stream: Stream
    """Their words."""
    owner: np.ndarray
    """Number of the example of each text: int64[texts]."""
    is_whole: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """Whether it is one of those that are the example: bool[texts]."""

    @property
    def is_known(self) -> np.ndarray:
        """Whether all words of a text are known: bool[texts]."""
        unknown = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.stream.ids < 0)])
        starts = self.stream.starts
        return unknown[starts + self.stream.sizes] == unknown[starts]

    def content(self, text: int) -> bytes:
        """Returns a text's words as bytes, equal where the words are."""
        start = self.stream.starts[text]
        return self.stream.ids[start : start + self.stream.sizes[text]].tobytes()


_Reader = Callable[[Iterable[str]], Stream]


def read_all_texts(examples: Iterable[Texts], read: _Reader) -> ReadTexts:
    """Reads all texts of examples, one by one."""
    owner: list[int] = []
    is_whole: list[bool] = []

    def texts() -> Iterator[str]:
        for number, example in enumerate(examples):
            owner.extend([number] * (len(example.whole) + len(example.more)))
            is_whole.extend([True] * len(example.whole) + [False] * len(example.more))
            yield from example.whole
            yield from example.more

    stream = read(texts())
    return ReadTexts(stream, np.asarray(owner, np.int64), np.asarray(is_whole, bool))


def read_fields(examples: Iterable[Texts], read: _Reader) -> ReadTexts:
    """Reads the texts that are the examples, one by one."""
    owner: list[int] = []

    def texts() -> Iterator[str]:
        for number, example in enumerate(examples):
            owner.extend([number] * len(example.whole))
            yield from example.whole

    stream = read(texts())
    return ReadTexts(stream, np.asarray(owner, np.int64))


def read_documents(examples: Iterable[Texts], read: _Reader) -> ReadTexts:
    """Reads each example as one text: all of its texts, one behind the other."""
    stream = read(" ".join((*example.whole, *example.more)) for example in examples)
    return ReadTexts(stream, np.arange(len(stream.starts)))


def numbered_examples(
    texts: ReadTexts, numbers: np.ndarray
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yields (example, its whole texts by number) where all that have words are numbered.

    The texts are sorted: datasets that share text name and order their fields in ways of their
    own.
    """
    counts = texts.is_whole & (texts.stream.sizes > 0)
    size = int(texts.owner.max()) + 1 if len(texts.owner) else 0
    unknown = np.bincount(texts.owner[counts & (numbers < 0)], minlength=size)
    places = np.flatnonzero(counts & (unknown[texts.owner] == 0))
    contents: dict[int, list[int]] = {}
    for owner, number in zip(texts.owner[places].tolist(), numbers[places].tolist(), strict=True):
        contents.setdefault(owner, []).append(number)
    for owner, content in contents.items():
        yield owner, tuple(sorted(content))
