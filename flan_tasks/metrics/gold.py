"""What a prediction is compared with, and what every metric checks first."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flan_tasks.core.counting import counted
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.languages import ENGLISH
from flan_tasks.core.parsing import parse_json

if TYPE_CHECKING:
    from flan_tasks.core.example import Example

Scores = dict[str, float]


@dataclass(frozen=True)
class Gold:
    """The right answers of one example."""

    answer: str
    """The target text."""
    references: tuple[str, ...]
    """All accepted answers."""
    options: tuple[str, ...] = ()
    """The allowed answers; empty for generation."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Values for grouping and scores, as the normalizer gave them."""
    key: str = ""
    """The example's key."""
    language: str = ENGLISH
    """What the answers are written in, as an ISO 639 code; metrics of words cut them
    accordingly."""
    labels: tuple[str, ...] = ()
    """What each option is called in the prompt; () where options have no labels there."""
    choices: tuple[str, ...] = ()
    """What the target is for each option, where these have labels; () where it is the options, or
    stands behind reasoning."""

    @property
    def targets(self) -> tuple[str, ...]:
        """What is ranked: the target of each option."""
        return self.choices or self.options

    @classmethod
    def of(cls, example: "Example", *, answer: str, language: str) -> "Gold":
        """Returns the gold of an example under a template whose target is `answer`.

        An inverted template's target is a text of the source: its only reference.
        """
        if answer != example.answer:
            return cls(answer, (answer,), example.options, key=example.key, language=language)
        return cls(
            answer, example.references, example.options, example.extra, example.key, language
        )

    def values(self) -> dict[str, Any]:
        """Returns its fields for JSON: the language where it is not English, labels where there are
        some."""
        fields = asdict(self)
        for name in ("labels", "choices"):
            if not fields[name]:
                del fields[name]
        if self.language == ENGLISH:
            del fields["language"]
        return fields

    def to_json(self) -> str:
        """Returns it as one line of JSON."""
        return json.dumps(self.values(), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Gold":
        """Reads what `to_json` wrote."""
        return cls.of_values(parse_json(text))

    @classmethod
    def of_values(cls, fields: Mapping[str, Any]) -> "Gold":
        """Reads what `values` gave, from among other things."""
        return cls(
            fields["answer"],
            tuple(fields["references"]),
            tuple(fields["options"]),
            fields["extra"],
            fields["key"],
            fields.get("language", ENGLISH),
            tuple(fields.get("labels", ())),
            tuple(fields.get("choices", ())),
        )


def checked(
    metric: Callable[[Sequence[Gold], Sequence[str]], Scores],
) -> Callable[[Sequence[Gold], Sequence[str]], Scores]:
    """Makes a metric refuse what has no score: nothing at all, or lists of two lengths."""

    @functools.wraps(metric)
    def compute(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
        if len(golds) != len(predictions):
            raise EvaluationError(
                f"metric {metric.__name__}: {counted(len(golds), 'example')} and "
                f"{len(predictions)} predictions; wanted one prediction for each example"
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
