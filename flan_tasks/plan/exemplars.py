"""Exemplars: solved examples before a query, drawn by arithmetic and fitted to a token budget.

Which ones is a function of (seed, dataset, query's key, epoch) alone, so that any worker gives a
row the same ones, and all templates of an evaluation see the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from flan_tasks.core import choice
from flan_tasks.core.choice import hash_text
from flan_tasks.core.example import Example
from flan_tasks.core.joints import join_exemplars, query_text, solved_text
from flan_tasks.core.render import Rendered
from flan_tasks.decontamination.rules import SHORTEST_TEXT
from flan_tasks.decontamination.word_ids import words
from flan_tasks.plan import draws
from flan_tasks.store.store import StoredExamples
from flan_tasks.vocabulary import Vocabulary

_CLASSES = hash_text("order of classes")
_EXEMPLARS = hash_text("exemplars")
_PLACES = hash_text("order of exemplars")
_NUMBER = hash_text("number of exemplars")
# Candidates looked at together beyond those wanted: few are the query or share its text.
_SPARE = 2
# Candidates of one class looked at before a class is given up.
_MOST_TRIED = 200


@dataclass(frozen=True)
class Budget:
    """How long a prompt may be."""

    vocabulary: Vocabulary
    """Gives the ids."""
    length: int
    """Longest inputs, EOS included."""

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without EOS."""
        return self.vocabulary.sizes(texts)

    @property
    def for_exemplars(self) -> "Budget":
        """What exemplars and query must fit into, counted piece by piece."""
        return self


@dataclass(frozen=True)
class Exemplars:
    """Where the exemplars of one task come from."""

    examples: StoredExamples
    """Training examples."""
    available: int
    """How many of them, from the first, may be drawn."""
    options: tuple[str, ...] = ()
    """The allowed answers, where all examples share them: exemplars are drawn class by class."""

    @cached_property
    def classes(self) -> tuple[np.ndarray, ...]:
        """Numbers of the examples of each class that has some; one class for generation."""
        every = np.arange(self.available)
        if not self.options:
            return (every,) if self.available else ()
        number_of = {option: number for number, option in enumerate(self.options)}
        answers = self.examples.texts(["answer"], every)["answer"]
        label = np.asarray([number_of[answer] for answer in answers], np.int64)
        members = (np.flatnonzero(label == number) for number in range(len(self.options)))
        return tuple(found for found in members if len(found))

    def __getstate__(self) -> dict[str, Any]:
        # Without what is cached: workers read the store themselves.
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "examples": replace(self.examples)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(frozen=True)
class Queries:
    """Some queries of one task; arrays and examples have the same length."""

    dataset: str
    """Name of the dataset."""
    examples: Sequence[Example]
    """The queries."""
    keys: np.ndarray
    """Hashes of their keys: uint64[n]."""
    epochs: np.ndarray
    """How often each was met before: int64[n]."""


