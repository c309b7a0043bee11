"""What an evaluation says of itself: `scores.json`, read back into what it was written of."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from flan_tasks.core.errors import EvaluationError, FlanTasksError
from flan_tasks.core.field_types import check_types
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.records import GENERATE, GENERATED, RANK, Unit
from flan_tasks.evaluation.summary import Best, DatasetScore, Spread, TemplateScore
from flan_tasks.suites.numbers import Published
from flan_tasks.suites.scores import AverageScore, PartScore, SuiteScore, TaskLine

SCORES = "scores.json"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Scored:
    """An evaluation that is complete."""

    name: str
    """What the page calls it."""
    answers: Answers
    """Its folder, with all answers."""
    scores: tuple[DatasetScore, ...]
    """Datasets and tasks of suites, with the numbers of each template."""
    suites: tuple[SuiteScore, ...]
    """Suites with their averages; their tasks stand among the scores, and here too."""
    missing: Mapping[str, str]
    """Dataset -> why it has none."""
    left_out: Mapping[str, str]
    """What of the rest was not asked -> why."""
    warnings: tuple[str, ...]
    """What stands against the numbers."""

    @property
    def datasets(self) -> tuple[DatasetScore, ...]:
        """The scores that are of no suite: what a terminal shows over templates."""
        of_suites = {id(task) for suite in self.suites for task in suite.tasks}
        return tuple(score for score in self.scores if id(score) not in of_suites)

    @property
    def units(self) -> dict[Unit, int]:
        """What the scores are of -> how many answers."""
        return {
            Unit(score.dataset, one.template, one.split, method_of(one.way)): one.num_examples
            for score in self.scores
            for one in score.templates
        }


def method_of(way: str) -> str:
    """Returns how prompts were asked that were answered in some way."""
    return GENERATE if way == GENERATED else RANK


def is_evaluation(folder: Path) -> bool:
    """Whether a folder holds the scores of an evaluation."""
    return (folder / SCORES).is_file()


def read_scored(folder: Path, *, name: str) -> Scored:
    """Reads the scores of an evaluation.

    Args:
      folder: the --out of a `flan eval`.
      name: what it is to be called.

    Raises:
      EvaluationError: the folder is no evaluation, it is not finished, or its scores cannot be
        read.
    """
    answers = Answers.of_folder(folder)
    path = folder / SCORES
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EvaluationError(
            f"{folder} has no {SCORES} yet: its evaluation was stopped. The same `flan eval` goes "
            "on with it"
        ) from error
    except (OSError, ValueError) as error:
        raise EvaluationError(_again(path, f"cannot be read: {error}")) from error
    try:
        scores = [_dataset(one) for one in content["datasets"]]
        return Scored(
            name,
            answers,
            tuple(scores),
            tuple(_suite(one, scores) for one in content.get("suites", ())),
            _texts(content["missing"]),
            _texts(content.get("left_out", {})),
            tuple(map(str, content["warnings"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, FlanTasksError) as error:
        why = f"is no file of scores ({type(error).__name__}: {error})"
        raise EvaluationError(_again(path, why)) from error


def _again(path: Path, why: str) -> str:
    return f"{path} {why}; run the same `flan eval` again, which keeps its answers"


def _built(cls: type[_T], values: Mapping[str, Any], **changes: Any) -> _T:
    """A dataclass of its own fields; what later versions say besides is left out."""
    names = {one.name for one in fields(cls)}  # type: ignore[arg-type]
    held = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    one = cls(**{name: value for name, value in {**held, **changes}.items() if name in names})
    check_types(one, error=EvaluationError)
    return one


def _dataset(values: Mapping[str, Any]) -> DatasetScore:
    templates = tuple(_built(TemplateScore, one) for one in values["templates"])
    if not templates:
        raise ValueError(f"{values['dataset']} has no template")
    return _built(
        DatasetScore,
        values,
        templates=templates,
        spreads=tuple(_built(Spread, one) for one in values["spreads"]),
        best=tuple(_built(Best, one) for one in values["best"]),
    )


def _suite(values: Mapping[str, Any], scores: list[DatasetScore]) -> SuiteScore:
    """A suite, whose tasks are those of the scores that its protocol asked."""
    names = set(values["tasks"])
    asked_as = values["name"]
    return _built(
        SuiteScore,
        values,
        averages=tuple(_built(AverageScore, one) for one in values["averages"]),
        published=tuple(_built(Published, one) for one in values["published"]),
        lines=tuple(_built(TaskLine, one) for one in values.get("lines", ())),
        parts=tuple(_built(PartScore, one) for one in values.get("parts", ())),
        tasks=tuple(
            one for one in scores if one.dataset in names and one.templates[0].template == asked_as
        ),
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(text) for name, text in values.items()}
