"""The numbers of a suite: its averages, and what others published."""

from dataclasses import dataclass
from typing import Literal

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types, quoted


@dataclass(frozen=True, kw_only=True)
class Average:
    """One number of a suite.

    Raises:
      DeclarationError: a value has the wrong type, or two do not go together.
    """

    name: str
    """How it is called."""
    over: Literal["examples", "tasks", "groups", "parts"]
    """Micro: the mean over all examples. Macro: over tasks, each weighing the same; over groups,
    whose number is the mean over their datasets, of which parts weigh the same; over the parts of
    a suite of suites."""
    by: str = ""
    """The fact of a task that groups them, or is compared with `only`."""
    only: str = ""
    """Takes the tasks alone of which the fact is this."""
    of: Literal["mean", "best", "median"] = "mean"
    """What a dataset's number is, where its templates are asked: their mean; that of the template
    chosen on `chosen_on`; or the median over all templates of a group."""
    measure: Literal["score", "calibration", "typos", "worst"] = "score"
    """What is averaged: the number itself; the calibration error of ranked options; the number
    where inputs have typos; or the lower of the two, example by example."""
    number: str = ""
    """Which number of the protocol's metric it is of; the one that stands for a task if empty."""
    above_chance: bool = False
    """Whether each number is scaled so that guessing is 0 and all right is 100."""
    each: bool = False
    """Whether the number of each group is given as well."""

    def __post_init__(self) -> None:
        check_types(self, f"average {quoted(self.name)}", error=DeclarationError)
        if self.of == "median" and self.over != "groups":
            raise DeclarationError(
                f'average {quoted(self.name)}: of = "median" is over the templates of groups; give '
                'over = "groups" and by'
            )
        if self.above_chance and (self.measure != "score" or self.over == "parts"):
            raise DeclarationError(
                f"average {quoted(self.name)}: above_chance is of the scores of tasks"
            )
        if self.each and self.over != "groups":
            raise DeclarationError(
                f'average {quoted(self.name)}: each goes with over = "groups" and by'
            )
        if (self.over == "groups" or bool(self.only)) != bool(self.by):
            raise DeclarationError(
                f'average {quoted(self.name)}: by goes with over = "groups" or only'
            )


@dataclass(frozen=True, kw_only=True)
class Published:
    """A number that somebody published.

    Raises:
      DeclarationError: a value has the wrong type.
    """

    model: str
    """Whose number it is."""
    protocol: str
    """Which protocol of the suite."""
    average: str
    """Which of its averages."""
    value: float
    """The number."""
    source: str
    """Where it was read."""

    def __post_init__(self) -> None:
        check_types(self, "published", error=DeclarationError)
        if not self.source.strip():
            raise DeclarationError("published: source is empty; say where the number was read")
