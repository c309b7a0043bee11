"""Parts of a mixture: members, weight, scheme and prompts of their own."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.field_types import MAX_INT, check_types, quoted, shown
from flan_tasks.core.naming import check_part_name
from flan_tasks.core.template import KINDS
from flan_tasks.core.variation import FULL, MOST_SHOTS, Variation

SCHEMES = ("proportional", "temperature", "equal", "rates")
CAP_PER = ("dataset", "task")
EXAMPLES, TOKENS, TRAINED_TOKENS = "examples", "tokens", "trained_tokens"
# What the weights of parts are shares of.
WEIGHTS = (EXAMPLES, TOKENS, TRAINED_TOKENS)
# Name of a prompt type -> whether there are exemplars, and whether options are shown.
PROMPT_TYPES: Mapping[str, tuple[bool, bool]] = {
    "zs_opt": (False, True),
    "fs_opt": (True, True),
    "zs_noopt": (False, False),
    "fs_noopt": (True, False),
}
# Rates are added up and divided by their sum, which must stay within what a float holds.
LOWEST, HIGHEST = 1e-100, 1e100
# Fields of a part that say how its rows are mixed, and how its prompts are made.
MIXING = ("scheme", "cap", "cap_per", "temperature", "rates", "limit", "kinds")
OPTION_FIELDS = ("option_style", "option_targets")
PROMPTS = (
    *("options", "option_order", *OPTION_FIELDS),
    *("templates", "num_templates", "instructions"),
)
_LISTS = ("include", "exclude", "templates", "kinds")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a mixture; what it does not say is as in the mixture or part around it.

    Raises:
      DeclarationError: with every problem of the declaration.
    """

    name: str
    """Lower-case letters, digits and underscores; with the names around it, its path."""
    weight: float = 1.0
    """Its share of what it is part of, in proportion to the weights beside it."""
    mixture: str | None = None
    """The mixture, cluster or dataset that it is, by name."""
    include: tuple[str, ...] = ()
    """Or names of the datasets, parents and clusters that it has."""
    parts: tuple["Part", ...] = ()
    """Or the parts that it has."""
    exclude: tuple[str, ...] = ()
    """Datasets, parents and clusters that are left out of it."""
    prompt_types: Mapping[str, float] = field(default_factory=dict)
    """Splits it by prompts: name of PROMPT_TYPES -> weight; of names alone all weigh the same."""
    scheme: str | None = None
    """One of SCHEMES, for the datasets in it."""
    cap: int | None = None
    """Ceiling on the rate of a dataset."""
    cap_per: str | None = None
    """One of CAP_PER."""
    temperature: float | None = None
    """For the temperature scheme."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """For the rates scheme: dataset, parent or cluster -> rate."""
    limit: int | None = None
    """Ceiling on the number of training examples read of a dataset."""
    max_repeats: float | None = None
    """How many times an example of it is drawn at most, on average."""
    kinds: tuple[str, ...] | None = None
    """Which templates are drawn from."""
    shots: int | tuple[int, int] | None = None
    """Exemplars before each query; two numbers are the fewest and the most, and it is drawn."""
    options: bool | None = None
    """Whether prompts show the options."""
    option_order: str | None = None
    """Fixed, or shuffled for each example and epoch."""
    option_style: str | None = None
    """How options are listed: varied, or the id of one style."""
    option_targets: str | None = None
    """The target where options have labels: text, label or both."""
    templates: tuple[str, ...] | None = None
    """Template ids drawn among, "hence" or "rte.hence"."""
    num_templates: int | None = None
    """Draw among the first so many of each dataset's."""
    instructions: str | None = None
    """The templates; or fields and options alone, or after the dataset's name."""

    def __post_init__(self) -> None:
        if isinstance(self.prompt_types, list | tuple):
            equal = {name: 1.0 for name in self.prompt_types if isinstance(name, str)}
            object.__setattr__(self, "prompt_types", equal)
        what = f"part {quoted(self.name)}"
        check_types(self, what, error=DeclarationError)
        problems = list(self._problems())
        if problems:
            raise DeclarationError(f"{what}: " + "; ".join(problems))

    @property
    def stated(self) -> dict[str, Any]:
        """What it says besides its name: field -> value."""
        return {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if one.name != "name" and getattr(self, one.name) != _default(one)
        }

    @property
    def prompts(self) -> dict[str, Any]:
        """What it says of prompts, as fields of a variation."""
        found = {name: value for name, value in self.stated.items() if name in PROMPTS}
        if self.shots is not None:
            found["shots"] = self.shots if isinstance(self.shots, int) else self.shots[1]
        return found

    @property
    def fewest_shots(self) -> int | None:
        """The fewest exemplars, where their number is drawn."""
        return self.shots[0] if isinstance(self.shots, tuple) else None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Part":
        """Returns the part that `to_json` wrote."""
        found = {name: _tuple(value) for name, value in values.items()}
        if "parts" in found:
            found["parts"] = tuple(cls.of(one) for one in values["parts"])
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """Returns what it says, as JSON-able values."""
        return {"name": self.name, **_plain(self.stated)}

    def _problems(self) -> Iterator[str]:
        yield from check_part_name(self.name)
        if not LOWEST <= self.weight <= HIGHEST:
            yield (
                f"weight {self.weight:g} must be a number above 0, from {LOWEST:g} to "
                f"{HIGHEST:g}; leave out a part that is not wanted"
            )
        members = [name for name in ("mixture", "include", "parts") if getattr(self, name)]
        if len(members) > 1:
            yield f"it has {' and '.join(members)}; give one of them"
        elif not members:
            yield "it has no datasets; give mixture, include or parts"
        yield from same_names(self.parts)
        yield from mixing_problems(self)
        if self.parts and self.prompt_types:
            yield "it has parts and prompt_types; give the prompt types of each of its parts"
        if self.parts and self.scheme == "rates":
            yield 'it has parts, and scheme = "rates" is for datasets; give its parts weights'
        yield from self._prompt_problems()

    def _prompt_problems(self) -> Iterator[str]:
        for name, weight in self.prompt_types.items():
            if name not in PROMPT_TYPES:
                yield str(unknown_name("prompt type", name, PROMPT_TYPES))
            if not LOWEST <= weight <= HIGHEST:
                yield f"the weight of {name}, {weight:g}, must be a number above 0"
        if self.prompt_types and self.options is not None:
            yield "it has prompt_types and options; the types say whether options are shown"
        if isinstance(self.shots, tuple) and not 1 <= self.shots[0] <= self.shots[1] <= MOST_SHOTS:
            yield (
                f"shots {list(self.shots)} must be the fewest and the most, from 1 to {MOST_SHOTS}"
            )
        elif any(PROMPT_TYPES.get(name, (False, False))[0] for name in self.prompt_types) and (
            self.shots == 0
        ):
            yield "it has few-shot prompt types and shots = 0; give 1 or more"
        yield from prompt_problems(self.prompts)


