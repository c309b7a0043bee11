"""Mixtures: which datasets, at which rates."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import MAX_INT, check_types, quoted, shown
from flan_tasks.core.naming import check_mixture_name
from flan_tasks.core.parsing import parse_toml, place_of_fault
from flan_tasks.core.parts import (
    EXAMPLES,
    OPTION_FIELDS,
    WEIGHTS,
    Part,
    mixing_problems,
    parse_parts,
    prompt_problems,
    same_names,
)
from flan_tasks.core.template import KINDS

ALL = "all"
# Fields that stand in a record only where they say something, so that others are what they were.
_ONLY_IF_STATED = ("notes", "parts", "weights", "max_repeats", "mixtures", *OPTION_FIELDS)
# What a file of a mixture ends in, where a part names one.
FILE = ".toml"


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """What a mixture holds and how much of each.

    Proportional: the rate of a dataset is min(its examples, `cap`), shared by its parts in
    proportion to their examples (Raffel et al. 2020, section 3.5.2; Wei et al. 2022, with a cap of
    3,000). Temperature: that rate to the power 1/T. Equal: 1 for each dataset. Rates: as given.

    Raises:
      DeclarationError: with every problem of the declaration.
    """

    name: str
    """Lower-case words joined by dots; `flan:mix.<name>` is its SeqIO name."""
    description: str = ""
    """One sentence, shown in lists and cards."""
    notes: tuple[str, ...] = ()
    """What else a reader of the card should know, a sentence or two each."""
    include: tuple[str, ...] = (ALL,)
    """Names of datasets, parents and clusters; "all" is every dataset of the default mixtures."""
    exclude: tuple[str, ...] = ()
    """Left out of training."""
    hold_out: tuple[str, ...] = ()
    """Left out of training and evaluated instead."""
    drop_overlaps: bool = False
    """Whether datasets that declare an overlap with a held-out one are left out as well."""
    scheme: str = "proportional"
    """One of SCHEMES."""
    cap: int = 3000
    """Ceiling on the rate of a dataset."""
    cap_per: str = "dataset"
    """What the cap is for: a dataset with all its parts, or each part (as the published code
    did)."""
    temperature: float = 1.0
    """For the temperature scheme."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """For the rates scheme: dataset, parent or cluster -> rate (shared by what it means)."""
    kinds: tuple[str, ...] = KINDS
    """Which templates are drawn from."""
    limit: int = 30_000
    """Ceiling on the number of training examples read of a dataset with all its parts."""
    parts: tuple[Part, ...] = ()
    """What it is made of, in place of `include`: parts with members and prompts of their own."""
    weights: str = EXAMPLES
    """What the weights of its parts are shares of, one of WEIGHTS."""
    max_repeats: float | None = None
    """How many times an example of a dataset is drawn at most, on average; what it frees goes to
    the others in proportion."""
    mixtures: Mapping[str, "Mixture"] = field(default_factory=dict)
    """Mixtures that its parts name and the catalog does not have: those of files, under their
    names, such as "mine.toml"."""
    option_style: str | None = None
    """How options are listed where a part does not say it: varied, or the id of one style; None is
    as the build is told."""
    option_targets: str | None = None
    """The target where options have labels: text, label or both; None is as the build is told."""

    def __post_init__(self) -> None:
        if isinstance(self.mixtures, Mapping):  # from JSON
            named = {
                name: _from_json(one) if isinstance(one, Mapping) else one
                for name, one in self.mixtures.items()
            }
            object.__setattr__(self, "mixtures", named)
        if isinstance(self.parts, list | tuple):  # from JSON
            parts = (Part.of(one) if isinstance(one, Mapping) else one for one in self.parts)
            object.__setattr__(self, "parts", tuple(parts))
        check_types(self, f"mixture {quoted(self.name)}", error=DeclarationError)
        problems = list(check_mixture_name(self.name))
        problems += mixing_problems(self)
        if not self.include:
            problems.append("include is empty")
        if self.weights not in WEIGHTS:
            problems.append(f'weights "{self.weights}" must be one of {", ".join(WEIGHTS)}')
        problems += same_names(self.parts)
        if unused := set(self.mixtures) - set(_named_by(self.parts)):
            problems.append(f"mixtures has {', '.join(sorted(unused))}, which no part names")
        if self.parts and self.include != (ALL,):
            problems.append("it has include and parts; give include to the parts")
        if self.parts and self.scheme == "rates":
            problems.append('it has parts, and scheme = "rates" is for datasets; give them weights')
        if self.weights != EXAMPLES and not self.parts:
            problems.append(f'weights = "{self.weights}" are those of parts, and it has none')
        problems += prompt_problems(self.prompts)
        if problems:
            raise DeclarationError(f"mixture {quoted(self.name)}: " + "; ".join(problems))

    @property
    def prompts(self) -> dict[str, Any]:
        """What it says of prompts, as fields of a variation."""
        stated = {name: getattr(self, name) for name in OPTION_FIELDS}
        return {name: value for name, value in stated.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values; a mixture without parts has no word of them."""
        found: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in _ONLY_IF_STATED and value == _default(one):
                continue
            if one.name == "parts":
                value = [part.to_json() for part in self.parts]
            if one.name == "mixtures":
                value = {name: mixture.to_json() for name, mixture in self.mixtures.items()}
            found[one.name] = list(value) if isinstance(value, tuple) else value
        return found

    def _repr_html_(self) -> str:
        pairs = ((one.name, getattr(self, one.name), one) for one in fields(self))
        return notebook.page(
            "Mixture",
            notebook.facts(
                (name, _in_words(value))
                for name, value, one in pairs
                if name == "name" or value != _default(one)
            ),
        )


