"""What a prediction is compared with, and what every metric checks first."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.example import Example
from flan_tasks.core.parsing import parse_json

Scores = dict[str, float]


@dataclass(frozen=True)
class Gold:
    """The right answers of one example."""

    # The target text.
    answer: str
    # All accepted answers.
    references: tuple[str, ...]
    # The allowed answers; empty for generation.
    options: tuple[str, ...] = ()
    # Values for grouping and scores, as the normalizer gave them.
    extra: Mapping[str, Any] = field(default_factory=dict)
    # The example's key.
    key: str = ""

    @classmethod
    def of(cls, example: Example, *, answer: str) -> "Gold":
        """Returns the gold of an example under a template whose target is `answer`.

        An inverted template's target is a text of the source: its only reference.
        """
        if answer != example.answer:
            return cls(answer, (answer,), example.options, key=example.key)
        return cls(answer, example.references, example.options, example.extra, example.key)

    def to_json(self) -> str:
        """Returns it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Gold":
        """Reads what `to_json` wrote."""
        found = parse_json(text)
        return cls(
            found["answer"],
            tuple(found["references"]),
            tuple(found["options"]),
            found["extra"],
            found["key"],
        )


def checked(
    metric: Callable[[Sequence[Gold], Sequence[str]], Scores],
) -> Callable[[Sequence[Gold], Sequence[str]], Scores]:
    """Makes a metric refuse what has no score: nothing at all, or lists of two lengths."""

    @functools.wraps(metric)
    def compute(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
        if len(golds) != len(predictions):
            raise EvaluationError(
                f"metric {metric.__name__}: {len(golds)} examples and {len(predictions)} "
                "predictions; wanted one prediction for each example"
            )
        if not golds:
            raise EvaluationError(
                f"metric {metric.__name__}: there is no example to score; give one or more"
            )
        return metric(golds, predictions)

    return compute


def percent(values: Sequence[float | bool]) -> float:
    """The mean of some values, of 100."""
    return 100 * sum(values) / len(values)
