"""From the parts of a mixture to the flat mixtures they come down to, every name looked up."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import (
    DeclarationError,
    FlanTasksError,
    UnknownNameError,
    with_notes,
)
from flan_tasks.core.mixture import FILE, Mixture
from flan_tasks.core.parts import EXAMPLES, MIXING, PROMPT_TYPES, Part
from flan_tasks.core.variation import Variation

# Between the names of parts in a path.
MARK = "/"


class Names(Protocol):
    """What names are looked up in: the catalog."""

    def expand(self, names: Iterable[str]) -> tuple[Dataset, ...]:
        """Returns the datasets that names mean."""

    def left_out(self, mixture: Mixture) -> set[str]:
        """Returns the names of what a mixture excludes or holds out, by overlaps too."""

    def left_of(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the members of a mixture without parts, which may be none."""

    def mixture(self, name: str) -> Mixture:
        """Returns the mixture that a name means."""


@dataclass(frozen=True)
class Leaf:
    """A part without parts: a flat mixture, and how its prompts are made."""

    path: str
    """Names of the parts from the outermost, joined by MARK; empty of a mixture without parts."""
    mixture: Mixture
    """Its members, scheme, cap and limit."""
    prompts: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a variation that it, or a part around it, states."""
    fewest_shots: int | None = None
    """The fewest exemplars, where their number is drawn."""
    max_repeats: Fraction | None = None
    """How many times an example is drawn at most, on average."""

    def variation(self, around: Variation) -> Variation:
        """Returns how its prompts are made, what it does not state being as `around`."""
        return replace(around, **self.prompts)


@dataclass(frozen=True)
class Branch:
    """A part, or the whole mixture."""

    name: str
    """Its name; empty of the whole."""
    path: str
    """Its path; empty of the whole."""
    weight: Fraction
    """Its weight beside the others of its level."""
    branches: tuple["Branch", ...] = ()
    """Its parts."""
    leaf: Leaf | None = None
    """What it is, where it has no parts."""

    @property
    def leaves(self) -> Iterator[Leaf]:
        """Those in it, in order."""
        if self.leaf:
            yield self.leaf
        for branch in self.branches:
            yield from branch.leaves


def part_tree(mixture: Mixture, names: Names) -> Branch:
    """Returns a mixture with its parts resolved; without parts it is one leaf.

    Raises:
      DeclarationError: names are unknown or go round in a circle, or a part is empty; all of them.
    """
    if not mixture.parts:
        repeats = _fraction(mixture.max_repeats)
        leaf = Leaf("", mixture, mixture.prompts, max_repeats=repeats)
        return Branch("", "", Fraction(1), leaf=leaf)
    found = _Resolved(mixture, names)
    branches = found.branches(mixture.parts, _Around.of(mixture), (mixture,))
    if found.problems:
        lines = list(dict.fromkeys(found.problems))
        listed = "\n".join(f"  {line}" for line in lines)
        what = lines[0] if len(lines) == 1 else f"{len(lines)} problems:\n{listed}"
        problem = DeclarationError(f'mixture "{mixture.name}": {what}')
        raise with_notes(problem, *found.causes)
    return Branch("", "", Fraction(1), branches)


def members_of_parts(mixture: Mixture, names: Names) -> tuple[Dataset, ...]:
    """Returns the datasets of all parts of a mixture.

    Raises:
      DeclarationError: as `part_tree`.
    """
    # Parts that differ in prompts alone have the same members.
    flat = {_membership(leaf.mixture): leaf.mixture for leaf in part_tree(mixture, names).leaves}
    members = {one.name: one for leaf in flat.values() for one in names.left_of(leaf)}
    return ordered(members.values())


def _membership(mixture: Mixture) -> tuple[tuple[str, ...], ...]:
    """What decides, within one mixture, which members a part of it has."""
    return mixture.include, mixture.exclude


def measures_tokens(mixture: Mixture, names: Names) -> bool:
    """Whether a mixture needs a vocabulary by itself: for weights of tokens, or for exemplars.

    Raises:
      DeclarationError: as `part_tree`.
    """
    if mixture.weights != EXAMPLES:
        return True
    return any(leaf.prompts.get("shots") for leaf in part_tree(mixture, names).leaves)


def _fraction(value: float | None) -> Fraction | None:
    # As it is written: 0.1 is a tenth.
    return None if value is None else Fraction(str(value))


@dataclass(frozen=True)
class _Around:
    """What holds for a part unless it says otherwise."""

    path: tuple[str, ...]
    mixing: Mapping[str, Any]
    exclude: tuple[str, ...]
    prompts: Mapping[str, Any]
    fewest_shots: int | None
    max_repeats: Fraction | None

    @classmethod
    def of(cls, mixture: Mixture) -> "_Around":
        repeats = _fraction(mixture.max_repeats)
        return cls((), _mixing(mixture), (), mixture.prompts, None, repeats)

    def within(self, part: Part) -> "_Around":
        stated = part.stated
        mixing = {**self.mixing, **{key: stated[key] for key in MIXING if key in stated}}
        if "scheme" in stated and "rates" not in stated:
            mixing["rates"] = {}
        repeats = [one for one in (self.max_repeats, _fraction(part.max_repeats)) if one]
        prompts = {**self.prompts, **part.prompts}
        if part.kinds is not None:
            prompts["kinds"] = None  # they are those of the flat mixture
        has_shots = part.shots is not None
        return replace(
            self,
            path=(*self.path, part.name),
            mixing=mixing,
            exclude=(*self.exclude, *part.exclude),
            prompts=prompts,
            fewest_shots=part.fewest_shots if has_shots else self.fewest_shots,
            max_repeats=min(repeats) if repeats else None,
        )


def _mixing(mixture: Mixture) -> dict[str, Any]:
    return {key: getattr(mixture, key) for key in MIXING}


class _Resolved:
    """Parts on their way to leaves, with what is wrong with them."""

    def __init__(self, mixture: Mixture, names: Names) -> None:
        self._whole = mixture
        self._names = names
        self.problems: list[str] = []
        # Errors that some of them repeat.
        self.causes: list[FlanTasksError] = []
        self._empty: dict[tuple[tuple[str, ...], ...], bool] = {}
        self._known: set[str] = set()
        self._check("", (*mixture.exclude, *mixture.hold_out))

    def branches(
        self, parts: tuple[Part, ...], around: _Around, named: tuple[Mixture, ...]
    ) -> tuple[Branch, ...]:
        found = (self._branch(part, around, named) for part in parts)
        return tuple(branch for branch in found if branch is not None)

    def _branch(self, part: Part, around: _Around, named: tuple[Mixture, ...]) -> Branch | None:
        here = around.within(part)
        path = MARK.join(here.path)
        if not self._check(path, part.exclude):
            return None
        weight = Fraction(str(part.weight))
        parts, include = part.parts, part.include
        if part.mixture is not None:
            meant = self._mixture(path, part.mixture, named)
            if meant is None:
                return None
            named = (*named, meant)
            parts, include = meant.parts, meant.include
            # What the mixture says holds, unless the part says otherwise.
            here = _over(_Around.of(meant), around, part, self._out(meant))
        if parts and part.prompt_types:
            self.problems.append(
                f'part "{path}": it has prompt_types and its mixture "{part.mixture}" has parts '
                "of its own; leave one of them out"
            )
            return None
        if parts:
            return Branch(part.name, path, weight, self.branches(parts, here, named))
        if not part.prompt_types:
            leaf = self._leaf(path, include, here)
            return Branch(part.name, path, weight, leaf=leaf) if leaf else None
        branches = []
        for name, share in part.prompt_types.items():
            leaf = self._leaf(f"{path}{MARK}{name}", include, self._of_type(path, name, here))
            if leaf is None:
                return None
            branches.append(Branch(name, leaf.path, Fraction(str(share)), leaf=leaf))
        return Branch(part.name, path, weight, tuple(branches))

    def _of_type(self, path: str, name: str, here: _Around) -> _Around:
        few, options = PROMPT_TYPES[name]
        prompts = {**here.prompts, "options": options}
        if not few:
            return replace(here, prompts={**prompts, "shots": 0}, fewest_shots=None)
        if not prompts.get("shots"):
            self.problems.append(
                f'part "{path}": {name} has exemplars; say how many, shots = 5 or shots = [1, 5]'
            )
        return replace(here, prompts=prompts)

    def _leaf(self, path: str, include: tuple[str, ...], here: _Around) -> Leaf | None:
        whole = self._whole
        if not self._check(path, (*include, *here.mixing["rates"])):
            return None
        flat = Mixture(
            name=whole.name,
            include=include,
            exclude=(*whole.exclude, *here.exclude),
            hold_out=whole.hold_out,
            drop_overlaps=whole.drop_overlaps,
            **here.mixing,
        )
        try:
            key = _membership(flat)
            if key not in self._empty:
                self._empty[key] = not self._names.left_of(flat)
            is_empty = self._empty[key]
        except UnknownNameError:
            return None  # a name of the whole, which is among the problems
        if is_empty:
            self.problems.append(
                f'part "{path}": nothing is left to train on: exclude, hold_out, drop_overlaps or '
                f"licenses leave out all of {', '.join(include)}; leave the part out, or give it "
                "others"
            )
            return None
        return Leaf(path, flat, here.prompts, here.fewest_shots, here.max_repeats)

    def _mixture(self, path: str, name: str, named: tuple[Mixture, ...]) -> Mixture | None:
        try:
            meant = named[-1].mixtures.get(name) or self._names.mixture(name)
        except FlanTasksError as error:
            if name.endswith(FILE):
                self.problems.append(
                    f'part "{path}": the file {name} is not read here; name it in a TOML file, or '
                    f'give what it says, mixtures={{"{name}": Mixture(...)}}'
                )
                return None
            self.problems.append(f'part "{path}": {error}')
            self.causes.append(error)
            return None
        if meant in named:
            round_ = [one.name for one in named[named.index(meant) :]]
            self.problems.append(
                f'part "{path}": mixtures that name each other, {" - ".join([*round_, name])}; '
                "take one of these parts out"
            )
            return None
        return meant if self._check(path, (*meant.exclude, *meant.hold_out)) else None

    def _out(self, mixture: Mixture) -> tuple[str, ...]:
        """What a mixture that is named leaves out of itself, by names of datasets."""
        return tuple(sorted(self._names.left_out(mixture)))

    def _check(self, path: str, names: Iterable[str]) -> bool:
        """Notes names that mean nothing."""
        place = f'part "{path}": ' if path else ""
        wrong = []
        for name in names:
            if name in self._known:
                continue
            try:
                self._names.expand([name])
                self._known.add(name)
            except UnknownNameError as error:
                wrong.append(f"{place}{error}")
                self.causes.append(error)
        self.problems += wrong
        return not wrong


def _over(meant: _Around, around: _Around, part: Part, out: tuple[str, ...]) -> _Around:
    """What holds in a part that is a mixture by name."""
    inside = replace(
        meant,
        path=around.path,
        exclude=(*around.exclude, *out),
        prompts={**around.prompts, **meant.prompts},
        fewest_shots=around.fewest_shots,
        max_repeats=min(
            (one for one in (meant.max_repeats, around.max_repeats) if one), default=None
        ),
    )
    return inside.within(part)
