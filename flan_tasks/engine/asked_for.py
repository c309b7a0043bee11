"""What the record of a build says of how it was asked for."""

import shlex
from collections.abc import Mapping
from typing import Any

from flan_tasks.core.origin import DECLARED, SOURCE_KINDS


def source_of(manifest: Mapping[str, Any]) -> str:
    """Returns the kind of source a build was read from."""
    kinds = _values(manifest, "source", "--source")
    return kinds[0] if kinds and kinds[0] in SOURCE_KINDS else DECLARED


def modules_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the modules of its user's that a build was made with."""
    return _values(manifest, "modules", "--module")


def _values(manifest: Mapping[str, Any], field: str, option: str) -> tuple[str, ...]:
    recipe = manifest.get("recipe")
    spec = recipe.get("spec") if isinstance(recipe, Mapping) else None
    if isinstance(spec, Mapping):
        value = spec.get(field, ())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
    # Releases up to 0.1.0 kept the command alone.
    try:
        words = shlex.split(str(manifest.get("command", "")))
    except ValueError:  # a quotation mark without its other
        return ()
    pairs = zip(words, words[1:], strict=False)
    return tuple(value for word, value in pairs if word == option)