def _default(one: Any) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def same_names(parts: tuple[Part, ...]) -> Iterator[str]:
    """Yields which names several parts beside each other have."""
    names = [part.name for part in parts]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f'{names.count(name)} parts are called "{name}"; give each a name of its own'


def prompt_problems(prompts: Mapping[str, Any]) -> list[str]:
    """Returns what is wrong with fields of a variation that a mixture or part states."""
    try:
        Variation(**{"instructions": FULL, **prompts})
    except ConfigError as error:
        return [f"{name} {what}" for name, what in error.problems]
    return []


def mixing_problems(one: Any) -> Iterator[str]:
    """Yields what is wrong with the scheme and numbers of a mixture or part; None is not given."""
    if one.scheme is not None and one.scheme not in SCHEMES:
        yield f'scheme "{one.scheme}" must be one of {", ".join(SCHEMES)}'
    if one.cap_per is not None and one.cap_per not in CAP_PER:
        yield f'cap_per "{one.cap_per}" must be one of {", ".join(CAP_PER)}'
    if any(number is not None and number < 1 for number in (one.cap, one.limit)):
        yield "cap and limit must be 1 or more"
    # Far below 1, a rate to the power 1/T is more than a float holds.
    if one.temperature is not None and not 0.1 <= one.temperature < math.inf:
        yield f"temperature {one.temperature} must be a number of 0.1 or more"
    if one.kinds is not None and (not one.kinds or set(one.kinds) - set(KINDS)):
        yield f"kinds {list(one.kinds)} must be among {', '.join(KINDS)}"
    if one.max_repeats is not None and not 0.001 <= one.max_repeats <= 1e9:
        yield f"max_repeats {one.max_repeats:g} must be a number from 0.001 to 1e9"
    if (one.scheme == "rates") != bool(one.rates):
        yield 'rates belong to scheme = "rates", which needs them'
    if not all(LOWEST <= rate <= HIGHEST for rate in one.rates.values()):
        yield (
            f"every rate must be a number above 0, from {LOWEST:g} to {HIGHEST:g}; leave out "
            "what is not wanted by `exclude`"
        )


