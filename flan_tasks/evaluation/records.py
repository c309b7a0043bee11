"""Answers of a model, kept as JSON lines: one file for each dataset, template, split and method.

A file is written aside and renamed when it is whole, so a run that was stopped goes on with the
next one. Everything scores need stands in the lines: a table can be made again without the model.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.whole import sweep, write_text
from flan_tasks.evaluation.gold import Gold
from flan_tasks.evaluation.ties import is_tied

RANK, GENERATE = "rank", "generate"
# Ways to an answer: the option of the highest sum of log-probabilities, of the highest mean for
# each token, or the text the model wrote.
SUM, NORMALIZED, GENERATED = "sum", "normalized", "generated"
SETTINGS = "settings.json"


@dataclass(frozen=True, order=True)
class Unit:
    """What is answered, and kept, as a whole."""

    # Name of the dataset.
    dataset: str
    # Id of the template.
    template: str
    # validation or test.
    split: str
    # RANK or GENERATE.
    method: str

    def __str__(self) -> str:
        return f"{self.dataset}, template {self.template}, {self.split}, by {self.method}"

    @property
    def path(self) -> str:
        """Where its file lies in the folder of a run."""
        return f"predictions/{self.dataset}/{self.template}.{self.split}.{self.method}.jsonl"


@dataclass(frozen=True)
class Prompt:
    """One example under one template, as a model gets it."""

    # The filled inputs.
    inputs: str
    # What is right.
    gold: Gold
    # Exemplars that stand before it.
    num_shots: int = 0


class Asked(NamedTuple):
    """A prompt on its way to an answer."""

    # What it is part of.
    unit: Unit
    # Its place among the prompts of the unit, from 0.
    place: int
    # The prompt.
    prompt: Prompt
    # Answered before. Its place in a batch is kept, so that what shares a batch with it gets the
    # same answer to the bit as in a run that was never stopped.
    done: bool = False


@dataclass(frozen=True)
class Record:
    """One answer."""

    # What was asked.
    prompt: Prompt
    # The text written; empty where options were ranked.
    text: str = ""
    # Sum of the log-probabilities of each option's tokens; empty where text was written.
    sums: tuple[float, ...] = ()
    # Number of tokens of each option; empty where they are not known.
    tokens: tuple[int, ...] = ()
    # Whether the end of the prompt, or of an option, was cut to fit.
    trimmed: bool = False
    # For each option the number of the first with the same ids; empty where all differ.
    equal: tuple[int, ...] = ()

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways to an answer that it has."""
        if not self.sums:
            return (GENERATED,)
        return (SUM, NORMALIZED) if self.tokens else (SUM,)

    def prediction(self, way: str) -> str:
        """Returns the answer in one of its ways; "" where the likeliest option is one of several
        with the same ids. Of other options with equal scores it is the first.
        """
        if way == GENERATED:
            return self.text
        chosen = self._likeliest(way)
        return "" if is_tied(self.equal, chosen) else self.prompt.gold.options[chosen]

    def is_tied(self, way: str) -> bool:
        """Whether the likeliest option is one of several with the same ids."""
        return way != GENERATED and is_tied(self.equal, self._likeliest(way))

    def _likeliest(self, way: str) -> int:
        scores = self.sums
        if way == NORMALIZED:
            scores = tuple(s / n for s, n in zip(self.sums, self.tokens, strict=True))
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
        line["prediction"] = self.prediction(self.ways[0])
        return json.dumps(line, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Reads what `to_json` wrote."""
        line = parse_json(text)
        gold = Gold.of_values(line)
        sums = tuple(line.get("scores", ()))
        text = "" if sums else line["prediction"]
        prompt = Prompt(line["prompt"], gold, line["num_shots"])
        tokens, equal = (tuple(line.get(name, ())) for name in ("tokens", "equal_options"))
        return cls(prompt, text, sums, tokens, line["trimmed"], equal)


class Answers:
    """The folder of one run: its settings, and a file of answers for each finished unit.

    Args:
      folder: new, empty, or of a run with the same settings.
      settings: everything that decides the answers; JSON-able.

    Raises:
      EvaluationError: the folder holds something else.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / SETTINGS
        for place in (folder, *folder.glob("predictions/*")):
            sweep(place)
        wanted = json.loads(json.dumps(settings))
        if path.exists():
            _check_settings(folder, _read_settings(path), wanted)
        elif folder.exists() and any(folder.iterdir()):
            raise EvaluationError(
                f"{folder} is not empty and holds no {SETTINGS} of an evaluation; give a new or "
                "empty directory"
            )
        else:
            write_text(path, json.dumps(wanted, indent=2, sort_keys=True) + "\n")

    def has(self, unit: Unit) -> bool:
        """Whether a unit is finished."""
        return (self.folder / unit.path).exists()

    def write(self, unit: Unit, records: Iterable[Record]) -> None:
        """Keeps a finished unit."""
        lines = "".join(record.to_json(unit) + "\n" for record in records)
        write_text(self.folder / unit.path, lines)

    def read(self, unit: Unit, prompts: Sequence[Prompt]) -> list[Record]:
        """Returns the answers of a finished unit, which must be to these prompts.

        Raises:
          EvaluationError: the file was changed into something else, or the prompts were.
        """
        path = self.folder / unit.path
        try:
            found = [
                Record.from_json(line)
                for line in path.read_text(encoding="utf-8").split("\n")
                if line
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"{path} holds no answers of an evaluation ({type(error).__name__}: {error}); "
                "remove it to have the unit answered again"
            ) from error
        if [_asked(record.prompt) for record in found] != [_asked(one) for one in prompts]:
            raise EvaluationError(
                f"{path} holds answers to other prompts: the template or the rows changed since; "
                "remove it to have the unit answered again, or give another --out"
            )
        return found


def _asked(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.gold.key, prompt.inputs, prompt.gold.answer


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}; give another --out") from error
    return found if isinstance(found, dict) else {}


def _check_settings(folder: Path, found: Mapping, wanted: Mapping) -> None:
    names = sorted({*found, *wanted})
    other = [name for name in names if found.get(name) != wanted.get(name)]
    if other:
        lines = [f"  {n}: {found.get(n)!r} there, {wanted.get(n)!r} now" for n in other]
        raise EvaluationError(
            "\n".join([f"{folder} holds an evaluation with other settings:", *lines])
            + "\nGive the same to go on with it, or another --out."
        )
