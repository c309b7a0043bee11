"""Prompts in tokens: each distinct input once, with all that is asked about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.evaluation.records import Asked, Prompt


@dataclass(frozen=True)
class Question:
    """A prompt in tokens."""

    asked: Asked
    """The prompt."""
    ids: np.ndarray
    """All ids that are read of it."""
    options: tuple[np.ndarray, ...]
    """Ids of its options, with the token that ends an answer unless it does not count; empty where
    text is written."""
    trimmed: bool
    """Whether the end of the prompt, or of an option, was cut to fit."""


@dataclass(frozen=True)
class DistinctInput:
    """Questions with the same ids, which are read once."""

    ids: np.ndarray
    """Ids of the prompt."""
    options: tuple[np.ndarray, ...]
    """Ids of the options of all questions, each once."""
    questions: tuple[Question, ...]
    """Whose prompt it is."""

    @property
    def is_done(self) -> bool:
        """Whether all questions were answered before."""
        return all(question.asked.done for question in self.questions)


def distinct_inputs(questions: Sequence[Question], *, apart: bool = False) -> list[DistinctInput]:
    """Returns each distinct input once, in the order in which they come.

    Args:
      questions: of one method.
      apart: keep those with equal ids apart, as where each draws an answer of its own.
    """
    groups: dict[object, list[Question]] = {}
    for number, question in enumerate(questions):
        groups.setdefault(number if apart else question.ids.tobytes(), []).append(question)
    inputs = []
    for group in groups.values():
        options = {ids.tobytes(): ids for question in group for ids in question.options}
        inputs.append(DistinctInput(group[0].ids, tuple(options.values()), tuple(group)))
    return inputs


def as_scored(ids: np.ndarray, prompt: Prompt) -> np.ndarray:
    """Returns the ids of an option that count."""
    return ids if prompt.scores_end or len(ids) < 2 else ids[:-1]
