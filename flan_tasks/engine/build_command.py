"""What the canonical command of a build says of where its rows came from."""

import shlex
from collections.abc import Mapping
from typing import Any

from flan_tasks.core.origin import DECLARED, SOURCE_KINDS


def source_of(manifest: Mapping[str, Any]) -> str:
    """Returns the kind of source a build was read from."""
    found = _values(manifest, "--source")
    return found[0] if found and found[0] in SOURCE_KINDS else DECLARED


def modules_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the modules of its user's that a build was made with."""
    return _values(manifest, "--module")


def _values(manifest: Mapping[str, Any], option: str) -> tuple[str, ...]:
    try:
        words = shlex.split(str(manifest.get("command", "")))
    except ValueError:  # a quotation mark without its other
        return ()
    pairs = zip(words, words[1:], strict=False)
    return tuple(value for word, value in pairs if word == option)
