"""Where a build is written: a directory of this machine, or an address (`address_place`)."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from flan_tasks.core.address import Address
from flan_tasks.engine import directory
from flan_tasks.engine.recipe import Recipe


class Place(Protocol):
    """A place that holds one build, complete or begun, or nothing."""

    @property
    def where(self) -> Path | Address:
        """What it is called."""

    @property
    def folder(self) -> Path:
        """The directory that shards are written to."""

    @property
    def logs(self) -> Path:
        """Where workers leave what they print."""

    def check_free(self, recipe: Recipe) -> bool:
        """Looks whether a build may go there; returns whether it is there already, complete.

        Raises:
          BuildError: something else is there.
        """

    def manifest(self) -> dict[str, Any]:
        """Returns the manifest of the complete build that is there."""

    def tidy(self, recipe: Recipe) -> None:
        """Removes what is left of the progress of a complete build, if nobody is at it."""

    def lock(self, recipe: Recipe) -> AbstractContextManager[int]:
        """Holds it for one build at a time; yields a descriptor that workers hold too.

        Raises:
          BuildError: another process builds there.
        """

    def begin(self, recipe: Recipe, *, command: str) -> None:
        """Notes what is being built, and clears away what a killed build left half-written."""

    def done(self, shard_path: str) -> dict[str, Any] | None:
        """Returns what is known of a shard if it is whole and there, else None."""

    def note(self, facts: Mapping[str, Any]) -> None:
        """Takes a shard that is written to the folder, and notes that it is whole."""

    def gather(self, names: Iterable[str]) -> None:
        """Has files of shards in the folder, where earlier runs may not have left them."""

    def complete(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Writes the manifest, when all else is there; returns it with its own hash."""

    def sweep(self) -> None:
        """Removes what workers that died left half-written, when all that live have ended."""

    def abandon(self) -> None:
        """Ends a run that failed: nothing more is put there, and nothing half-written stays."""


class LocalPlace:
    """A directory of this machine."""

    def __init__(self, folder: Path) -> None:
        self.where = self.folder = folder
        self._progress = directory.Progress(folder)
        self.logs = self._progress.folder

    def check_free(self, recipe: Recipe) -> bool:
        return directory.check_free(self.folder, recipe)

    def manifest(self) -> dict[str, Any]:
        return directory.read_manifest(self.folder)

    def tidy(self, recipe: Recipe) -> None:
        self._progress.tidy()

    def lock(self, recipe: Recipe) -> AbstractContextManager[int]:
        return self._progress.lock()

    def begin(self, recipe: Recipe, *, command: str) -> None:
        self._progress.begin(recipe, command=command)

    def done(self, shard_path: str) -> dict[str, Any] | None:
        return self._progress.done(self.folder, shard_path)

    def note(self, facts: Mapping[str, Any]) -> None:
        self._progress.note(facts)

    def gather(self, names: Iterable[str]) -> None:
        pass  # they were never elsewhere

    def complete(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return directory.write_manifest(self.folder, manifest)

    def sweep(self) -> None:
        self._progress.sweep()

    def abandon(self) -> None:
        self._progress.sweep()
