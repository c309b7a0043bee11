"""The answers a page shows: some of each unit, the same examples under every template.

Examples are drawn by their keys, so templates of a dataset, and two models, show the same ones.
Where two models are compared, answers that changed go first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.counting import are, counted
from flan_tasks.evaluation.comparison import Compared
from flan_tasks.evaluation.records import GENERATE, GENERATED, SUM, Prompt, Record, Unit
from flan_tasks.evaluation.standard_errors import MEANS
from flan_tasks.metrics.by_name import metric_of_one
from flan_tasks.reports.packed_data import id_columns, unique
from flan_tasks.vocabulary import Vocabulary

# Characters of all prompts and texts that are shown: with their tokens, about 10 MB of a file.
CHARACTERS = 16_000_000
# Of a longer text the middle is left out.
LONGEST = 20_000
_HEAD = 14_000
# Accepted answers that are shown.
_MOST_REFERENCES = 10


@dataclass(frozen=True)
class Side:
    """What one model answered."""

    record: Record
    """The answer."""
    answer: str
    """What was read in it."""
    worth: float | None
    """What it is worth, from 0 to 100; None where an answer alone has no number."""


@dataclass(frozen=True)
class Shown:
    """An answer that is shown."""

    unit: Unit
    """What it is part of."""
    prompt: Prompt
    """What was asked."""
    sides: tuple[Side | None, ...]
    """Of each evaluation; None where it did not ask this."""
    place: int
    """Its place among the examples of the unit."""

    @property
    def size(self) -> int:
        """Characters of it that are shown."""
        texts = [self.prompt.inputs, *(side.record.text for side in self.sides if side)]
        return sum(min(len(text), LONGEST) for text in texts)


@dataclass
class Sampler:
    """Draws answers unit by unit; units come in any order, each once."""

    units: Mapping[Unit, int]
    """What there is -> how many answers."""
    total: int
    """How many are shown of all."""
    characters: int = CHARACTERS
    """Most characters of all texts that are shown."""
    drawn: list[list[Shown]] = field(default_factory=list)
    """Of each unit, those that go first first."""

    def __post_init__(self) -> None:
        numbers = shared_out(list(self.units.values()), self.total)
        self._numbers = dict(zip(self.units, numbers, strict=True))

    @property
    def shown(self) -> list[Shown]:
        """What was drawn, as far as its texts have room, in the order of the examples."""
        sizes = [[one.size for one in of_unit] for of_unit in self.drawn]
        shown: list[Shown] = []
        rooms = shared_out([sum(some) for some in sizes], self.characters)
        for of_unit, some, room in zip(self.drawn, sizes, rooms, strict=True):
            fits = [total <= room for total in accumulate(some)]
            # One at least: of a unit nothing is read otherwise.
            shown += sorted(of_unit[: max(sum(fits), 1)], key=lambda one: one.place)
        return shown

    def draw(
        self,
        unit: Unit,
        sides: Sequence[Sequence[Record]],
        whole: Compared,
        number: str,
        *,
        changed: Collection[str] = (),
    ) -> None:
        """Takes some answers of a unit.

        Args:
          unit: what was answered.
          sides: the records of each evaluation; empty of one that did not ask it.
          whole: how its answers are read and scored.
          number: the number that tells what an answer is worth.
          changed: keys of examples whose answers changed, which go first.
        """
        by_key = [{record.prompt.gold.key: record for record in one} for one in sides]
        prompts = {key: one.prompt for side in reversed(by_key) for key, one in side.items()}
        order = sorted(prompts, key=lambda key: (key not in changed, hash_text(key), key))
        places = {key: place for place, key in enumerate(prompts)}
        of_unit: list[Shown] = []
        for key in order[: self._numbers[unit]]:
            records = [side.get(key) for side in by_key]
            of_sides = tuple(_side(one, whole, number, unit) if one else None for one in records)
            of_unit.append(Shown(unit, prompts[key], of_sides, places[key]))
        self.drawn.append(of_unit)


def shared_out(counts: Sequence[int], total: int) -> list[int]:
    """Returns how many are taken of each, as evenly as there are enough, and `total` in all.

    Args:
      counts: how many there are of each.
      total: how many are taken; all where there are fewer.
    """
    shares = [0] * len(counts)
    order = sorted(range(len(counts)), key=lambda place: (counts[place], place))
    for taken, place in enumerate(order):
        shares[place] = min(counts[place], total // (len(counts) - taken))
        total -= shares[place]
    return shares


def _side(record: Record, whole: Compared, number: str, unit: Unit) -> Side:
    way = GENERATED if unit.method == GENERATE else SUM
    read = whole.read(record)
    answer = read.prediction(way)
    gold = read.prompt.gold
    first = whole.metrics[0]
    worth: float | None = None
    if first in MEANS:
        worth = metric_of_one(first)([gold], [answer]).get(number)
    elif gold.options:
        worth = 100.0 * (answer in gold.references)
    return Side(record, answer, worth)


def answer_columns(
    shown: Sequence[Shown], units: Sequence[Unit], vocabulary: Vocabulary | None
) -> dict[str, Any]:
    """Returns answers column by column; equal values stand once and are numbered.

    Args:
      shown: the answers.
      units: all units, by which answers name theirs.
      vocabulary: whose tokens are shown; None for none.
    """
    numbers = {unit: number for number, unit in enumerate(units)}
    golds = [one.prompt.gold for one in shown]
    options, option = unique((gold.options, gold.labels) for gold in golds)
    right, rights = unique(gold.references[:_MOST_REFERENCES] for gold in golds)
    inputs = [_shortened(one.prompt.inputs) for one in shown]
    held: dict[str, Any] = {
        "unit": [numbers[one.unit] for one in shown],
        "key": [gold.key for gold in golds],
        "inputs": inputs,
        "option_lists": [{"options": names, "labels": labels} for names, labels in options],
        "options": option,
        "right_lists": right,
        "right": rights,
        "shots": [one.prompt.num_shots for one in shown],
        "sides": [
            [_side_columns(one.sides[place]) for one in shown]
            for place in range(len(shown[0].sides) if shown else 0)
        ],
    }
    if vocabulary is not None:
        held |= _ids(shown, inputs, vocabulary)
    return held


def _side_columns(side: Side | None) -> list[Any] | None:
    """Answer, worth, written text (0 where it is the answer), sums, tokens, same ids, trimmed."""
    if side is None:
        return None
    record, text = side.record, _shortened(side.record.text)
    written = 0 if record.sums or text == side.answer else text
    worth = side.worth if side.worth is None else round(side.worth, 4)
    first = [_shortened(side.answer), worth, written, record.sums, record.tokens]
    return [*first, record.equal, int(record.trimmed)]


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    length = len(text) - LONGEST
    left_out = counted(length, "character")
    end = text[len(text) - (LONGEST - _HEAD) :]
    return f"{text[:_HEAD]}\n[... {left_out} {are(length)} left out here ...]\n{end}"


def _ids(shown: Sequence[Shown], inputs: Sequence[str], vocabulary: Vocabulary) -> dict[str, Any]:
    """Ids of prompts, of what was ranked, and of what was written, each with its end."""
    texts, of_prompt = unique(inputs)
    ranked, of_options = unique(
        (one.prompt.gold.targets, one.prompt.scores_end) for one in shown if one.prompt
    )
    options, _ = unique(text for targets, _ in ranked for text in targets)
    written, _ = unique(
        _shortened(side.record.text)
        for one in shown
        for side in one.sides
        if side is not None and not side.record.sums
    )
    columns = {
        name: [np.append(ids, vocabulary.eos_id) for ids in vocabulary.encode(some)]
        for name, some in (("input_ids", texts), ("option_ids", options), ("written_ids", written))
    }
    place = {text: number for number, text in enumerate(options)}
    return {
        **id_columns(vocabulary, columns),
        "prompt": of_prompt,
        "ranked": of_options,
        # Of each list, the places of its options, and whether their end counts.
        "ranked_lists": [[[place[text] for text in targets], ends] for targets, ends in ranked],
        "written": {text: number for number, text in enumerate(written)},
    }
