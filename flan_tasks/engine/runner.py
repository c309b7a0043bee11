"""Who makes the pieces of a job: this process, local ones, or the workers of a cluster.

A piece is a shard of a build, or some rows for the store. Runners know neither: they are handed
work that can make any piece, alone, in any order and again, and say what became of each.
"""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

# Path of a piece that is being made -> rows of it that are done.
Running = Mapping[str, int]


class Makes(Protocol):
    """Work that is done piece by piece; `work.Work` and `filling.Filling` are."""

    @property
    def libraries(self) -> Collection[str]:
        """Distributions whose versions the bytes depend on, beside this package's."""

    @property
    def runs_own_code(self) -> bool:
        """Whether modules of the user's take part, which may change while a worker lives."""

    def build(self, piece: Any, tick: Callable[[int], None]) -> dict[str, Any]:
        """Makes a piece, which has a `path` for messages, and returns what is known of it.

        Args:
          piece: which.
          tick: called with how many rows of it are done, where that is known.
        """

    def to_bytes(self) -> bytes:
        """Returns it as bytes, which `pickle.loads` reads in any process; no path is relative."""


class Runner(Protocol):
    """A way to have many pieces made: one after the other, by local processes, by a cluster."""

    @property
    def size(self) -> int:
        """How many pieces are made at once, as far as it is known; work is cut into equal parts."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether pieces may be made on machines whose files and libraries are others."""

    def __call__(
        self,
        work: Makes,
        pieces: Sequence[Any],
        *,
        place: Path,
        watch: Callable[[Running], None],
        lock_fd: int | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yields what is known of each piece, as it gets done, in any order.

        Whoever closes it before its end has nothing made any more, as far as it can be stopped.

        Args:
          work: what makes them.
          pieces: those to make.
          place: a folder for what it writes while it runs; workers elsewhere see it under the same
            path.
          watch: called with the pieces that are being made, with the rows done of each.
          lock_fd: descriptor of a lock, for local processes, which must hold it too.

        Raises:
          BuildError: a worker died, or there is none; with what to do.
          Exception: whatever making a piece raised.
        """


class ThisProcess:
    """Makes one piece after the other; a `Runner`."""

    size = 1
    is_elsewhere = False

    def __call__(
        self,
        work: Makes,
        pieces: Sequence[Any],
        *,
        place: Path,
        watch: Callable[[Running], None],
        lock_fd: int | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yields what is known of each piece, in their order."""
        for piece in pieces:

            def tick(rows: int, path: str = piece.path) -> None:
                watch({path: rows})

            yield work.build(piece, tick)
