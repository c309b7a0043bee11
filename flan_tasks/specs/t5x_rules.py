"""Rules of what a name in T5X's gin files becomes here, and how its values change.

`t5x_names` has the rule of each name, `t5x_lines` applies them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.specs.config import FACTORS, NORMALIZERS
from flan_tasks.specs.gin_statements import Macro, Reference


class Untranslatable(Exception):
    """A value has no counterpart; the text says what to write instead."""


@dataclass(frozen=True)
class Rule:
    """What one name becomes."""

    to: str = ""
    """The macro or parameter here; empty if there is none."""
    why: str = ""
    """Why a line without one is left out."""
    only: tuple[Any, ...] | None = None
    """The values that it may have; None is any."""
    instead: str = ""
    """What to write for another value."""
    change: Callable[[Any], Any] | None = None
    """Returns the value here; raises Untranslatable."""
    unset: tuple[Any, ...] = ()
    """Values that set nothing; then the line is left out."""


Rules = Mapping[str, Rule]


def to(
    name: str, change: Callable[[Any], Any] | None = None, *, unset: tuple[Any, ...] = ()
) -> Rule:
    """A name that is another one here, but for values that set nothing."""
    return Rule(to=name, change=change, unset=unset, why="it sets nothing")


def left_out(why: str) -> Rule:
    """A name that means nothing here, whatever its value."""
    return Rule(why=why)


def only(*values: Any, why: str, instead: str) -> Rule:
    """A name that may have these values alone, with which it says how things are here."""
    return Rule(why=why, only=values, instead=instead)


def never(instead: str) -> Rule:
    """A name whose meaning would be lost."""
    return Rule(only=(), instead=instead)


def none_is(value: Any) -> Callable[[Any], Any]:
    """Returns what gives this value for None."""
    return lambda one: value if one is None else one


def one_of(values: Mapping[Any, Any], instead: str) -> Callable[[Any], Any]:
    """Returns what looks a value up; what is not there is refused with what to write instead."""

    def change(one: Any) -> Any:
        try:
            return values[one]
        except (KeyError, TypeError):
            raise Untranslatable(instead) from None

    return change


def last(name: str) -> str:
    """Returns a name without its scope, module and brackets."""
    return name.removesuffix("()").rsplit("/", 1)[-1].rsplit(".", 1)[-1]


def normalizer(value: Any) -> Any:
    """Returns T5X's constant by its name."""
    # T5X's are constants of an enumeration, which gin writes as macros.
    name = value.name if isinstance(value, Macro) else value
    if isinstance(name, str) and last(name) in NORMALIZERS:
        return last(name)
    return value


def optimizer(value: Any) -> str:
    """Returns the name of an optimizer."""
    names = {"adafactor": "adafactor", "adamw": "adamw"}
    name = last(value.name if isinstance(value, Reference) else str(value)).lower()
    if name not in names:
        raise Untranslatable('write OPTIMIZER = "adafactor" or "adamw"')
    return names[name]


def factors(value: Any) -> Any:
    """Returns the factors of a schedule, which are checked."""
    names = [one.strip() for one in value.split("*")] if isinstance(value, str) else []
    for name in names:
        if name == "linear_decay":
            raise Untranslatable(
                "linear_decay is a line to 0 here, over DECAY_STEPS; write SCHEDULE and DECAY_STEPS"
            )
        if name not in FACTORS:
            raise Untranslatable(
                f"there is no factor {name}; write SCHEDULE of {', '.join(FACTORS)}"
            )
    return value


def submesh(value: Any) -> int:
    """Returns how many devices share a model."""
    if not isinstance(value, list | tuple) or not all(isinstance(size, int) for size in value):
        raise Untranslatable("write MESH_MODEL, how many devices share a model")
    product = 1
    for size in value:
        product *= size
    return product


def fsdp(value: Any) -> Any:
    """Returns how many devices share the parameters."""
    if value not in (1, 2):
        raise Untranslatable("write MESH_FSDP, how many devices share the parameters")
    return -1 if value == 2 else 1


def no_scratch(value: Any) -> Any:
    """Returns None for T5X's empty list, which starts from random weights."""
    return value or None
