"""Whether the values of a frozen dataclass fit its annotations, said in words.

One check for everything that is declared: datasets, splits, mixtures, templates, runs. It stands
before the checks of ranges, which may then compare and look into values without care.
"""

import dataclasses
import functools
import math
import reprlib
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from flan_tasks.core.errors import FlanTasksError

# What numpy, JAX, Arrow and JSON readers hold in 64 bits.
MAX_INT = (1 << 63) - 1

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 120
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = 12


def wrong_types(declaration: Any) -> list[tuple[str, str]]:
    """Names the fields of a dataclass whose values do not fit their annotations.

    A bool is no number and a number no bool; whole numbers fit into 64 bits, other numbers are
    finite; text has neither half a surrogate pair nor a NUL; where several texts belong, one text
    is refused, as its letters would be taken for them.
    """
    problems = []
    cls: type = type(declaration)
    for name, hint, default in _hints(cls):
        value = getattr(declaration, name)
        # What is left as it is declared is right; thousands are checked before a command begins.
        if value is not default and (problem := _problem(value, hint)):
            problems.append((name, problem))
    return problems


def check_types(declaration: Any, name: str = "", *, error: type[FlanTasksError]) -> None:
    """Raises `error` where values of a dataclass do not fit its annotations.

    Args:
      declaration: what was built.
      name: how the message begins; by default the class's name.
      error: what is raised, with every such value.
    """
    problems = wrong_types(declaration)
    if problems:
        listed = "; ".join(f"{field} {what}" for field, what in problems)
        raise error(f"{name or type(declaration).__name__}: {listed}")


def shown(value: object) -> str:
    """A value as messages quote it: its `repr`, cut where it is long, deep or broken."""
    try:
        return _REPR.repr(value)
    except Exception:  # noqa: BLE001 - a repr of someone else's may raise anything
        return f"<{type(value).__name__}>"


def quoted(name: object) -> str:
    """A name as messages quote it; what is long or no text as `shown` does."""
    return f'"{name}"' if isinstance(name, str) and len(name) <= 120 else shown(name)


@functools.cache
def _hints(cls: type) -> tuple[tuple[str, Any, Any], ...]:
    """Name, annotation and default of each field; of one without a default, what no value is."""
    hints = typing.get_type_hints(cls)
    return tuple((part.name, hints[part.name], part.default) for part in dataclasses.fields(cls))


def _problem(value: Any, hint: Any) -> str:
    if hint is Any or _is_plainly_right(value, hint):
        return ""
    if not _fits(hint)(value):
        if isinstance(value, str) and _is_tuple(hint):
            return f'is one text; write ("{value[:60]}",)'
        return f"is {shown(value)} ({type(value).__name__}); want {_say(hint)}"
    if _is_plain(value):
        return ""  # what most values are
    return "; ".join(dict.fromkeys(_inside(value)))


def _is_plainly_right(value: Any, hint: Any) -> bool:
    """Whether a value is one of those that need no long look, which are nearly all."""
    kind = type(value)
    if kind is str:
        return bool(hint is str and value.isascii() and "\0" not in value)
    if kind is bool:
        return hint is bool
    if kind is tuple:
        return hint == tuple[str, ...] and all(_is_plainly_right(item, str) for item in value)
    return kind is dict and not value and _origin(hint) is Mapping


def _is_plain(value: Any) -> bool:
    """Whether `_inside` has nothing to say of a value, for all but rare ones."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii() and "\0" not in value)
    if kind is int:
        return bool(-MAX_INT <= value <= MAX_INT)
    if kind is tuple:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    # Nothing is said of what is in a list.
    return value is None or kind is bool or kind is list


# Asking `typing` each time takes most of a check; an index of a family has thousands.
@functools.cache
def _origin(hint: Any) -> Any:
    return typing.get_origin(hint)


def _inside(value: Any) -> typing.Iterator[str]:
    """What is wrong with values of the right type."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"is {value}; want a finite number"
    elif isinstance(value, int) and abs(value) > MAX_INT:
        yield "is a number of more than 64 bits; want one between -2^63 and 2^63"
    elif isinstance(value, str):
        yield from wrong_text(value)
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _inside(pair)
    elif isinstance(value, tuple):
        for item in value:
            yield from _inside(item)


def wrong_text(text: str) -> typing.Iterator[str]:
    """Yields what makes a text one that no file or terminal can hold."""
    if "\0" in text:
        yield f"holds a NUL character: {shown(text)}"
    if is_half(text):
        yield f"holds half a surrogate pair, which is no text: {shown(text)}"


def is_half(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which UTF-8 cannot say."""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _is_tuple(hint: Any) -> bool:
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    return any(typing.get_origin(option) is tuple for option in options)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


@functools.cache
def _fits(hint: Any) -> Callable[[Any], bool]:
    """Returns what says whether a value fits a hint; hints are taken apart once, values often."""
    if hint is Any:
        return lambda value: True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return lambda value: any(
            type(value) is type(option) and value == option for option in arguments
        )
    if _is_union(hint):
        options = [_fits(option) for option in arguments]
        return lambda value: any(fits(value) for fits in options)
    if origin is tuple and arguments[-1] is Ellipsis:
        each = _fits(arguments[0])
        return lambda value: isinstance(value, tuple) and all(map(each, value))
    if origin is tuple:
        places = [_fits(argument) for argument in arguments]
        return lambda value: (
            isinstance(value, tuple)
            and len(value) == len(places)
            and all(fits(item) for fits, item in zip(places, value, strict=True))
        )
    if origin is Callable:
        return callable
    if origin is type:
        return lambda value: isinstance(value, type)
    if origin is not None:  # a Mapping
        key, item = map(_fits, arguments)
        return lambda value: (
            isinstance(value, Mapping) and all(key(k) and item(v) for k, v in value.items())
        )
    if hint is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    return lambda value: isinstance(value, hint)


def _say(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(repr(option) for option in arguments)
    if hint is type(None):
        return "None"
    if _is_union(hint):
        return " or ".join(_say(option) for option in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"a tuple of {_say(arguments[0])}"
    if origin is tuple:
        return f"a tuple of {' and '.join(map(_say, arguments))}"
    if origin is Callable:
        return "a function"
    if origin is Mapping:
        return f"a mapping of {_say(arguments[0])} to {_say(arguments[1])}"
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("collections.abc.", "")
