"""The words that two examples share, found by comparing words, for whoever reads a match."""

from collections.abc import Sequence

from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.rules import RUN, SHORTEST_TEXT, TULU_RUN
from flan_tasks.decontamination.word_ids import words


def shared_run(one: Sequence[str], other: Sequence[str], n: int = RUN) -> str:
    """Returns the longest run of words in both of two lists of texts, "" where it is under n."""
    places: dict[tuple[str, ...], list[tuple[list[str], int]]] = {}
    for text in other:
        text_words = words(text)
        for start in range(len(text_words) - n + 1):
            places.setdefault(tuple(text_words[start : start + n]), []).append((text_words, start))
    best: list[str] = []
    for text in one:
        text_words = words(text)
        start = 0
        while start <= len(text_words) - n:
            longest = n
            for other_words, place in places.get(tuple(text_words[start : start + n]), ()):
                length = n
                while text_words[start + length : start + length + 1] and (
                    text_words[start + length : start + length + 1]
                    == other_words[place + length : place + length + 1]
                ):
                    length += 1
                longest = max(longest, length)
                if length > len(best):
                    best = text_words[start : start + length]
            start += longest - n + 1
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


def covered(example: Texts, item: Texts, n: int = TULU_RUN) -> tuple[str, int, int]:
    """Returns the words of an item that lie in runs of n words an example has, and counts.

    Returns:
      The words, with dots where some are left out between; how many they are; words of the item.
    """
    runs: set[tuple[str, ...]] = set()
    for text in example.whole:
        text_words = words(text)
        runs.update(tuple(text_words[at : at + n]) for at in range(len(text_words) - n + 1))
    spoken: list[str] = []
    count = total = 0
    for text in item.whole:
        text_words = words(text)
        total += len(text_words)
        inside: set[int] = set()
        for at in range(len(text_words) - n + 1):
            if tuple(text_words[at : at + n]) in runs:
                inside.update(range(at, at + n))
        count += len(inside)
        for place in sorted(inside):
            if place - 1 not in inside and spoken:
                spoken.append("...")
            spoken.append(text_words[place])
    return " ".join(spoken), count, total


def _contents(texts: Texts) -> list[list[str]]:
    return sorted(text_words for text in texts.whole if (text_words := words(text)))
