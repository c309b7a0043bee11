"""Prompts and their answers, one by one, as lines of JSON; `answers` keeps a unit of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flan_tasks.core.joints import first_answer
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM, normalized
from flan_tasks.evaluation.ties import is_tied
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.option_labels import read_option
from flan_tasks.specs.eval_config import UNCONDITIONAL

RANK, GENERATE = "rank", "generate"
PREDICTIONS = "predictions"


@dataclass(frozen=True, order=True)
class Unit:
    """What is answered, and kept, as a whole."""

    dataset: str
    """Name of the dataset."""
    template: str
    """Id of the template."""
    split: str
    """validation or test."""
    method: str
    """RANK or GENERATE."""

    def __str__(self) -> str:
        return f"{self.dataset}, template {self.template}, {self.split}, by {self.method}"

    @property
    def path(self) -> str:
        """Where its file lies in the folder of a run."""
        return f"{PREDICTIONS}/{self.dataset}/{self.template}.{self.split}.{self.method}.jsonl"


@dataclass(frozen=True)
class Prompt:
    """One example under one template, as a model gets it."""

    inputs: str
    """The filled inputs."""
    gold: Gold
    """What is right."""
    num_shots: int = 0
    """Exemplars that stand before it."""
    is_shortened: bool = field(default=False, compare=False)
    """Whether a field of it was shortened to make it fit."""
    stops: tuple[str, ...] | None = None
    """Where a written answer ends, of a suite, which cuts it there; None: at the mark between
    exemplars, where there are some."""
    scores_end: bool = True
    """Whether the end of an option counts among its tokens."""
    group: str = field(default="", compare=False)
    """Key of the first example that it shares a passage with; "" where it shares none."""
    reasons: bool = field(default=False, compare=False)
    """Whether an answer as it is trained on has reasoning before it."""


class Asked(NamedTuple):
    """A prompt on its way to an answer."""

    unit: Unit
    """What it is part of."""
    place: int
    """Its place among the prompts of the unit, from 0."""
    prompt: Prompt
    """The prompt."""
    done: bool = False
    """Answered before. Its place in a batch is kept, so that what shares a batch with it gets
    the same answer to the bit as in a run that was never stopped."""


@dataclass(frozen=True)
class Record:
    """One answer."""

    prompt: Prompt
    """What was asked."""
    text: str = ""
    """The text written; empty where options were ranked."""
    sums: tuple[float, ...] = ()
    """Sum of the log-probabilities of each option's tokens; empty where text was written."""
    tokens: tuple[int, ...] = ()
    """Number of tokens of each option; empty where they are not known."""
    trimmed: bool = False
    """Whether the end of the prompt, or of an option, was cut to fit."""
    equal: tuple[int, ...] = ()
    """For each option the number of the first with the same ids; empty where all differ."""
    unconditional: tuple[float, ...] = field(default=(), compare=False)
    """The sum of each option without the question, where it was asked for; kept elsewhere."""

    @property
    def ways(self) -> tuple[str, ...]:
        """The usual ways to an answer that it has."""
        return self.ways_among((NORMALIZED,))

    def ways_among(self, ways: Sequence[str]) -> tuple[str, ...]:
        """Returns the ways to an answer that it has: the sum, and those of some others that can be
        computed of it."""
        if not self.sums:
            return (GENERATED,)
        lacks = {NORMALIZED: not self.tokens, UNCONDITIONAL: not self.unconditional}
        return (SUM, *(way for way in ways if not lacks.get(way)))

    def prediction(self, way: str) -> str:
        """Returns the answer in one of its ways, a label read as its option; "" where the likeliest
        option is one of several with the same ids. Of other options with equal scores it is the
        first.
        """
        if way == GENERATED:
            return read_option(self.prompt.gold, self._written)
        chosen = self._likeliest(way)
        return "" if is_tied(self.equal, chosen) else self.prompt.gold.options[chosen]

    @property
    def _written(self) -> str:
        """What it wrote, without further exemplars."""
        is_joined = self.prompt.num_shots and self.prompt.stops is None
        return first_answer(self.text) if is_joined else self.text

    def is_tied(self, way: str) -> bool:
        """Whether the likeliest option is one of several with the same ids."""
        return way != GENERATED and is_tied(self.equal, self._likeliest(way))

    def _likeliest(self, way: str) -> int:
        scores = normalized(
            way,
            self.sums,
            texts=self.prompt.gold.targets,
            tokens=self.tokens,
            unconditional=self.unconditional,
        )
        return scores.index(max(scores))

    def to_json(self, unit: Unit) -> str:
        """Returns it as one line of JSON."""
        gold = self.prompt.gold.values()
        line: dict[str, Any] = {
            "dataset": unit.dataset,
            "template": unit.template,
            "split": unit.split,
            "key": gold.pop("key"),
            "prompt": self.prompt.inputs,
            **gold,
            "num_shots": self.prompt.num_shots,
            "trimmed": self.trimmed,
        }
        if self.sums:
            line |= {"scores": list(self.sums), "tokens": list(self.tokens)}
        if self.equal:
            line["equal_options"] = list(self.equal)
        if self.prompt.group:
            line["group"] = self.prompt.group
        line |= form_of(self.prompt)
        # As it was written: what is read in it is made of it again.
        line["prediction"] = self.prediction(SUM) if self.sums else self._written
        return json.dumps(line, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, unit: Unit | None = None) -> "Record":
        """Reads what `to_json` wrote.

        Raises:
          ValueError, KeyError, TypeError, AttributeError: it is no record, or of another unit.
        """
        line = parse_json(text)
        if unit is not None:
            named = (line["dataset"], line["template"], line["split"])
            if named != (unit.dataset, unit.template, unit.split):
                raise ValueError(f"a line is of {', '.join(map(str, named))}")
            if bool(line.get("scores")) != (unit.method == RANK):
                raise ValueError(f"a line was not answered by {unit.method}")
        gold = Gold.of_values(line)
        sums = tuple(line.get("scores", ()))
        text = "" if sums else line["prediction"]
        stops = tuple(line["stops"]) if "stops" in line else None
        ends = line.get("scores_end", True)
        prompt = Prompt(
            line["prompt"],
            gold,
            line["num_shots"],
            stops=stops,
            scores_end=ends,
            group=line.get("group", ""),
        )
        tokens, equal = (tuple(line.get(name, ())) for name in ("tokens", "equal_options"))
        return cls(prompt, text, sums, tokens, line["trimmed"], equal)


def kept_text(prompt: Prompt, text: str) -> str:
    """Returns a written text as it is kept: without blanks at its ends, but for suites.

    A protocol says where a text ends and how it is read, and a line end may be among its stops.
    """
    return text.strip() if prompt.stops is None else text


def form_of(prompt: Prompt) -> dict[str, Any]:
    """Returns what whoever answers a prompt needs beside it, where it is not as usual."""
    form: dict[str, Any] = {}
    if prompt.stops is not None:
        form["stops"] = list(prompt.stops)
    if not prompt.scores_end:
        form["scores_end"] = False
    return form
