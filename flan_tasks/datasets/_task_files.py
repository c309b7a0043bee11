"""Task files of Natural Instructions: one JSON object a task, in the released and the older form.

The released form has lists where the older one has single texts, and most of the older files lack
languages, ids and licenses. Both come out as one `TaskFile`. A bare `NaN`, which some released
files have for a missing address, is read.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.errors import RowError
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_json

# What tells a task file from other JSON.
NEEDED = ("Definition", "Positive Examples", "Instances")


@dataclass(frozen=True)
class Solved:
    """An example that a task brings with it, to show what it asks."""

    input: str
    """What is shown."""
    output: str
    """The right answer."""
    explanation: str
    """Why it is right; empty where the file does not say."""


@dataclass(frozen=True)
class TaskFile:
    """One task as its file has it."""

    name: str
    """The file's name without its ending, which is the task's; its number alone is no key."""
    definitions: tuple[str, ...]
    """What the task asks; nearly always one."""
    examples: tuple[Solved, ...]
    """Its positive examples, in the order of the file."""
    instances: tuple[Mapping[str, Any], ...]
    """Rows of `id` (empty where the file has none), `input` and `output`, a list of texts."""
    categories: tuple[str, ...]
    """What kinds of task it is; one in the released form."""
    sources: tuple[str, ...]
    """The data sets it was made from."""
    input_languages: tuple[str, ...]
    """Names of languages, in English."""
    output_languages: tuple[str, ...]
    """Names of languages, in English."""
    licenses: tuple[str, ...]
    """Licenses of the instances, as its authors wrote them."""


def parse_task(text: bytes | str, *, name: str, where: str) -> TaskFile:
    """Reads a task file's text.

    Args:
      text: JSON.
      name: of the task.
      where: what messages call the file.

    Raises:
      RowError: it is no task file, or damaged; with every problem.
    """
    try:
        value = parse_json(text, unique_names=True)
    except UnicodeDecodeError as error:
        raise RowError(f"{where}: not UTF-8: {error}; save it as UTF-8") from error
    except ValueError as error:
        raise RowError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise RowError(f"{where}: a task is a JSON object, not {shown(value)}")
    problems = _Problems(where)
    if missing := [key for key in NEEDED if key not in value]:
        raise RowError(
            f"{where}: no {', '.join(map(_quoted, missing))}; a task file has "
            f"{', '.join(map(_quoted, NEEDED))}"
        )
    definitions = problems.definitions(value)
    if not definitions and not problems.rows:
        problems.add('"Definition" is empty; write what the task asks')
    task = TaskFile(
        name=name,
        definitions=definitions,
        examples=tuple(problems.examples(value)),
        instances=tuple(problems.instances(value)),
        categories=problems.texts(value, "Categories"),
        sources=problems.texts(value, "Source"),
        input_languages=problems.texts(value, "Input_language"),
        output_languages=problems.texts(value, "Output_language"),
        licenses=problems.texts(value, "Instance License"),
    )
    if problems.rows:
        raise RowError(*problems.rows)
    return task


def definition_and_examples(
    record: Mapping[str, Any], *, where: str
) -> tuple[str, tuple[Solved, ...]]:
    """Returns the first definition of a task and its positive examples; "" and none without them.

    Args:
      record: what a task file says beside its instances.
      where: what messages call it.

    Raises:
      RowError: with every problem.
    """
    problems = _Problems(where)
    definitions = problems.definitions(record)
    examples = tuple(problems.examples(record)) if "Positive Examples" in record else ()
    if problems.rows:
        raise RowError(*problems.rows)
    return (definitions[0] if definitions else ""), examples


class _Problems:
    """Reads parts of a task file, and collects what is wrong with them."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.rows: list[str] = []

    def add(self, what: str) -> None:
        self.rows.append(f"{self._where}: {what}")

    def texts(self, value: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """A list of texts, or one text; without those that are NaN or null."""
        held = value.get(key)
        items = [
            item
            for item in (held if isinstance(held, list) else [held])
            if item is not None and not (isinstance(item, float) and math.isnan(item))
        ]
        if wrong := [item for item in items if not isinstance(item, str)]:
            self.add(f'"{key}" is {shown(wrong[0])}; it must be a text or a list of texts')
            return ()
        return tuple(items)

    def definitions(self, value: Mapping[str, Any]) -> tuple[str, ...]:
        """The definitions that are not blank."""
        return tuple(text for text in self.texts(value, "Definition") if text.strip())

    def examples(self, value: Mapping[str, Any]) -> Iterator[Solved]:
        """The positive examples."""
        for number, item in self._objects(value, "Positive Examples"):
            texts = [item.get(key, "") for key in ("input", "output", "explanation")]
            # The older form has a list of outputs in a few files.
            if isinstance(texts[1], list) and texts[1]:
                texts[1] = texts[1][0]
            if "input" not in item or "output" not in item:
                self.add(f'positive example {number} needs "input" and "output"')
            elif wrong := [text for text in texts if not isinstance(text, str)]:
                self.add(f"positive example {number} has {shown(wrong[0])}, which is no text")
            else:
                yield Solved(*texts)

    def instances(self, value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows."""
        for number, item in self._objects(value, "Instances"):
            if missing := [key for key in ("input", "output") if key not in item]:
                self.add(f"instance {number} has no {', '.join(map(_quoted, missing))}")
                continue
            outputs = item["output"] if isinstance(item["output"], list) else [item["output"]]
            if not isinstance(item["input"], str):
                self.add(f'instance {number}: "input" is {shown(item["input"])}, which is no text')
            elif wrong := [text for text in outputs if not isinstance(text, str)]:
                self.add(
                    f'instance {number}: "output" is {shown(wrong[0])}; it must be a text or a '
                    "list of texts"
                )
            elif not isinstance(item.get("id", ""), str):
                self.add(f'instance {number}: "id" is {shown(item["id"])}, which is no text')
            else:
                yield {"id": item.get("id", ""), "input": item["input"], "output": outputs}

    def _objects(
        self, value: Mapping[str, Any], key: str
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
        held = value[key]
        if not isinstance(held, list):
            self.add(f'"{key}" is {shown(held)}; it must be a list of objects')
            return
        for number, item in enumerate(held):
            if isinstance(item, dict):
                yield number, item
            else:
                self.add(f'"{key}", entry {number}, is {shown(item)}; it must be an object')


def _quoted(name: str) -> str:
    return f'"{name}"'
