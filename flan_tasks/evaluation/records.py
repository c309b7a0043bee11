"""Answers of a model, kept as JSON lines: one file for each dataset, template, split and method.

A file is written aside and renamed when it is whole, so a run that was stopped goes on with the
next one. Everything scores need stands in the lines: a table can be made again without the model.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.joints import first_answer
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.whole import sweep, write_text
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM, normalized
from flan_tasks.evaluation.settings import compared, read_settings, setting_differences
from flan_tasks.evaluation.ties import is_tied
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.option_labels import read_option
from flan_tasks.specs.eval_config import UNCONDITIONAL

RANK, GENERATE = "rank", "generate"
SETTINGS = "settings.json"
# Behind the template of a unit that asks for options without their question.
ALONE = "+unconditional"
# In the settings of a folder whose every file of answers has a digest.
_DIGESTS = "digests"
_PREDICTIONS = "predictions"
# Written when all is answered.
_SCORES = "scores.json"


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
        return f"{_PREDICTIONS}/{self.dataset}/{self.template}.{self.split}.{self.method}.jsonl"


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


class Answers:
    """The folder of one run: its settings, and a file of answers for each finished unit.

    Beside each file lies its digest, `<file>.sha256`, in the form of `sha256sum`; it also names the
    settings, so that a file of another evaluation is not taken for one of this. The settings are
    written with the first finished unit: a try that fails before leaves the folder free.

    Args:
      folder: new, empty, or of a run with the same settings.
      settings: everything that decides the answers; JSON-able.

    Raises:
      EvaluationError: the folder holds something else; the differences are listed.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self._settings = json.loads(json.dumps(settings))
        # Files that were read and, made before there were digests, have none.
        self.unchecked: set[str] = set()
        self._digests = True
        path = folder / SETTINGS
        for place in (folder, *folder.glob(f"{_PREDICTIONS}/*")):
            sweep(place)
        if path.exists():
            self._go_on(path)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise EvaluationError(
                f"{folder} is not empty and holds no {SETTINGS} of an evaluation; give a new or "
                "empty directory"
            )

    def _go_on(self, path: Path) -> None:
        stored = read_settings(path)
        self._digests = bool(stored.pop(_DIGESTS, False))
        lines = setting_differences(stored, self._settings)
        if not lines:
            # Where the model lies may have changed; what it is has not.
            self._settings = stored
            return
        files = sorted((self.folder / _PREDICTIONS).glob("*/*.jsonl"))
        taken = "predictions" in stored and "predictions" in self._settings
        if files and not (taken and not (self.folder / _SCORES).exists()):
            raise EvaluationError(
                "\n".join([f"{self.folder} holds an evaluation with other settings:", *lines])
                + "\nGive the same to go on with it, or another --out."
            )
        # Of a try that failed, with predictions that have since been mended: taken anew.
        for file in files:
            file.unlink()
            _digest_file(file).unlink(missing_ok=True)
        path.unlink()
        self._digests = True

    @classmethod
    def of_folder(cls, folder: Path) -> "Answers":
        """Opens the answers of an evaluation under the settings they were given under.

        Raises:
          EvaluationError: there is no evaluation, or its settings cannot be read.
        """
        path = folder / SETTINGS
        if not path.is_file():
            raise EvaluationError(
                f"{folder} holds no {SETTINGS} of an evaluation; wanted the --out of a `flan eval`"
            )
        settings = read_settings(path)
        settings.pop(_DIGESTS, None)
        return cls(folder, settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What decided the answers."""
        return dict(self._settings)

    @property
    def units(self) -> list[Unit]:
        """The finished units, by name, without those that ask for options alone."""
        units = []
        for path in (self.folder / _PREDICTIONS).glob("*/*.jsonl"):
            template, split, method = path.name.removesuffix(".jsonl").rsplit(".", 2)
            units.append(Unit(path.parent.name, template, split, method))
        return sorted(unit for unit in units if not unit.template.endswith(ALONE))

    def has(self, unit: Unit) -> bool:
        """Whether a unit is finished."""
        return os.path.lexists(self.folder / unit.path)

    def write(self, unit: Unit, records: Iterable[Record]) -> None:
        """Writes a finished unit.

        Raises:
          EvaluationError: it cannot be written.
        """
        path_of_settings = self.folder / SETTINGS
        if not path_of_settings.exists():
            recorded = {**self._settings, _DIGESTS: True}
            write_kept(path_of_settings, json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        path = self.folder / unit.path
        text = "".join(record.to_json(unit) + "\n" for record in records)
        # First the digest: a kill in between leaves no answers that nothing vouches for.
        write_kept(_digest_file(path), self._digest(path, text.encode()))
        write_kept(path, text)

    def _digest(self, path: Path, content: bytes) -> str:
        settings = json.dumps(compared(self._settings), sort_keys=True).encode()
        return (
            f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
            f"# answers under settings {hashlib.sha256(settings).hexdigest()}\n"
        )

    def read(self, unit: Unit, prompts: Sequence[Prompt]) -> list[Record]:
        """Returns the answers of a finished unit, which must be to these prompts.

        Raises:
          EvaluationError: the file was changed into something else, or the prompts were.
        """
        records = self.kept(unit)
        if [_identity(record.prompt) for record in records] != [_identity(one) for one in prompts]:
            raise EvaluationError(
                f"{self.folder / unit.path} holds answers to other prompts: the template or the "
                "rows changed since; remove it to have the unit answered again, or give another "
                "--out"
            )
        return records

    def kept(self, unit: Unit) -> list[Record]:
        """Returns the answers of a finished unit, whatever its prompts.

        Raises:
          EvaluationError: the file was changed into something else.
        """
        path = self.folder / unit.path
        try:
            content = path.read_bytes()
            self._check(path, content)
            lines = [line for line in content.decode("utf-8").split("\n") if line]
            return [Record.from_json(line, unit) for line in lines]
        except OSError as error:
            raise EvaluationError(_again(path, f"cannot be read: {error.strerror}")) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"holds no answers of an evaluation ({type(error).__name__}: {error})"
            raise EvaluationError(_again(path, why)) from error

    def _check(self, path: Path, content: bytes) -> None:
        """Compares a file with its digest."""
        digest_file, expected = _digest_file(path), self._digest(path, content)
        try:
            stated = digest_file.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError as error:
            if self._digests:
                why = f"has no digest beside it, {digest_file.name}"
                raise EvaluationError(_again(path, why)) from error
            self.unchecked.add(str(path))
            return
        if stated == expected:
            return
        if stated.split(" ")[0] != expected.split(" ")[0]:
            why = f"or its digest {digest_file.name} was changed after it was written"
        else:
            why = "was not written by this evaluation: its digest is of another unit or settings"
        raise EvaluationError(_again(path, why))


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _again(path: Path, why: str) -> str:
    return f"{path} {why}. Restore it from a copy, or remove it to have the unit answered again"


def _identity(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.gold.key, prompt.inputs, prompt.gold.answer


def write_kept(path: Path, text: str) -> None:
    """Writes a file of an evaluation so that it is there whole or not at all.

    Raises:
      EvaluationError: it cannot be written.
    """
    try:
        write_text(path, text)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written: {error.strerror or error}. What is complete is kept; fix "
            "that, and the same command goes on"
        ) from error