def _from_json(values: Mapping[str, Any]) -> Mixture:
    given: dict[str, Any] = {}
    for name, value in values.items():
        given[name] = tuple(value) if isinstance(value, list) else value
    return Mixture(**given)


def _named_by(parts: Iterable[Part]) -> Iterator[str]:
    """Yields the mixtures that parts name, and parts of theirs."""
    for part in parts:
        if part.mixture is not None:
            yield part.mixture
        yield from _named_by(part.parts)


def _in_words(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return ", ".join(one.name if isinstance(one, Part) else str(one) for one in value)


def _default(one: "Field[Any]") -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def parse_mixture(text: str, *, name: str, path: str) -> Mixture:
    """Reads a mixture file's text; its name is the file's.

    Raises:
      DeclarationError: with every problem of the file.
    """
    try:
        data = parse_toml(text)
    except ValueError as error:
        where = place_of_fault(path, error)
        raise DeclarationError(f"{path}: not valid TOML: {error}", where=where) from error
    known = {f.name: f for f in fields(Mixture) if f.name not in ("name", "mixtures")}
    problems = [
        f'unknown key "{key}"; known are {", ".join(known)}' for key in data if key not in known
    ]
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            continue
        if key == "parts":
            values[key], wrong = parse_parts(value, "parts")
            problems += wrong
            continue
        problem, values[key] = _value(key, value)
        problems += [problem] if problem else []
    if problems:
        raise DeclarationError("\n".join(f"{path}: {problem}" for problem in problems), where=path)
    try:
        return Mixture(name=name, **values)
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}", where=path) from error


def read_mixture(path: Path) -> Mixture:
    """Reads a mixture file, and those that its parts name; it is named after the file.

    Raises:
      DeclarationError: a file is missing or malformed, or files name each other.
    """
    return _read(path, ())


def _read(path: Path, within: tuple[str, ...]) -> Mixture:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise DeclarationError(f"{path}: {what}", where=str(path)) from error
    except ValueError as error:
        raise DeclarationError(f"{shown(str(path))}: cannot be read: {error}") from error
    mixture = parse_mixture(text, name=path.name.removesuffix(FILE), path=str(path))
    return _with_files(mixture, path, (*within, os.path.realpath(path)))


def _with_files(mixture: Mixture, path: Path, within: tuple[str, ...]) -> Mixture:
    """Reads the files that parts of a mixture name, which lie where they say from its own folder.

    Args:
      mixture: as its file says.
      path: the file.
      within: real paths of the files that led here, itself the last.
    """
    files: dict[str, Mixture] = {}
    places: dict[str, str] = {}
    problems: list[str] = []

    def named(part: Part, place: str) -> Part:
        if part.parts:
            inside = (named(one, f"{place}.parts.{one.name}") for one in part.parts)
            return replace(part, parts=tuple(inside))
        if part.mixture is None or not part.mixture.endswith(FILE):
            return part
        file = path.parent / part.mixture
        real = os.path.realpath(file)
        try:
            if real in within:
                around = [Path(one).name for one in within[within.index(real) :]]
                raise DeclarationError(
                    f"mixtures that name each other, {' - '.join([*around, file.name])}; take one "
                    "of these parts out"
                )
            if places.setdefault(file.name, real) != real:
                raise DeclarationError(f"two files are called {file.name}; rename one of them")
            if file.name not in files:
                files[file.name] = _read(file, within)
        except DeclarationError as error:
            problems.append(f"{path}: {place}: {error}")
        # Its name alone: manifests keep no path.
        return replace(part, mixture=file.name)

    parts = tuple(named(part, f"parts.{part.name}") for part in mixture.parts)
    if problems:
        raise DeclarationError("\n".join(problems))
    return replace(mixture, parts=parts, mixtures=files) if files else mixture


