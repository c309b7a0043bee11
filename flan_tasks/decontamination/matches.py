"""Which training examples occur in evaluation sets, whole or by a run of 13 words, and why.

Examples are compared by what their normalizer gave, not by prompts: template wording neither hides
a match nor makes one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.example import Example
from flan_tasks.decontamination.fingerprints import (
    EXAMPLE,
    KINDS,
    RUN,
    TEXT,
    Fingerprinter,
    Index,
    Prints,
    Texts,
    same_example,
    shared_run,
    shared_text,
)
from flan_tasks.store.store import StoredExamples

EVALUATION_SPLITS = ("validation", "test")
_CHUNK = 2048


@dataclass(frozen=True)
class Part:
    """Examples of one dataset and split that are compared."""

    dataset: Dataset
    """The declaration."""
    split: str
    """train, validation or test."""
    examples: StoredExamples
    """Where the examples are."""
    numbers: np.ndarray | None = None
    """Numbers of those compared: int64[n]; None is all."""

    @property
    def chosen(self) -> np.ndarray:
        """Numbers of the examples compared."""
        return np.arange(len(self.examples)) if self.numbers is None else self.numbers


@dataclass(frozen=True)
class Match:
    """A training example and an evaluation example that share text."""

    kind: str
    """One of `fingerprints.KINDS`."""
    key: str
    """Key of the training example."""
    evaluation_key: str
    """Key of the evaluation example."""
    words: str
    """What they share, in normalized words."""


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
    """Kind -> training examples; each is counted once, under the first of KINDS that fits."""
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


def texts_of(dataset: Dataset, example: Example) -> Texts:
    """Returns what an example is compared by: fields, and a free answer or options of its own."""
    more = example.options if dataset.options_per_example else ()
    return Texts(tuple(example.fields.values()), more if example.options else (example.answer,))


class Checker:
    """Evaluation sets, ready to be compared with training sets."""

    def __init__(self, catalog: Catalog, evaluation: Sequence[Part]) -> None:
        self._catalog = catalog
        self._parts = tuple(evaluation)
        self._fingerprinter = Fingerprinter()
        sizes = [len(part.chosen) for part in self._parts]
        self._starts = np.cumsum([0, *sizes])
        self._part_of = np.repeat(np.arange(len(self._parts)), sizes)
        collected: dict[str, list[Prints]] = {kind: [] for kind in KINDS}
        for start, part in zip(self._starts, self._parts, strict=False):
            for places, prints in self._prints(part):
                for kind, kind_prints in prints.items():
                    examples = kind_prints.examples + places.start + start
                    collected[kind].append(Prints(kind_prints.hashes, examples))
        self._index = Index(
            {kind: _joined(kind_prints) for kind, kind_prints in collected.items()}, self._part_of
        )

    def matching(self, train: Part) -> np.ndarray:
        """Returns the numbers of the training examples that occur in evaluation sets, in order."""
        hits = self._hits(train)
        matched_places = [places for places, _ in hits.values()]
        return train.chosen[np.unique(np.concatenate(matched_places))]

    def findings(self, train: Part, *, show: int = 3) -> list[Finding]:
        """Returns one finding for each evaluation set that shares something with `train`.

        Args:
          train: the training set.
          show: how many matches of each finding are quoted.
        """
        hits = self._hits(train)
        strongest: dict[int, dict[int, str]] = {}
        touched: dict[int, set[int]] = {}
        for kind in KINDS:
            places, numbers = hits[kind]
            position, groups = self._index.groups(kind, numbers)
            for place, group in np.unique(np.stack([places[position], groups]), axis=1).T.tolist():
                strongest.setdefault(group, {}).setdefault(place, kind)
            _, owners = self._index.owners(kind, np.unique(numbers))
            for owner, group in zip(owners.tolist(), self._part_of[owners].tolist(), strict=True):
                touched.setdefault(group, set()).add(owner)
        return [
            self._finding(train, group, strongest[group], len(touched[group]), hits, show)
            for group in sorted(strongest)
        ]

    def _finding(
        self,
        train: Part,
        group: int,
        kinds: Mapping[int, str],
        touched: int,
        hits: Mapping[str, tuple[np.ndarray, np.ndarray]],
        show: int,
    ) -> Finding:
        part = self._parts[group]
        kinds_of_match = list(kinds.values())
        # The strongest first, as a reader wants to see these.
        order = sorted(kinds, key=lambda place: (KINDS.index(kinds[place]), place))
        return Finding(
            dataset=train.dataset.name,
            evaluation=part.dataset.name,
            split=part.split,
            kinds={kind: kinds_of_match.count(kind) for kind in KINDS if kind in kinds_of_match},
            examples=len(kinds),
            compared=len(train.chosen),
            evaluation_examples=touched,
            evaluation_compared=len(part.chosen),
            explanation=explain(self._catalog, train.dataset, part.dataset),
            shown=tuple(
                self._match(train, place, kinds[place], group, hits) for place in order[:show]
            ),
        )

    def _match(
        self,
        train: Part,
        place: int,
        kind: str,
        group: int,
        hits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    ) -> Match:
        places, numbers = hits[kind]
        _, owners = self._index.owners(kind, numbers[places == place])
        owner = int(owners[self._part_of[owners] == group][0])
        part = self._parts[group]
        other = part.examples[int(part.chosen[owner - self._starts[group]])]
        example = train.examples[int(train.chosen[place])]
        one, two = texts_of(train.dataset, example), texts_of(part.dataset, other)
        if kind == EXAMPLE:
            assert same_example(one, two), "two examples have one fingerprint"
            shared = shared_text(one, two) or " / ".join(one.whole)
        else:
            shared = shared_text(one, two) if kind == TEXT else shared_run(one, two)
            assert shared, "two texts have one fingerprint"
        return Match(kind, example.key, other.key, shared)

    def _hits(self, train: Part) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        collected: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {kind: [] for kind in KINDS}
        for places, prints in self._prints(train):
            for kind, kind_prints in prints.items():
                asking, numbers = self._index.hits(kind, kind_prints)
                collected[kind].append((asking + places.start, numbers))
        empty = np.zeros(0, np.int64)
        return {
            kind: (
                np.concatenate([empty, *(asking for asking, _ in kind_prints)]),
                np.concatenate([empty, *(numbers for _, numbers in kind_prints)]),
            )
            for kind, kind_prints in collected.items()
        }

    def _prints(self, part: Part) -> Iterator[tuple[range, dict[str, Prints]]]:
        chosen = part.chosen
        for start in range(0, len(chosen), _CHUNK):
            places = range(start, min(start + _CHUNK, len(chosen)))
            examples = part.examples.take(chosen[places.start : places.stop])
            yield places, self._fingerprinter.prints([texts_of(part.dataset, e) for e in examples])


def explain(catalog: Catalog, train: Dataset, evaluation: Dataset) -> str:
    """Says why two datasets may share text, as far as it is declared."""
    if train.name == evaluation.name:
        return "another split of the same dataset"
    if train.parent == evaluation.parent:
        return f"both are parts of {train.parent}"
    path = overlap_path(catalog, train.name, evaluation.name)
    if path:
        return f"declared overlap: {' - '.join(path)}"
    return "not declared"


def overlap_path(catalog: Catalog, one: str, other: str) -> tuple[str, ...]:
    """Returns the shortest chain of declared overlaps from one dataset to another, () if none."""
    known = {dataset.name for dataset in catalog.datasets}
    paths: dict[str, tuple[str, ...]] = {one: (one,)}
    queue = [one]
    while queue:
        name = queue.pop(0)
        if name == other:
            return paths[name]
        for near in catalog[name].overlaps:
            if near in known and near not in paths:
                paths[near] = (*paths[name], near)
                queue.append(near)
    return ()


def _joined(prints: Sequence[Prints]) -> Prints:
    return Prints(
        np.concatenate([np.zeros(0, np.uint64), *(one.hashes for one in prints)]),
        np.concatenate([np.zeros(0, np.int64), *(one.examples for one in prints)]),
    )


def describe(against: Sequence[str]) -> str:
    """The reason under which dropped examples are counted."""
    return f"occurs in evaluation sets ({', '.join(against)}; whole or {RUN} words)"
