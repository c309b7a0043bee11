"""Where a written answer ends: at the first stop string, whatever a model would write behind it."""

from collections.abc import Callable, Sequence

import numpy as np

from flan_tasks.core.joints import SEPARATOR
from flan_tasks.evaluation.records import Prompt

# What stands for bytes that are no character yet.
_UNFINISHED = "\ufffd"


def stops_of(prompt: Prompt) -> tuple[str, ...]:
    """Returns the strings at which an answer ends: those of a suite, or the mark of exemplars."""
    if prompt.stops is not None:
        return prompt.stops
    return (SEPARATOR,) if prompt.num_shots else ()


def is_whole(text: str, stops: Sequence[str]) -> bool:
    """Whether the first stop string stands in a text, whatever follows the text.

    One that begins earlier, and has not ended yet, may still become the first.
    """
    text = text.rstrip(_UNFINISHED)
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    if not places:
        return False
    longest = max(map(len, stops))
    begins = range(max(len(text) - longest + 1, 0), min(min(places), len(text)))
    return not any(stop.startswith(text[begin:]) for begin in begins for stop in stops)


def whole_answer(
    decode: Callable[[Sequence[int]], str], stops: Sequence[Sequence[str]]
) -> Callable[[np.ndarray], bool] | None:
    """Returns what says of tokens whether they hold an answer; None where no string ends one.

    Args:
      decode: ids to a text, with which that of more ids begins.
      stops: of each question that the answer is for.
    """
    if not all(stops):
        return None

    def is_over(tokens: np.ndarray) -> bool:
        text = decode(tokens.tolist())
        return all(is_whole(text, of_one) for of_one in stops)

    return is_over