def _value(key: str, value: Any) -> tuple[str, Any]:
    if key in ("notes", "include", "exclude", "hold_out", "kinds"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return f'"{key}" must be a list of texts', ()
        return "", tuple(value)
    if key == "rates":
        numbers = isinstance(value, dict) and all(_is_number(v) for v in value.values())
        return ("", dict(value)) if numbers else ('"rates" must be a table of numbers', {})
    wanted = {"drop_overlaps": bool, "cap": int, "limit": int, "temperature": float}.get(key, str)
    if key == "max_repeats":
        wanted = float
    if wanted is float and _is_number(value):
        return "", float(value) if abs(value) <= MAX_INT else value
    if type(value) is not wanted:
        return f'"{key}" must be {wanted.__name__}, not {shown(value)}', value
    return "", value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def mixing_rates(
    mixture: Mixture,
    members: Sequence[Dataset],
    counts: Mapping[str, int],
    *,
    rate_of: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, float]:
    """Returns dataset name -> rate; a dataset without examples has none.

    Args:
      mixture: the scheme and its numbers.
      members: the datasets, parts one by one.
      counts: dataset name -> training examples that are available, after limit, carve and skips.
      rate_of: for the rates scheme, each name in `mixture.rates` -> the datasets it means.
    """
    present = [dataset for dataset in members if counts.get(dataset.name, 0) > 0]
    if mixture.scheme == "rates":
        return _given_rates(
            mixture, present, [dataset.name for dataset in members], counts, rate_of or {}
        )
    groups: dict[str, list[str]] = {}
    for dataset in present:
        key = dataset.parent if mixture.cap_per == "dataset" else dataset.name
        groups.setdefault(key, []).append(dataset.name)
    rates: dict[str, float] = {}
    for names in groups.values():
        total = sum(counts[name] for name in names)
        rate = float(min(total, mixture.cap))
        if mixture.scheme == "temperature":
            rate **= 1 / mixture.temperature
        elif mixture.scheme == "equal":
            rate = 1.0
        rates |= {name: rate * counts[name] / total for name in names}
    return rates


def one_pass(mixture: Mixture, members: Sequence[Dataset], counts: Mapping[str, int]) -> int:
    """Examples in one pass of the capped mixture: the sum of its capped counts."""
    groups: dict[str, int] = {}
    for dataset in members:
        key = dataset.parent if mixture.cap_per == "dataset" else dataset.name
        groups[key] = groups.get(key, 0) + counts.get(dataset.name, 0)
    return sum(min(count, mixture.cap) for count in groups.values())


def _given_rates(
    mixture: Mixture,
    present: Iterable[Dataset],
    members: Sequence[str],
    counts: Mapping[str, int],
    rate_of: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    names = [dataset.name for dataset in present]
    rates: dict[str, float] = {}
    for key in mixture.rates:
        if not set(rate_of.get(key, (key,))) & set(members):
            raise DeclarationError(
                f'mixture "{mixture.name}": rates name {key}, which is none of its datasets: '
                f"{', '.join(members)}"
            )
    for key, rate in mixture.rates.items():
        meant = [name for name in names if name in rate_of.get(key, (key,))]
        total = sum(counts[name] for name in meant)
        for name in meant:
            if name in rates:
                raise DeclarationError(
                    f'mixture "{mixture.name}": two entries of rates mean {name}'
                )
            rates[name] = rate * counts[name] / total
    missing = [name for name in names if name not in rates]
    if missing:
        raise DeclarationError(
            f'mixture "{mixture.name}": no rate for {", ".join(missing)}; add one or exclude them'
        )
    return rates
