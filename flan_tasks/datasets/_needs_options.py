"""Which examples cannot be answered by who does not see their options."""

import re

from flan_tasks.core.example import Example

# Questions that point at the options: "Which of these ...", "Which statement best ...".
_POINTS_AT_THEM = re.compile(
    r"\b(?:of|from|among) (?:these|those|the following)\b|\b(?:the|these) following\b"
    r"|\bwhich (?:of|one|two|is|are|was|were|would|will|could|can|does|do|best|most|statement|"
    r"sentence|example|pair|list|set|choice|answer|option|question|conclusion|description|"
    r"hypothesis|picture|diagram|graph|table|phrase)\b",
    re.IGNORECASE,
)
# Answers that speak of the other ones.
_SPEAKS_OF_THEM = re.compile(
    r"\b(?:all|none|both|any|neither|each|either)(?: of)? (?:the above|these|those|them)\b"
    r"|\b(?:all|none) are (?:correct|right|true)\b",
    re.IGNORECASE,
)


def asks_among_options(example: Example) -> bool:
    """Whether the question or the answer speaks of the options."""
    asks = _POINTS_AT_THEM.search(example.fields["question"])
    return bool(asks or _SPEAKS_OF_THEM.search(example.answer))


def answers_with_options(example: Example) -> bool:
    """Whether the answer speaks of the options."""
    return bool(_SPEAKS_OF_THEM.search(example.answer))
