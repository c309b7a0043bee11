"""Published exemplars, read as they are written down: texts of others, never run.

Each becomes columns for a protocol's `exemplar`. Of one in a text `exemplar` is the whole of it,
`question` and `answer` its parts, `reasoning` the answer without its invitation, and `final` what
stands behind the last "the answer is", without the period at its end. What the whole text says
before them is `description`.
"""

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.errors import RowError
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_json
from flan_tasks.suites.declared import PROMPT, PROMPTS

# A file of BIG-Bench begins with a line that must never be trained on, and this behind it.
_BEHIND_CANARY = "-----\n"
_CANARY = "canary GUID"
_BEGINNING = re.compile(r"\n\n(?=Q: )")
_QUESTION, _ANSWER = "Q: ", "\nA:"
_FINAL = "answer is "
_INVITATION = "Let's think step by step."
# MGSM's file has other tables beside this one.
_TABLE = "MGSM_EXEMPLARS"
# "Question :" in French, and the full-width colon of Chinese and Japanese.
_LABEL = re.compile(r"\A[^:\uff1a]{1,60}[:\uff1a]\s*")


@dataclass(frozen=True)
class Solved:
    """Solved examples of a task."""

    exemplars: tuple[Mapping[str, str], ...] = ()
    """Each one's columns, in their order."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Columns of the task that come with them."""


def solved_of_text(text: str, form: str, *, task: str) -> Solved:
    """Returns the exemplars of a task in a published text.

    Raises:
      RowError: the text is not of that form, or has none of the task.
    """
    if form == PROMPT:
        return solved_of_prompt(text)
    values = _values(text, task)
    if form == PROMPTS:
        if not isinstance(values.get(task), str):
            raise RowError(f"the published exemplars have no text of the task {task}")
        return solved_of_prompt(values[task])
    return _of_dialogs(values.get(_TABLE, values).get(task), task)


def solved_of_prompt(text: str) -> Solved:
    """Returns the exemplars of a prompt: a description, then `Q: ...`, a line end, `A: ...`.

    Raises:
      RowError: a line that must never be trained on stands elsewhere than before the prompt.
    """
    text = text.replace("\r\n", "\n")  # a checkout on Windows
    first_line, mark, rest = text.partition(_BEHIND_CANARY)
    # The mark is cut off with the canary line alone: exemplars hold dashes too.
    if mark and first_line.count("\n") <= 1:
        text = rest
    if _CANARY in text:
        raise RowError(
            f"the published exemplars hold a canary line that is not parted by {_BEHIND_CANARY!r}"
        )
    description, *pieces = _BEGINNING.split(text)
    return Solved(tuple(map(_parts, pieces)), {"description": description})


def _parts(piece: str) -> dict[str, str]:
    question, _, answer = piece.removeprefix(_QUESTION).partition(_ANSWER)
    _, mark, final = answer.rpartition(_FINAL)
    final = (final if mark else answer).strip().removesuffix(".")
    return {
        "exemplar": piece,
        "question": question,
        "answer": answer,
        "reasoning": answer.strip().removeprefix(_INVITATION).strip(),
        "final": final,
    }


def _of_dialogs(table: Any, task: str) -> Solved:
    """MGSM's: number -> question and answer, each with a label before it."""
    if not isinstance(table, dict) or not all(
        isinstance(one, dict) and isinstance(one.get("q"), str) and isinstance(one.get("a"), str)
        for one in table.values()
    ):
        raise RowError(
            f"the published exemplars of {task} are {shown(table)}; wanted for each number a "
            "question q and an answer a"
        )
    pairs = [table[key] for key in sorted(table, key=lambda key: (len(str(key)), str(key)))]
    exemplars = tuple({"question": one["q"], "answer": one["a"]} for one in pairs)
    labels = {}
    for name in ("question", "answer"):
        found = _LABEL.match(exemplars[0][name]) if exemplars else None
        if found is None:
            raise RowError(f"the exemplars of {task} have no label before their {name}")
        labels[f"{name}_label"] = found[0]
    return Solved(exemplars, labels)


def _values(text: str, task: str) -> dict[str, Any]:
    """Reads a table in JSON, or assigned in a file of Python, which is parsed and not run."""
    try:
        if text.lstrip().startswith("{"):
            values = parse_json(text)
        else:
            values = {
                target.id: ast.literal_eval(node.value)
                for node in ast.parse(text).body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name) and target.id == _TABLE
            }
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise RowError(
            f"the published exemplars of {task} cannot be read: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(values, dict) or not isinstance(values.get(_TABLE, values), dict):
        raise RowError(f"the published exemplars of {task} are {shown(values)}; wanted a table")
    return values


def digest(solved: Sequence[tuple[str, Solved]]) -> str:
    """Returns the digest of the exemplars of all tasks, whatever kind of file they are in."""
    values = [
        # What is derived of another column says nothing more.
        [name, [{k: v for k, v in one.items() if k != "reasoning"} for one in of_task.exemplars]]
        for name, of_task in sorted(solved, key=lambda pair: pair[0])
    ]
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