def choose_exemplars(
    exemplars: Exemplars, queries: Queries, *, shots: int, seed: int, fewest: int | None = None
) -> list[list[tuple[int, Example]]]:
    """Returns (number, example) of up to `shots` exemplars for each query, in prompt order.

    Never the query, an example of equal texts, or one that shares a text of 8 words or more with
    it, such as another question on its passage; no two exemplars of equal texts. Classes take
    turns, in an order of each query's own, and the exemplars are shuffled afterwards. With `fewest`
    their number is drawn for each query, from it to `shots`.
    """
    name = hash_text(queries.dataset)
    classes = exemplars.classes
    turns = _turns(len(classes), name, queries, shots=shots, seed=seed)
    tried = -(-shots // max(1, len(classes))) + _SPARE
    drawn = [
        np.stack(
            [
                members[_draw(place, len(members), seed, name, queries, label)]
                for place in range(min(tried, len(members)))
            ],
            axis=1,
        )
        for label, members in enumerate(classes)
    ]
    reader = _Reader(exemplars.examples)
    reader.load(np.concatenate([found.ravel() for found in drawn]) if drawn else [])
    chosen = []
    for number, query in enumerate(queries.examples):
        key, epoch = int(queries.keys[number]), int(queries.epochs[number])

        def candidate(label: int, place: int, key=key, epoch=epoch, number=number) -> int | None:
            members = classes[label]
            if place >= min(len(members), _MOST_TRIED):
                return None
            if place < drawn[label].shape[1]:
                return int(drawn[label][number, place])
            numbers = (seed, name, key, epoch, _EXEMPLARS, label)
            return int(members[choice.permute(place, len(members), *numbers)])

        wanted = shots
        if fewest is not None:
            wanted = fewest + choice.below(shots - fewest + 1, seed, name, key, epoch, _NUMBER)
        found = _pick(query, turns[number, :wanted].tolist(), candidate, reader)
        order = [
            choice.permute(place, len(found), seed, name, key, epoch, _PLACES)
            for place in range(len(found))
        ]
        chosen.append([found[place] for place in order])
    return chosen


def fit_exemplars(
    blocks: Sequence[Sequence[Rendered]], inputs: Sequence[str], budget: Budget | None
) -> tuple[list[str], list[int]]:
    """Puts exemplars before each query, as many as fit; returns prompts and numbers of exemplars.

    Args:
      blocks: the exemplars of each query, filled.
      inputs: the queries, filled.
      budget: None takes all.
    """
    if budget is None:
        prompts = [join_exemplars(b, text) for b, text in zip(blocks, inputs, strict=True)]
        return prompts, [len(found) for found in blocks]
    budget = budget.for_exemplars
    kept = _kept(blocks, inputs, budget)
    prompts = [join_exemplars(found, text) for found, text in zip(kept, inputs, strict=True)]
    # Tokens of the whole can be more than those of its parts; then the last exemplar goes.
    pending = [number for number, found in enumerate(kept) if found]
    while pending:
        sizes = budget.sizes([prompts[number] for number in pending])
        over = [n for n, size in zip(pending, sizes, strict=True) if size + 1 > budget.length]
        for number in over:
            kept[number] = kept[number][:-1]
            prompts[number] = join_exemplars(kept[number], inputs[number])
        pending = [number for number in over if kept[number]]
    return prompts, [len(found) for found in kept]


def _kept(
    blocks: Sequence[Sequence[Rendered]], inputs: Sequence[str], budget: Budget
) -> list[list[Rendered]]:
    ordered = sorted({solved_text(block) for found in blocks for block in found})
    size_of = dict(zip(ordered, budget.sizes(ordered), strict=True)) if ordered else {}
    kept = []
    queries = [query_text(text) for text in inputs]
    for found, size in zip(blocks, budget.sizes(queries), strict=True):
        room = budget.length - 1 - size
        fitting = []
        for block in found:
            needed = size_of[solved_text(block)]
            if needed <= room:
                fitting.append(block)
                room -= needed
        kept.append(fitting)
    return kept


def _turns(num_classes: int, name: int, queries: Queries, *, shots: int, seed: int) -> np.ndarray:
    """The class of each exemplar of each query: int64[n, shots]."""
    count = len(queries.examples)
    if not num_classes:
        return np.zeros((count, 0), np.int64)
    turns = [
        draws.permute(
            np.full(count, place % num_classes),
            num_classes,
            seed,
            name,
            queries.keys,
            queries.epochs,
            _CLASSES,
        )
        for place in range(shots)
    ]
    return np.stack(turns, axis=1)


def _draw(place: int, size: int, seed: int, name: int, queries: Queries, label: int) -> np.ndarray:
    places = np.full(len(queries.examples), place)
    return draws.permute(places, size, seed, name, queries.keys, queries.epochs, _EXEMPLARS, label)


def _pick(query: Example, turns: Sequence[int], candidate, reader: "_Reader"):
    taken = {reader.content(query)}
    texts = reader.long_texts(query)
    places: dict[int, int] = {}
    found: list[tuple[int, Example]] = []
    for label in turns:
        while (number := candidate(label, places.get(label, 0))) is not None:
            places[label] = places.get(label, 0) + 1
            example = reader[number]
            content = reader.content(example, number)
            if content in taken or texts & reader.long_texts(example, number):
                continue
            taken.add(content)
            found.append((number, example))
            break
    return found


class _Reader:
    """Reads examples many at a time, and keeps what they are compared by."""

    def __init__(self, examples: StoredExamples) -> None:
        self._examples = examples
        self._read: dict[int, Example] = {}
        self._fields: dict[int, tuple[str, ...]] = {}

    def load(self, numbers: np.ndarray | Sequence[int]) -> None:
        wanted = np.unique(np.asarray(numbers, np.int64))
        found = self._examples.take(wanted)
        self._read.update(zip(wanted.tolist(), found, strict=True))

    def __getitem__(self, number: int) -> Example:
        if number not in self._read:
            self.load([number])
        return self._read[number]

    def content(self, example: Example, number: int | None = None) -> tuple[str, ...]:
        """What two examples of equal texts agree in: words, case and punctuation aside."""
        if number is None:
            return _content(example, self._examples.constants)
        if number not in self._fields:
            self._fields[number] = _content(example, self._examples.constants)
        return self._fields[number]

    def long_texts(self, example: Example, number: int | None = None) -> set[str]:
        found = self.content(example, number)
        return {text for text in found if text.count(" ") >= SHORTEST_TEXT - 1}


def _content(example: Example, shared: Collection[str]) -> tuple[str, ...]:
    # What all examples of a task share, its definition say, tells none from another. Marks count
    # only where there are no words, as in a sum.
    texts = (text for name, text in example.fields.items() if name not in shared)
    return tuple(" ".join(words(text)) or text.strip() for text in texts)


def option_orders(
    sizes: np.ndarray, *, seed: int, dataset: str, keys: np.ndarray, epochs: np.ndarray
) -> list[list[int]]:
    """Returns an order of the options of each example, drawn anew for each key and epoch.

    Args:
      sizes: how many options each has: int64[n].
      seed: number that all choices depend on.
      dataset: name of the dataset.
      keys: hashes of the examples' keys: uint64[n].
      epochs: int64[n].
    """
    orders: list[list[int]] = [[] for _ in sizes]
    for size in np.unique(sizes[sizes > 0]):
        here = np.flatnonzero(sizes == size)
        found = draws.permute(
            np.tile(np.arange(size), len(here)),
            int(size),
            seed,
            hash_text(dataset),
            np.repeat(keys[here], size),
            np.repeat(epochs[here], size),
            _OPTIONS,
        )
        for place, order in zip(here, found.reshape(-1, size).tolist(), strict=True):
            orders[place] = order
    return orders


_OPTIONS = hash_text("order of options")


def with_options(example: Example, options: Sequence[str]) -> Example:
    """Returns an example with its options in another order."""
    return _changed(example, options=tuple(options))


def with_fields(example: Example, fields: Mapping[str, str]) -> Example:
    """Returns an example with other texts in some of its fields."""
    return _changed(example, fields={**example.fields, **fields})


def _changed(
    example: Example,
    *,
    fields: Mapping[str, str] | None = None,
    options: tuple[str, ...] | None = None,
) -> Example:
    return Example.checked_before(
        fields=example.fields if fields is None else fields,
        answer=example.answer,
        options=example.options if options is None else options,
        references=example.references,
        extra=example.extra,
        key=example.key,
    )
