"""Examples with typos: letters of their fields hit beside the key, by the seed.

One letter in twenty is another that lies beside it on a QWERTY keyboard. Options, answers, the
wording of templates and what belongs to a task (its definition) stay as they are.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.example import Example
from flan_tasks.evaluation.prompts import evaluation_prompts
from flan_tasks.evaluation.records import Prompt, Unit
from flan_tasks.evaluation.units import Question
from flan_tasks.plan.exemplars import Budget
from flan_tasks.store.table import StoredExamples

# Behind the id of a template whose examples have typos; no id of a template holds it.
TYPOS_MARK = "+typos"
RATE = 0.05
# Rows of keys, with how far each is set in from the first.
_ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))


def _neighbors() -> Mapping[str, str]:
    places = {
        letter: (number + indent, row)
        for row, (letters, indent) in enumerate(_ROWS)
        for number, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (x, y) in places.items()
            if other != letter
            and abs(x - places[letter][0]) <= 1
            and abs(y - places[letter][1]) <= 1
        )
        for letter in places
    }


NEIGHBORS = _neighbors()


def mistyped(text: str, *, seed: int) -> str:
    """Returns a text with typos, the same for the same seed; case stays."""
    draws = random.Random(seed)
    letters = list(text)
    for place, letter in enumerate(letters):
        near = NEIGHBORS.get(letter.lower())
        if near is None or draws.random() >= RATE:
            continue
        typed = near[int(draws.random() * len(near))]
        letters[place] = typed.upper() if letter.isupper() else typed
    return "".join(letters)


@dataclass(frozen=True)
class MistypedExamples(StoredExamples):
    """Stored examples whose fields are read with typos."""

    seed: int = 0
    """What typos depend on, beside each example's key and the field."""

    @classmethod
    def of(cls, examples: StoredExamples, *, seed: int) -> "MistypedExamples":
        """Returns examples as they are read with typos."""
        values = {part.name: getattr(examples, part.name) for part in fields(StoredExamples)}
        return cls(**values, seed=seed)

    def take(self, indices: Sequence[int] | np.ndarray) -> list[Example]:
        return [self._mistyped(example) for example in super().take(indices)]

    def _mistyped(self, example: Example) -> Example:
        texts = {
            name: text
            if name in self.constants
            else mistyped(text, seed=hash_text(str(self.seed), example.key, name))
            for name, text in example.fields.items()
        }
        return replace(example, fields=texts)


@dataclass(frozen=True)
class MistypedQuestion:
    """A unit of a dataset that is asked with typos in its examples."""

    question: Question
    """The same as it is written."""

    @property
    def unit(self) -> Unit:
        """What is asked."""
        unit = self.question.unit
        return replace(unit, template=unit.template + TYPOS_MARK)

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the examples."""
        return self.question.numbers

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns the prompts, in the order of the source, less those that cannot fit."""
        item = self.question.item
        template = next(t for t in item.templates if t.id == self.question.unit.template)
        item = replace(item, examples=MistypedExamples.of(item.examples, seed=seed))
        return evaluation_prompts(item, template, self.numbers, seed=seed, budget=budget)
