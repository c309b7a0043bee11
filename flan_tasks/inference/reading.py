"""How much of what a model reads is padding."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Reading:
    """What a model was given to read."""

    tokens: int = 0
    """Tokens of inputs; what several share counts once."""
    positions: int = 0
    """Positions of the batches that held them, padding included."""

    def add(self, lengths: Iterable[int], positions: int) -> None:
        """Counts a batch of inputs of some lengths."""
        self.tokens += sum(lengths)
        self.positions += positions

    @property
    def padding(self) -> float:
        """Share of the positions that held no token."""
        return 1 - self.tokens / self.positions if self.positions else 0.0
