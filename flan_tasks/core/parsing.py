"""TOML and JSON of others: whatever is wrong with a text is a ValueError that says so."""

import json
import tomllib
from typing import Any

_DEEP = "it is nested too deeply"


def parse_toml(text: str) -> dict[str, Any]:
    """Reads TOML.

    Raises:
      ValueError: the text is none, is nested too deeply, or holds a number of thousands of digits.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(_DEEP) from None


def parse_json(text: str | bytes) -> Any:
    """Reads JSON.

    Raises:
      ValueError: the text is none, is nested too deeply, or holds a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(_DEEP) from None
