"""What a prediction is compared with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from flan_tasks.core.example import Example


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
        references = example.references if answer == example.answer else (answer,)
        return cls(answer, references, example.options, example.extra, example.key)

    def to_json(self) -> str:
        """Returns it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Gold":
        """Reads what `to_json` wrote."""
        found = json.loads(text)
        return cls(
            found["answer"],
            tuple(found["references"]),
            tuple(found["options"]),
            found["extra"],
            found["key"],
        )
