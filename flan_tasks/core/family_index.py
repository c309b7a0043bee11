"""The index of a family: a JSON object for each of its tasks, one a line."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from flan_tasks.core.member import Member
from flan_tasks.core.parsing import parse_json

_KNOWN = tuple(part.name for part in dataclasses.fields(Member))


def read_line(text: str) -> dict[str, Any]:
    """Reads a line of an index as what it says of a task.

    Raises:
      ValueError: it is no JSON object.
    """
    values = parse_json(text, unique_names=True)
    if not isinstance(values, dict):
        raise ValueError(f"a task is a JSON object, not {type(values).__name__}")
    return values


def read_member(text: str) -> Member:
    """Reads a line of an index.

    Raises:
      ValueError: it is no JSON object, or has names that members do not.
      DeclarationError: a value has the wrong type or form.
    """
    values = read_line(text)
    name = values.pop("name", None)
    for key in values:
        if key not in _KNOWN:
            raise ValueError(f'unknown key "{key}"; known are {", ".join(_KNOWN)}')
    for key in ("source_name", "cluster"):
        if key not in values:
            raise ValueError(f'no "{key}"')
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    member = Member(**given)
    if name not in (None, member.name):
        raise ValueError(f'"{member.source_name}" is called {member.name} here, not {name}')
    return member


def write_index(members: Iterable[Member]) -> str:
    """Returns the text of an index: a JSON object a line, without values that are the default."""
    lines = []
    for member in members:
        values = {
            part.name: value
            for part in dataclasses.fields(member)
            if (value := getattr(member, part.name)) or value is False
        }
        for name in ("in_default_mixtures", "has_options"):
            if values[name]:
                values.pop(name)
        lines.append(json.dumps({"name": member.name, **values}, ensure_ascii=False) + "\n")
    return "".join(lines)
