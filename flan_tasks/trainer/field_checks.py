"""Whether the fields of a dataclass fit their annotations, said in words."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from flan_tasks.core.errors import FlanTasksError


class ConfigError(FlanTasksError):
    """A run is configured in a way that cannot work; `problems` are (field, what is wrong)."""

    exit_code = 2

    def __init__(self, owner: str, problems: list[tuple[str, str]]):
        super().__init__("; ".join(f"{owner}.{name} {what}" for name, what in problems))
        self.owner = owner
        self.problems = problems


def wrong_types(config: Any) -> list[tuple[str, str]]:
    """Names the fields of a dataclass whose values do not fit their annotations."""
    hints = typing.get_type_hints(type(config))
    found = []
    for part in dataclasses.fields(config):
        value, hint = getattr(config, part.name), hints[part.name]
        if not _fits(value, hint):
            found.append((part.name, f"is {value!r} ({type(value).__name__}); want {_say(hint)}"))
        elif isinstance(value, float) and not math.isfinite(value):
            found.append((part.name, f"is {value}; want a finite number"))
    return found


def at_least(config: Any, least: int, *names: str) -> list[tuple[str, str]]:
    """Names the fields below `least`."""
    small = [name for name in names if getattr(config, name) < least]
    return [(name, f"is {getattr(config, name)}; want {least} or more") for name in small]


def refuse(config: Any, problems: list[tuple[str, str]]) -> None:
    """Raises a ConfigError if there are problems."""
    if problems:
        raise ConfigError(type(config).__name__, problems)


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, arguments[0]) for item in value)
    if origin is not None:  # a Mapping
        key, item = arguments
        return isinstance(value, Mapping) and all(
            _fits(k, key) and _fits(v, item) for k, v in value.items()
        )
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _say(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(option) for option in typing.get_args(hint))
    if hint is type(None):
        return "None"
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_say(option) for option in typing.get_args(hint))
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("collections.abc.", "")
