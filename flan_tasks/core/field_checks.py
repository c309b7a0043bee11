"""Whether the fields of a run's configuration are in range, said in words."""

from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import wrong_types

__all__ = ["MAX_COUNT", "MAX_SEED", "ConfigError", "at_least", "at_most", "refuse", "wrong_types"]

# Sizes, lengths and steps are 32-bit numbers in JAX.
MAX_COUNT = (1 << 31) - 1
# JAX makes keys of the low 32 bits of a seed: two seeds that share them would draw the same.
MAX_SEED = (1 << 32) - 1


class ConfigError(DeclarationError):
    """A run is configured in a way that cannot work; `problems` are (field, what is wrong)."""

    exit_code = 2

    def __init__(self, owner: str, problems: list[tuple[str, str]]):
        message = "; ".join(f"{owner}.{name} {what}" for name, what in problems)
        super().__init__(message, problems=problems)
        self.owner = owner

    def __reduce__(self) -> tuple[object, ...]:
        # Made again of what it is made of, as in another process.
        return type(self), (self.owner, list(self.problems))


def at_least(config: Any, least: int, *names: str) -> list[tuple[str, str]]:
    """Names the fields below `least`."""
    small = [name for name in names if getattr(config, name) < least]
    return [(name, f"is {getattr(config, name)}; want {least} or more") for name in small]


def at_most(config: Any, most: int, *names: str) -> list[tuple[str, str]]:
    """Names the fields above `most`; those that are None have no value."""
    large = [name for name in names if (getattr(config, name) or 0) > most]
    return [(name, f"is {getattr(config, name):,}; want at most {most:,}") for name in large]


def refuse(config: Any, problems: list[tuple[str, str]]) -> None:
    """Raises a ConfigError if there are problems."""
    if problems:
        raise ConfigError(type(config).__name__, problems)
