"""Work as the workers of a cluster are handed it: in a file that they must see anyway.

Workers write shards, and read the store, under the paths of the machine that asks; so the work lies
in a file there, and each piece is sent with its path. What a worker imports was there before the
work: whether its code and libraries are ours is compared before it makes a piece.
"""

import functools
import importlib.metadata
import os
import pickle
import platform
import socket
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import whole
from flan_tasks.core.code import code_digest
from flan_tasks.core.errors import BuildError
from flan_tasks.core.version import VERSION
from flan_tasks.engine.file_facts import write_error
from flan_tasks.engine.runner import Makes
from flan_tasks.engine.worker_process import portable
from flan_tasks.engine.workers import LocalProcesses

NONE = "none"
# One piece at a time in a process: its memory is reckoned by that, and most of it is Python.
_alone = threading.Lock()


@dataclass(frozen=True)
class Handed:
    """Where work lies, and what whoever makes a piece of it must have."""

    folder: Path
    """A folder of its own; gone when nothing is to be made any more."""
    versions: tuple[tuple[str, str], ...]
    """What is compared -> its version where the work comes from."""

    @property
    def work(self) -> Path:
        """The file with the work."""
        return self.folder / "work"


@contextmanager
def handed(work: Makes, place: Path) -> Iterator[Handed]:
    """Writes work for other machines to read, and removes it when the block ends.

    Args:
      work: what makes the pieces.
      place: a folder that all workers see under its path.

    Raises:
      BuildError: it cannot be written.
    """
    data = work.to_bytes()
    with ExitStack() as opened:
        try:
            folder, _ = opened.enter_context(whole.scratch_folder(place.absolute() / "work"))
            given = Handed(folder, tuple(versions_of(tuple(work.libraries)).items()))
            whole.write_bytes(given.work, data, lasting=False)
        except OSError as error:
            raise write_error(error, place) from error
        yield given


def versions_of(libraries: Collection[str]) -> dict[str, str]:
    """Returns the versions that the bytes of a piece depend on.

    Args:
      libraries: names of distributions, beside this package and Python.
    """
    return {
        "flan_tasks": f"{VERSION} (code {code_digest()})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{name: _version(name) for name in libraries},
    }


@functools.cache  # a library that is installed anew is not what this process has loaded
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return NONE


def unfit(given: Handed) -> str:
    """Says what keeps this process from making pieces; empty where nothing does."""
    wanted = dict(given.versions)
    here = versions_of([name for name in wanted if name not in ("flan_tasks", "python")])
    different = [
        f"{name} {here[name]} and not {version}"
        for name, version in wanted.items()
        if here[name] != version
    ]
    if different:
        return (
            f"has {', '.join(different)}; the bytes depend on them: give workers what the machine "
            "that starts the build has, and start them anew"
        )
    if not given.work.is_file():
        return (
            f"does not see {given.folder.parent}; workers must see the build's directory and the "
            "store under the same paths, as on a file system they share"
        )
    return ""


def make(given: Handed, piece: Any) -> dict[str, Any]:
    """Makes a piece of work that was handed to this process, and returns what is known of it.

    Raises:
      BuildError: this process is unfit for it, or the system failed.
      Exception: whatever making the piece raised.
    """
    with _alone:
        if problem := unfit(given):
            raise BuildError(f"worker {socket.gethostname()}, process {os.getpid()}, {problem}")
        try:
            work = _read(given)
            if not work.runs_own_code:
                return work.build(piece, _quiet)
            # In a process without what this one has imported of the user's code, maybe long ago.
            with (
                tempfile.TemporaryDirectory(prefix="flan_tasks-") as place,
                closing(
                    LocalProcesses(1)(work, [piece], place=Path(place), watch=_watch_nothing)
                ) as made,
            ):
                return next(made)
        except Exception as error:
            raise portable(error, piece) from None


@functools.lru_cache(maxsize=1)
def _read(given: Handed) -> Makes:
    return pickle.loads(given.work.read_bytes())


def _quiet(rows: int) -> None:
    """How far a piece is stays in this process."""


def _watch_nothing(running: Mapping[str, int]) -> None:
    """Nor is it asked of the one it starts."""


def different_workers(problems: Mapping[str, str]) -> BuildError:
    """Returns the error for workers that are unfit, with one of those that share a problem named.

    Args:
      problems: address of a worker -> what `unfit` says of it.
    """
    by_problem: dict[str, list[str]] = {}
    for address, problem in problems.items():
        by_problem.setdefault(problem, []).append(address)
    lines = []
    for problem, addresses in by_problem.items():
        others = f" (and {len(addresses) - 1} more)" if len(addresses) > 1 else ""
        lines.append(f"worker {addresses[0]}{others} {problem}")
    return BuildError("; ".join(lines))
