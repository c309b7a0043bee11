"""Marks that join solved examples and a query to one prompt, and the answer cut at them.

Line ends would not do: T5's normalizer turns line ends and runs of blanks into one blank, and it
has no pieces for `{ } < \\ ^ ~` and the backtick. These two marks have pieces of their own in it,
stay what they are in bytes and in byte-level BPE, and hardly stand in data; examples that hold the
second one are left out of prompts with exemplars.
"""

import re
from collections.abc import Sequence
from typing import Protocol

# Between a prompt and its answer, on a line of its own.
ANSWER_MARK = "=>"
# Between exemplars, and before the query, on a line of its own: whoever writes it has answered.
SEPARATOR = "#####"


# What T5's normalizer makes the separator of: number signs of full and small width, too.
LIKE_SEPARATOR = f"[#\uff03\ufe5f]{{{len(SEPARATOR)}}}"


class Solved(Protocol):
    """A filled template."""

    @property
    def inputs(self) -> str:
        """The prompt."""
        ...

    @property
    def targets(self) -> str:
        """Its answer."""
        ...


def join_exemplars(exemplars: Sequence[Solved], inputs: str) -> str:
    """Puts solved examples before a prompt, which then ends in the mark that answers follow.

    Without any the prompt stays what it is. A prompt, a line end and its answer make an exemplar
    but for the separator, so what decoder-only models read looks the same throughout.
    """
    if not exemplars:
        return inputs
    return "".join(solved_text(one) for one in exemplars) + query_text(inputs)


def solved_text(exemplar: Solved) -> str:
    """One exemplar as it stands before a query, with the separator behind it."""
    return f"{query_text(exemplar.inputs)}\n{exemplar.targets}\n\n{SEPARATOR}\n\n"


def query_text(inputs: str) -> str:
    """A prompt as it stands behind exemplars."""
    return f"{inputs}\n{ANSWER_MARK}"


def first_answer(text: str) -> str:
    """Returns an answer without the further exemplars that a model went on to write after it."""
    return text.partition(SEPARATOR)[0].strip()


def holds_separator(text: str) -> bool:
    """Whether a text would part a prompt, or an answer, that has exemplars."""
    return re.search(LIKE_SEPARATOR, text) is not None


def is_joined(prompt: str) -> bool:
    """Whether a prompt holds exemplars that `join_exemplars` put there."""
    return f"\n\n{SEPARATOR}\n\n" in prompt and prompt.endswith(f"\n{ANSWER_MARK}")
