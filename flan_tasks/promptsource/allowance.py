"""What one rendering may use: steps, characters and draws, counted so that it always ends.

Counts instead of seconds: whether a template is refused must not depend on how busy a machine is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from typing import Any

# A published template takes a few hundred steps and prints a few thousand characters.
MOST_STEPS = 500_000
MOST_CHARACTERS = 50_000_000
LONGEST_TEXT = 5_000_000
# Bits of a whole number that a template computes.
MOST_BITS = 4096
# Widths, counts and the like that a template asks for.
WIDEST = 100_000
_DEEPEST = 50


class OverAllowance(Exception):
    """A template asks for more work or text than any prompt needs."""


class NothingToChoose(Exception):
    """A template chooses among no items."""


class Allowance:
    """What is left to one rendering, and its draws."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._steps = MOST_STEPS
        self._characters = MOST_CHARACTERS
        # A number below its argument; asked once a choice, in the order of the template.
        self.draw = draw

    def take_steps(self, count: int = 1) -> None:
        """Counts steps of a loop, calls, and items looked at."""
        self._steps -= count
        if self._steps < 0:
            raise OverAllowance(f"it takes more than {MOST_STEPS:,} steps")

    def take_text(self, length: int) -> None:
        """Counts characters printed or handled."""
        if length > LONGEST_TEXT:
            raise OverAllowance(f"it makes a text of more than {LONGEST_TEXT:,} characters")
        self._characters -= length
        if self._characters < 0:
            raise OverAllowance(f"it handles more than {MOST_CHARACTERS:,} characters")

    def take(self, value: Any, depth: int = 0) -> None:
        """Counts what looking at a whole value costs."""
        if isinstance(value, str | bytes):
            self.take_text(len(value))
            return
        self.take_steps()
        if depth > _DEEPEST:
            raise OverAllowance(f"it nests values more than {_DEEPEST} deep")
        if isinstance(value, Mapping):
            for key, item in value.items():
                self.take(key, depth + 1)
                self.take(item, depth + 1)
        elif isinstance(value, list | tuple | set | frozenset):
            for item in value:
                self.take(item, depth + 1)
        elif isinstance(value, range):
            self.take_steps(len(value))


_CURRENT: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def current() -> Allowance:
    """The allowance of the rendering that runs."""
    allowance = _CURRENT.get()
    assert allowance is not None, "a template runs outside of a rendering"
    return allowance


class using:
    """A context in which an allowance is the current one."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._allowance)

    def __exit__(self, *error: object) -> None:
        _CURRENT.reset(self._token)


def measured(value: Any) -> Any:
    """Returns a value whose size is counted."""
    current().take(value)
    return value


def stepped(values: Iterable[Any]) -> Iterator[Any]:
    """Yields the items of a loop, each of which is a step."""
    allowance = current()
    for value in values:
        allowance.take_steps()
        yield value


def small(value: Any, most: int = WIDEST) -> Any:
    """Returns an argument that is no number beyond `most`."""
    measured(value)
    if isinstance(value, int | float) and abs(value) > most:
        raise OverAllowance(f"it asks for a width or count of {value:,}, over {most:,}")
    return value


def joined(texts: list[str], separator: str) -> str:
    """Joins texts whose sum is counted first."""
    length = sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1)
    current().take_text(length)
    return separator.join(texts)


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    """Replaces in a text whose length thereafter is counted first."""
    times = text.count(old)
    times = times if count < 0 else min(count, times)
    current().take_text(max(0, len(text) + times * (len(new) - len(old))))
    return text.replace(old, new, count)


def choice(values: Any) -> Any:
    """Draws one of several items.

    Raises:
      NothingToChoose: there are none.
    """
    count = len(values)
    if not count:
        raise NothingToChoose
    return values[current().draw(count)]


def most_frequent(values: Any) -> list[Any] | None:
    """Returns the items that stand there most often, in the order in which they first do."""
    if not values:
        return None
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    most = max(counts.values())
    return [value for value, count in counts.items() if count == most]


def size(value: Any) -> int:
    """How many items a value has, as far as that is known."""
    return len(value) if isinstance(value, Sized) else 1