def parse_parts(table: Any, place: str) -> tuple[tuple[Part, ...], list[str]]:
    """Reads the tables of parts of a mixture file.

    Args:
      table: name -> what it says.
      place: where they stand in the file, such as "parts".

    Returns:
      The parts that are right, and what is wrong with the others, each with its place.
    """
    if not isinstance(table, dict):
        return (), [f'"{place}" must hold a table for each part, [{place}.NAME]']
    parts: list[Part] = []
    problems: list[str] = []
    for name, values in table.items():
        here = f"{place}.{name}"
        if not isinstance(values, dict):
            problems.append(f'"{here}" must be a table, [{here}]')
            continue
        part, wrong = _parse_part(name, values, here)
        parts += [part] if part else []
        problems += wrong
    return tuple(parts), problems


def _parse_part(name: str, values: dict[str, Any], place: str) -> tuple[Part | None, list[str]]:
    known = [one.name for one in fields(Part) if one.name != "name"]
    problems = [
        f'{place}: unknown key "{key}"; known are {", ".join(known)}'
        for key in values
        if key not in known
    ]
    found: dict[str, Any] = {"name": name}
    for key in known:
        if key not in values:
            continue
        value = values[key]
        if key == "parts":
            found[key], wrong = parse_parts(value, f"{place}.parts")
            problems += wrong
            continue
        wrong_value, found[key] = _value(key, value)
        problems += [f"{place}: {wrong_value}"] if wrong_value else []
    if any(line.startswith(f"{place}: ") for line in problems) or (
        problems and not found.get("parts", True)
    ):
        return None, problems
    try:
        return Part(**found), problems
    except DeclarationError as error:
        text = str(error).removeprefix(f"part {quoted(name)}: ")
        return None, [*problems, f"{place}: {text}"]


def _value(key: str, value: Any) -> tuple[str, Any]:
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return f'"{key}" must be a list of texts', ()
        return "", tuple(value)
    if key == "prompt_types" and isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            return '"prompt_types" must be a list of names, or a table of weights', {}
        return "", dict.fromkeys(value, 1.0)
    if key in ("rates", "prompt_types"):
        numbers = isinstance(value, dict) and all(map(_is_number, value.values()))
        return ("", dict(value)) if numbers else (f'"{key}" must be a table of numbers', {})
    if key == "shots" and isinstance(value, list):
        pair = len(value) == 2 and all(type(item) is int for item in value)
        return ("", tuple(value)) if pair else ('"shots" must be a number, or two', None)
    whole = key in ("cap", "limit", "shots", "num_templates")
    wanted = int if whole else bool if key == "options" else str
    if key in ("weight", "temperature", "max_repeats"):
        if not _is_number(value):
            return f'"{key}" must be a number, not {shown(value)}', 1.0
        return "", float(value) if abs(value) <= MAX_INT else value
    if type(value) is not wanted:
        return f'"{key}" must be {wanted.__name__}, not {shown(value)}', None
    return "", value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
