"""Which training examples share text with evaluation sets, by one of the rules, and why.

Examples are compared by what their normalizer gave, not by prompts: template wording neither hides
a match nor makes one. The evaluation side is held in memory; the training side passes through it a
chunk at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.decontamination.compared import Compared, Part, chunks
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.owners import Pairs
from flan_tasks.decontamination.rules import RULES, RUN, SHORTEST_TEXT, TULU_RUN
from flan_tasks.decontamination.shared import covered, same_example, shared_run, shared_text
from flan_tasks.decontamination.word_ids import words
from flan_tasks.specs.contamination_presets import FIELDS, GPT3, TULU

EVALUATION_SPLITS = ("validation", "test")
_MEANINGS = {
    FIELDS: f"a whole example, a whole text of {SHORTEST_TEXT} words or more, or {RUN} words in a "
    "row",
    GPT3: "n words in a row, n being the 5th percentile of the lengths of a set, at least "
    f"{SHORTEST_TEXT} and at most {RUN}, or a whole shorter example of {SHORTEST_TEXT} words or "
    "more",
    TULU: f"more than half of the words of an evaluation prompt, in runs of {TULU_RUN} words that "
    "one training prompt has",
}
# The same, short, as a reason under which examples are counted.
_REASONS = {
    FIELDS: f"whole or {RUN} words",
    GPT3: f"gpt3: {SHORTEST_TEXT} to {RUN} words",
    TULU: f"tulu: over half in runs of {TULU_RUN} words",
}


@dataclass(frozen=True)
class Match:
    """A training example and an evaluation example that share text."""

    kind: str
    """The kind of overlap."""
    key: str
    """Key of the training example."""
    evaluation_key: str
    """Key of the evaluation example."""
    words: str
    """What they share, in normalized words."""
    share: float
    """Words of the evaluation example that this is, of all its words compared."""
    text: tuple[str, ...]
    """Texts of the training example."""
    evaluation_text: tuple[str, ...]
    """Texts of the evaluation example."""


@dataclass(frozen=True)
class Finding:
    """What a training set shares with one evaluation set."""

    dataset: str
    """Name of the training dataset."""
    evaluation: str
    """Name of the evaluation set."""
    split: str
    """Its split."""
    kinds: Mapping[str, int]
    """Kind -> training examples; each is counted once, under the strongest that fits."""
    examples: int
    """Training examples that share something."""
    compared: int
    """Training examples that were compared."""
    evaluation_examples: int
    """Evaluation examples that share something."""
    evaluation_compared: int
    """Evaluation examples that were compared."""
    explanation: str
    """Why the two share text, as far as it is declared."""
    shown: tuple[Match, ...]
    """Some of the matches, of the first training examples."""


@dataclass(frozen=True)
class SetCounts:
    """What of one evaluation set the training sets compared so far share."""

    name: str
    """Of the dataset or file."""
    split: str
    """Its split."""
    examples: int
    """Evaluation examples that were compared."""
    too_short: int
    """Those of them that the rule can find nothing of."""
    keys: tuple[str, ...]
    """Keys of those that a training example shares text with."""

    @property
    def share(self) -> float:
        """Examples that are shared, of all."""
        return len(self.keys) / self.examples if self.examples else 0.0


def evaluation_side(catalog: Catalog, name: str) -> tuple[Dataset, ...]:
    """Returns the datasets that `name` means for evaluation.

    A mixture that holds datasets out means those; another mixture its members; a dataset, parent
    or cluster itself.

    Raises:
      UnknownNameError: it is none of these.
    """
    try:
        return catalog.expand([name])
    except UnknownNameError:
        mixture = catalog.mixture(name)
        return catalog.held_out(mixture) if mixture.hold_out else catalog.members(mixture)


class Checker:
    """Evaluation sets, ready to be compared with training sets."""

    def __init__(
        self, catalog: Catalog, evaluation: Sequence[Compared], preset: str = FIELDS
    ) -> None:
        self._catalog = catalog
        self._sets = tuple(evaluation)
        self._preset = preset
        sizes = [len(one) for one in self._sets]
        self._starts = np.cumsum([0, *sizes])
        self._set_of = np.repeat(np.arange(len(self._sets)), sizes)
        items = (item for one in self._sets for _, texts in chunks(one) for item in texts)
        self._rule = RULES[preset](items, self._set_of)
        self._touched = np.zeros(len(self._set_of), bool)

    def matching(self, train: Part) -> np.ndarray:
        """Returns the numbers of the training examples that share something, in order."""
        places = [np.zeros(0, np.int64)]
        places.extend(np.unique(rows.rows) + start for start, rows in self._pairs(train))
        return train.chosen[np.concatenate(places)]

    def findings(self, train: Compared, *, show: int = 3) -> list[Finding]:
        """Returns one finding for each evaluation set that shares something with `train`.

        Args:
          train: the training set.
          show: how many matches of each finding are quoted.
        """
        touched = np.zeros(len(self._set_of), bool)
        columns: list[tuple[np.ndarray, ...]] = [(np.zeros(0, np.int64),) * 4]
        for start, pairs in self._pairs(train):
            touched[pairs.touched] = True
            # The strongest kind of each example and set is the first.
            is_first = np.ones(len(pairs.rows), bool)
            is_first[1:] = (np.diff(pairs.rows) != 0) | (np.diff(pairs.sets) != 0)
            columns.append(
                tuple(
                    column[is_first]
                    for column in (pairs.rows + start, pairs.sets, pairs.kinds, pairs.items)
                )
            )
        self._touched |= touched
        rows, sets, kinds, items = (np.concatenate(column) for column in zip(*columns, strict=True))
        return [
            self._finding(train, number, rows[here], kinds[here], items[here], touched, show)
            for number in np.unique(sets).tolist()
            for here in [sets == number]
        ]

    def counts(self) -> tuple[SetCounts, ...]:
        """Returns what all training sets compared so far share of each evaluation set."""
        too_short = self._rule.too_short
        return tuple(
            SetCounts(
                one.name,
                one.split,
                len(one),
                int(too_short[start : start + len(one)].sum()),
                tuple(
                    one.key(place)
                    for place in np.flatnonzero(self._touched[start : start + len(one)]).tolist()
                ),
            )
            for start, one in zip(self._starts.tolist(), self._sets, strict=False)
        )

    def _pairs(self, train: Compared) -> Iterator[tuple[int, Pairs]]:
        for places, texts in chunks(train):
            yield places.start, self._rule.pairs(texts)

    def _finding(
        self,
        train: Compared,
        number: int,
        rows: np.ndarray,
        kinds: np.ndarray,
        items: np.ndarray,
        touched: np.ndarray,
        show: int,
    ) -> Finding:
        evaluation = self._sets[number]
        start = int(self._starts[number])
        names = self._rule.kinds(number)
        counts = np.bincount(kinds, minlength=len(names)).tolist()
        # The strongest first, as a reader wants to see these.
        order = np.lexsort((rows, kinds))[:show]
        return Finding(
            dataset=train.name,
            evaluation=evaluation.name,
            split=evaluation.split,
            kinds={name: count for name, count in zip(names, counts, strict=True) if count},
            examples=len(rows),
            compared=len(train),
            evaluation_examples=int(touched[start : start + len(evaluation)].sum()),
            evaluation_compared=len(evaluation),
            explanation=self._explain(train, evaluation),
            shown=tuple(
                self._match(train, int(rows[at]), names[kinds[at]], number, int(items[at]) - start)
                for at in order.tolist()
            ),
        )

    def _match(self, train: Compared, row: int, kind: str, number: int, item: int) -> Match:
        evaluation = self._sets[number]
        (one,) = train.texts(range(row, row + 1))
        (two,) = evaluation.texts(range(item, item + 1))
        shared, share = quoted(self._preset, kind, one, two)
        return Match(
            kind,
            train.key(row),
            evaluation.key(item),
            shared,
            share,
            (*one.whole, *one.more),
            (*two.whole, *two.more),
        )

    def _explain(self, train: Compared, evaluation: Compared) -> str:
        if isinstance(train, Part) and isinstance(evaluation, Part):
            return explain(self._catalog, train.dataset, evaluation.dataset)
        return "not declared"


def quoted(preset: str, kind: str, one: Texts, two: Texts) -> tuple[str, float]:
    """Returns the words that a training example and an item share, and their share of the item.

    All words are compared once more, so that nothing is quoted by its hash.
    """
    if preset == TULU:
        shared, count, total = covered(one, two)
        assert count * 2 > total, "a training example covers less of an item than was counted"
        return shared, count / total
    texts, others = (*one.whole, *one.more), (*two.whole, *two.more)
    total = len(words(" ".join(two.whole if kind == "example" else others)))
    if preset == GPT3:
        n = total if kind == "whole item" else int(kind.partition("-")[0])
        shared = shared_run([" ".join(texts)], [" ".join(others)], n)
    elif kind == "example":
        assert same_example(one, two), "two examples have one content"
        shared = shared_text(one, two) or " / ".join(one.whole)
        return shared, 1.0
    else:
        shared = shared_text(one, two) if kind == "text" else shared_run(texts, others)
    assert shared, "two texts have one content"
    return shared, len(shared.split()) / total


def explain(catalog: Catalog, train: Dataset, evaluation: Dataset) -> str:
    """Says why two datasets may share text, as far as it is declared."""
    if train.name == evaluation.name:
        return "another split of the same dataset"
    if train.parent == evaluation.parent:
        return f"both are parts of {train.parent}"
    if path := catalog.overlap_path(train, evaluation):
        return f"declared overlap: {' - '.join(path)}"
    return "not declared"


def meaning(preset: str) -> str:
    """Returns what a rule looks for, in words."""
    return _MEANINGS[preset]


def describe(against: Sequence[str], preset: str = FIELDS) -> str:
    """The reason under which dropped examples are counted."""
    return f"occurs in evaluation sets ({', '.join(against)}; {_REASONS[preset]})"
