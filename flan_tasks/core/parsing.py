"""TOML and JSON of others: whatever is wrong with a text is a ValueError that says so."""

import json
import re
from collections.abc import Sequence
from typing import Any

_DEEP = "it is nested too deeply"
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def parse_toml(text: str) -> dict[str, Any]:
    """Reads TOML.

    Raises:
      ValueError: the text is none, is nested too deeply, or holds a number of thousands of digits.
    """
    import tomllib  # of Python 3.11; metrics, which exported tasks carry, run on older ones

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(_DEEP) from None


def parse_json(text: str | bytes, *, unique_names: bool = False) -> Any:
    """Reads JSON.

    Args:
      text: as text, or as UTF-8, -16 or -32.
      unique_names: refuse objects that have a name twice, of which the last would win.

    Raises:
      ValueError: the text is none, is nested too deeply, or holds a number of thousands of digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_object if unique_names else None)
    except RecursionError:
        raise ValueError(_DEEP) from None


def place_of_fault(path: str, error: ValueError) -> str:
    """Returns where a text cannot be read: its path, and line and column where they are known."""
    if isinstance(error, json.JSONDecodeError):
        return f"{path}, line {error.lineno}, column {error.colno}"
    # Python 3.14 has them as numbers.
    if place := _PLACE.search(str(error)):
        return f"{path}, line {place[1]}, column {place[2]}"
    return path


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"more than one value is called {', '.join(twice)}")
    return value
