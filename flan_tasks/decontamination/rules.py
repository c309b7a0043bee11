"""When a training example and an evaluation example share text: three rules, by name.

`fields` is the default. `gpt3` is the overlap of Brown et al. 2020, "Language Models are Few-Shot
Learners", section 4 and appendix C; `tulu` that of Lambert et al. 2024, "Tulu 3: Pushing Frontiers
in Open Language Model Post-Training", section 3.2. What of them is meant here stands at each class.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from flan_tasks.decontamination.example_words import (
    Texts,
    numbered_examples,
    read_all_texts,
    read_documents,
    read_fields,
)
from flan_tasks.decontamination.grams import Grams, distinct, sound
from flan_tasks.decontamination.owners import Owners, Pairs, owners_of, pairs_of_hits
from flan_tasks.decontamination.word_ids import Vocabulary
from flan_tasks.specs.contamination_presets import FIELDS, GPT3, TULU

# Words of a run, as in Brown et al. 2020, appendix C.
RUN = 13
# A whole text of fewer words is met by chance (the smallest n of the same appendix).
SHORTEST_TEXT = 8
# Words of a run, and the share of an item that one training example must cover, as in Tulu 3.
TULU_RUN = 8
TULU_SHARE = 0.5
# Percentile of the lengths of items that is n, as in Brown et al. 2020, appendix C.
_PERCENTILE = 5
# Pairs of a training example and a place in an item that are looked at together.
_PAIRS_AT_ONCE = 1 << 22


class Rule(ABC):
    """Evaluation examples, ready to be compared with training examples."""

    def __init__(self, items: Iterable[Texts], set_of: np.ndarray) -> None:
        """Takes all items, and the number of the evaluation set of each: int64[items]."""
        self._set_of = set_of
        self._vocabulary = Vocabulary()
        self._learn(items)

    @abstractmethod
    def _learn(self, items: Iterable[Texts]) -> None: ...

    @abstractmethod
    def pairs(self, examples: Sequence[Texts]) -> Pairs:
        """Returns which examples share text with which sets."""

    @abstractmethod
    def kinds(self, set_number: int) -> tuple[str, ...]:
        """Returns the names of the kinds of overlap with a set, the strongest first."""

    @property
    def too_short(self) -> np.ndarray:
        """Items that the rule can find nothing of: bool[items]."""
        return np.zeros(len(self._set_of), bool)


class FieldsRule(Rule):
    """A whole example, a whole text of 8 words or more, or 13 words in a row of one text.

    Texts are fields, a free answer and options of an example's own; no run reaches from one into
    the next.
    """

    def _learn(self, items: Iterable[Texts]) -> None:
        texts = read_all_texts(items, self._vocabulary.learn)
        self._texts: dict[bytes, int] = {}
        numbers = np.full(len(texts.owner), -1, np.int64)
        for place in np.flatnonzero(texts.stream.sizes).tolist():
            numbers[place] = self._texts.setdefault(texts.content(place), len(self._texts))
        long = texts.stream.sizes >= SHORTEST_TEXT
        self._text_owners = Owners(numbers[long], texts.owner[long], self._set_of, len(self._texts))
        self.numbered_examples: dict[tuple[int, ...], int] = {}
        owners: list[tuple[int, int]] = []
        for owner, content in numbered_examples(texts, numbers):
            owners.append(
                (self.numbered_examples.setdefault(content, len(self.numbered_examples)), owner)
            )
        pairs = np.asarray(owners, np.int64).reshape(-1, 2)
        self._example_owners = Owners(
            pairs[:, 0], pairs[:, 1], self._set_of, len(self.numbered_examples)
        )
        ids = texts.stream.ids
        self._grams = Grams(ids, RUN, np.flatnonzero(sound(ids, RUN)))
        self._gram_owners = owners_of(self._grams, texts, self._set_of)

    def pairs(self, examples: Sequence[Texts]) -> Pairs:
        texts = read_all_texts(examples, self._vocabulary.read)
        numbers = np.full(len(texts.owner), -1, np.int64)
        for place in np.flatnonzero(texts.is_known & (texts.stream.sizes > 0)).tolist():
            numbers[place] = self._texts.get(texts.content(place), -1)
        same = [
            (owner, number)
            for owner, content in numbered_examples(texts, numbers)
            if (number := self.numbered_examples.get(content)) is not None
        ]
        pairs = np.asarray(same, np.int64).reshape(-1, 2)
        long = (numbers >= 0) & (texts.stream.sizes >= SHORTEST_TEXT)
        at, grams = self._grams.find(texts.stream.ids)
        return pairs_of_hits(
            [
                (0, self._example_owners, pairs[:, 0], pairs[:, 1]),
                (1, self._text_owners, texts.owner[long], numbers[long]),
                (2, self._gram_owners, texts.owner[texts.stream.text_of(at)], grams),
            ]
        )

    def kinds(self, set_number: int) -> tuple[str, ...]:
        return ("example", "text", f"{RUN}-gram")


class Gpt3Rule(Rule):
    """A run of n words of an item, n by its set: the 5th percentile of the lengths, 8 to 13.

    An item and a training example are all their texts, one behind the other. An item shorter than
    n is compared whole, as one run, where it has 8 words; a shorter one is compared by nothing.
    """

    def _learn(self, items: Iterable[Texts]) -> None:
        documents = read_documents(items, self._vocabulary.learn)
        sizes = documents.stream.sizes
        self._lengths = [
            run_length(sizes[self._set_of == number]) for number in range(_count(self._set_of))
        ]
        run = np.asarray(self._lengths, np.int64)[self._set_of]
        run = np.where(sizes < run, sizes, run)
        self._too_short = sizes < SHORTEST_TEXT
        self._runs: list[tuple[Grams, Owners]] = []
        for n in range(SHORTEST_TEXT, RUN + 1):
            here = np.flatnonzero(run == n)
            positions = _ranges(documents.stream.starts[here], sizes[here] - n + 1)
            if len(positions):
                grams = Grams(documents.stream.ids, n, positions)
                self._runs.append((grams, owners_of(grams, documents, self._set_of)))

    def pairs(self, examples: Sequence[Texts]) -> Pairs:
        documents = read_documents(examples, self._vocabulary.read)
        hits = []
        for grams, owners in self._runs:
            at, numbers = grams.find(documents.stream.ids)
            hits.append((grams.n, owners, documents.owner[documents.stream.text_of(at)], numbers))
        return pairs_of_hits(hits, kind_of=self._kind_of)

    def _kind_of(self, n: int, sets: np.ndarray) -> np.ndarray:
        return np.where(n < np.asarray(self._lengths, np.int64)[sets], 0, 1)

    def kinds(self, set_number: int) -> tuple[str, ...]:
        return ("whole item", f"{self._lengths[set_number]}-gram")

    @property
    def too_short(self) -> np.ndarray:
        return self._too_short


class TuluRule(Rule):
    """More than half of an item's words lie in runs of 8 that one training example has.

    Compared are prompts alone: the fields of an item and of a training example. No run reaches
    from one field into the next.
    """

    def _learn(self, items: Iterable[Texts]) -> None:
        texts = read_fields(items, self._vocabulary.learn)
        ids = texts.stream.ids
        positions = np.flatnonzero(sound(ids, TULU_RUN))
        self._grams = Grams(ids, TULU_RUN, positions)
        # The text of each position, and the item of each text.
        self._text_at = np.repeat(np.arange(len(texts.owner)), texts.stream.sizes + 1)
        self._item_of = texts.owner
        count = len(self._set_of)
        self._sizes = np.bincount(texts.owner, texts.stream.sizes, count).astype(np.int64)
        self._has_run = np.zeros(count, bool)
        self._has_run[texts.owner[self._text_at[positions]]] = True

    def pairs(self, examples: Sequence[Texts]) -> Pairs:
        texts = read_fields(examples, self._vocabulary.read)
        at, grams = self._grams.find(texts.stream.ids)
        rows, grams = distinct(texts.owner[texts.stream.text_of(at)], grams)
        collected: list[tuple[np.ndarray, ...]] = [(np.zeros(0, np.int64),) * 3]
        collected.extend(
            self._covered(rows[here], grams[here]) for here in self._blocks(rows, grams)
        )
        rows, items, shares = (np.concatenate(column) for column in zip(*collected, strict=True))
        # Of each set the item that is covered most, the first of equals.
        sets = self._set_of[items]
        order = np.lexsort((items, -shares, sets, rows))
        is_first = np.ones(len(order), bool)
        by_pair = np.stack([rows[order], sets[order]])
        is_first[1:] = (by_pair[:, 1:] != by_pair[:, :-1]).any(axis=0)
        best = order[is_first]
        return Pairs(
            rows[best], sets[best], np.zeros(len(best), np.int64), items[best], np.unique(items)
        )

    def _blocks(self, rows: np.ndarray, grams: np.ndarray) -> Iterator[slice]:
        """Yields slices of whole rows that have few enough pairs to be looked at together."""
        if not len(rows):
            return
        counts = np.cumsum(self._grams.places.counts(grams)).tolist()
        ends = [*(np.flatnonzero(rows[1:] != rows[:-1]) + 1).tolist(), len(rows)]
        start = done = 0
        for end, following in zip(ends, [*ends[1:], None], strict=True):
            if following is None or counts[following - 1] - done > _PAIRS_AT_ONCE:
                yield slice(start, end)
                start, done = end, counts[end - 1]

    def _covered(self, rows: np.ndarray, grams: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns (row, item, share) where a row covers more than half of an item."""
        position, at = self._grams.places.of(grams)
        rows, at = distinct(rows[position], at)
        texts = self._text_at[at]
        covers = np.full(len(at), TULU_RUN)
        together = (rows[1:] == rows[:-1]) & (texts[1:] == texts[:-1])
        gaps = np.minimum(np.diff(at), TULU_RUN)
        covers[:-1][together] = gaps[together]
        items = self._item_of[texts]
        starts = np.flatnonzero(
            np.concatenate([np.ones(1, bool), (rows[1:] != rows[:-1]) | (items[1:] != items[:-1])])
        )
        rows, items = rows[starts], items[starts]
        covered = np.add.reduceat(covers, starts)
        # Whole numbers: half of the words is not more than half.
        over = covered * 2 > self._sizes[items]
        return rows[over], items[over], covered[over] / self._sizes[items[over]]

    def kinds(self, set_number: int) -> tuple[str, ...]:
        return (f"{TULU_RUN}-grams over {TULU_SHARE:.0%}",)

    @property
    def too_short(self) -> np.ndarray:
        return ~self._has_run


RULES: dict[str, type[Rule]] = {FIELDS: FieldsRule, GPT3: Gpt3Rule, TULU: TuluRule}


def run_length(sizes: np.ndarray) -> int:
    """Returns the 5th percentile of lengths (the nearest rank), at least 8 and at most 13."""
    if not len(sizes):
        return RUN
    rank = -(-len(sizes) * _PERCENTILE // 100)
    return min(max(int(np.sort(sizes)[rank - 1]), SHORTEST_TEXT), RUN)


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the numbers from each start on, as many as its count, in order."""
    inside = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + inside


def _count(set_of: np.ndarray) -> int:
    return int(set_of.max()) + 1 if len(set_of) else 0
