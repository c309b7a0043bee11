"""The numbers of a finished evaluation, read back from its scores.json."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.counting import counted, were
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.summary import TEST, DatasetScore
from flan_tasks.suites.scores import SuiteScore

_SCORES = "scores.json"
# A smaller share of the declared rows is not the published split.
WHOLE = 0.9


@dataclass(frozen=True)
class StoredSuite:
    """The numbers of a suite."""

    score: SuiteScore
    """As they were computed; its tasks are there where it has prompts of its own."""
    labels: tuple[str, ...]
    """What each of its averages is called, with the group whose number it is."""
    datasets: tuple[str, ...] = ()
    """The datasets it is over, where it asks their templates."""
    parts: tuple[str, ...] = ()
    """The suites it is over, where it is made of some."""


@dataclass(frozen=True)
class StoredScores:
    """What an evaluation gave."""

    settings: Mapping[str, Any]
    """What decided its answers."""
    datasets: tuple[DatasetScore, ...]
    """Datasets, over their templates."""
    suites: tuple[StoredSuite, ...]
    """Suites, with the numbers of their tasks."""

    @property
    def model(self) -> str:
        """Name of the model: of its folder, or of the file with its predictions."""
        path = self.settings.get("model") or self.settings.get("predictions_file") or "model"
        return Path(str(path)).name

    def parts(self, declared: Callable[[str, str], int | None]) -> dict[tuple[str, str], str]:
        """Returns (dataset, split) whose numbers are not of the whole split -> why.

        Args:
          declared: dataset and split -> rows that its source has; None where that is not known.
        """
        counts = {
            (score.dataset, split): count
            for score in self.datasets
            for split, count in _counts(score).items()
        }
        if self.settings.get("source") == "samples":
            return dict.fromkeys(
                counts, "the rows are embedded ones of ours, and not the dataset's"
            )
        examples = self.settings.get("examples")
        if examples is not None:
            why = (
                f"{counted(examples, 'example')} of a split {were(examples)} asked at most, and a "
                "benchmark is a whole one"
            )
            return dict.fromkeys(counts, why)
        parts: dict[tuple[str, str], str] = {}
        for (dataset, split), count in counts.items():
            rows = declared(dataset, split)
            if rows and count < WHOLE * rows:
                why = f"{count:,} of the {counted(rows, 'example')} of {split} {were(count)} asked"
                parts[dataset, split] = why
        return parts


def reported_split(score: DatasetScore) -> str:
    """Returns the split whose number stands for a dataset where there is one alone."""
    splits = [one.split for one in score.templates]
    return TEST if TEST in splits else splits[0]


def _counts(score: DatasetScore) -> dict[str, int]:
    """Split -> examples of it, those included that did not fit."""
    counts: dict[str, int] = {}
    for one in score.templates:
        counts[one.split] = max(counts.get(one.split, 0), one.num_examples + one.left_out)
    return counts


def read_scores(folder: Path) -> StoredScores:
    """Reads the numbers of an evaluation.

    Args:
      folder: the `--out` of `flan eval`.

    Raises:
      EvaluationError: it holds no finished evaluation, or its file is damaged.
    """
    path = folder / _SCORES
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EvaluationError(
            f"{folder} holds no {_SCORES}; wanted the --out of a `flan eval` that is finished"
        ) from error
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    try:
        every = [_built(DatasetScore, values) for values in content["datasets"]]
        prompts = {(one.dataset, one.templates[0].template): one for one in every}
        suites = tuple(_suite(values, prompts) for values in content.get("suites", ()))
        of_suites = {id(task) for one in suites for task in one.score.tasks}
        datasets = tuple(one for one in every if id(one) not in of_suites)
        return StoredScores(dict(content["settings"]), datasets, suites)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{path} is malformed ({type(error).__name__}: {error}); the same `flan eval` writes "
            "it again from the kept answers"
        ) from error


def _suite(
    values: Mapping[str, Any], prompts: Mapping[tuple[str, str], DatasetScore]
) -> StoredSuite:
    """Reads a suite; `prompts` are numbers by dataset and template, or suite with its protocol."""
    fields = {name: value for name, value in values.items() if name not in ("name", "tasks")}
    asks_templates = bool(values.get("lines"))
    tasks = [] if asks_templates else [prompts[name, values["name"]] for name in values["tasks"]]
    score = _built(SuiteScore, {**fields, "tasks": []})
    averages = values["averages"]
    return StoredSuite(
        dataclasses.replace(score, tasks=tuple(tasks)),
        tuple(", ".join(filter(None, (one["name"], one.get("group")))) for one in averages),
        tuple(values["tasks"]) if asks_templates else (),
        tuple(one["suite"] for one in values.get("parts", ())),
    )


def _built(hint: Any, value: Any) -> Any:
    """Makes a value of JSON what it was before: dataclasses of objects, tuples of lists."""
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{name: _built(hints[name], item) for name, item in dict(value).items()})  # type: ignore[operator]
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        plain = [kind for kind in kinds if kind is not type(None)]
        return None if value is None else _built(plain[0], value)
    if typing.get_origin(hint) is tuple:
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return tuple(_built(kinds[0], item) for item in value)
        return tuple(_built(kind, item) for kind, item in zip(kinds, value, strict=True))
    if typing.get_origin(hint) is Mapping and kinds:
        return {name: _built(kinds[1], item) for name, item in value.items()}
    return value
