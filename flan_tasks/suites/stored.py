"""The numbers of a finished evaluation, read back from its scores.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.summary import Best, DatasetScore, Spread, TemplateScore
from flan_tasks.suites.declared import Published
from flan_tasks.suites.scores import AverageScore, SuiteScore

_SCORES = "scores.json"


@dataclass(frozen=True)
class StoredScores:
    """What an evaluation gave."""

    settings: Mapping[str, Any]
    """What decided its answers."""
    datasets: tuple[DatasetScore, ...]
    """Datasets, over their templates."""
    suites: tuple[SuiteScore, ...]
    """Suites, with the numbers of their tasks."""

    @property
    def model(self) -> str:
        """Name of the model: of its folder, or of the file with its predictions."""
        path = self.settings.get("model") or self.settings.get("predictions_file") or "model"
        return Path(str(path)).name


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
        every = [_dataset(values) for values in content["datasets"]]
        suites = tuple(_suite(values, every) for values in content.get("suites", ()))
        of_suites = {(task.dataset, one.name) for one in suites for task in one.tasks}
        datasets = [one for one in every if not _is_among(one, of_suites)]
        return StoredScores(dict(content["settings"]), tuple(datasets), suites)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{path} is malformed ({type(error).__name__}: {error}); the same `flan eval` writes "
            "it again from the kept answers"
        ) from error


def _dataset(values: Mapping[str, Any]) -> DatasetScore:
    spreads = [
        Spread(**{**one, "quartiles": _pair(one.get("quartiles"))}) for one in values["spreads"]
    ]
    return DatasetScore(
        values["dataset"],
        values["cluster"],
        tuple(TemplateScore(**one) for one in values["templates"]),
        tuple(spreads),
        tuple(Best(**one) for one in values["best"]),
        values.get("unasked", {}),
    )


def _pair(values: list[float] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _suite(values: Mapping[str, Any], every: list[DatasetScore]) -> SuiteScore:
    fields = {name: value for name, value in values.items() if name != "name"}
    fields["averages"] = tuple(AverageScore(**one) for one in values["averages"])
    fields["published"] = tuple(Published(**one) for one in values.get("published", ()))
    fields["differs"] = tuple(values.get("differs", ()))
    tasks = [(name, values["name"]) for name in values["tasks"]]
    fields["tasks"] = tuple(next(s for s in every if _is_among(s, {task})) for task in tasks)
    return SuiteScore(**fields)


def _is_among(score: DatasetScore, tasks: set[tuple[str, str]]) -> bool:
    """Whether these are the numbers of one of some (dataset, suite with its protocol)."""
    return (score.dataset, score.templates[0].template) in tasks
