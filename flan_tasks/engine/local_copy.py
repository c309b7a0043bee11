"""Files of a build at an address, fetched to this machine when they are used.

A copy lies in a folder named by the hash of the build's manifest, which has the hash of every
file: so it is the copy of one build wherever that lies, and is never out of date.
"""

import hashlib
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flan_tasks.core import whole
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.engine.file_facts import file_facts, write_error
from flan_tasks.engine.manifest_file import (
    MANIFEST,
    PROGRESS,
    checked,
    no_manifest,
    parse_manifest,
    read_manifest,
)
from flan_tasks.storage.cache import cache_folder
from flan_tasks.storage.storage import Storage

# Files fetched at one time: when they are needed, and ahead of that.
_AT_ONCE = 8
_AHEAD = 4
# Hexadecimal digits of a hash in the name of a copy.
_DIGITS = 32


class LocalCopy:
    """A complete build at an address, as a directory here that has what of it was used."""

    def __init__(self, address: Address) -> None:
        """Fetches the manifest, and nothing else.

        Raises:
          BuildError: there is no complete build, its manifest is damaged, or it cannot be read.
        """
        self.address = address
        self._storage = Storage(address)
        content = manifest_bytes(self._storage)
        name = hashlib.sha256(content).hexdigest()[:_DIGITS]
        self.folder = cache_folder() / "copies" / name
        path = address / MANIFEST
        self.manifest = checked(parse_manifest(content, path), path)
        # Beside its files, so that the copy is a build when all of them are here.
        if not (self.folder / MANIFEST).is_file():
            _write(self.folder / MANIFEST, content)
        self._files = {entry["path"]: entry for entry in self.manifest["files"]}
        self._begin()

    def bring(self, names: Iterable[str]) -> None:
        """Fetches files that are not here yet, several at a time, and compares them.

        Args:
          names: as the manifest has them; others are passed over.

        Raises:
          BuildError: one cannot be read, or is not what the manifest says.
        """
        self._check_process()
        missing = [name for name in names if name not in self._here and name in self._files]
        if len(missing) == 1:
            self._bring(missing[0])
        elif missing:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self._bring, missing))

    def bring_all(self) -> Path:
        """Fetches every file; returns the folder, which is the whole build then.

        Raises:
          BuildError: as `bring`.
        """
        self.bring(self._files)
        return self.folder

    def prefetch(self) -> None:
        """Begins to fetch all shards, ahead of what is asked for; what fails is tried then."""
        self._check_process()
        waiting = deque(name for shard in self.manifest["shards"] for name in shard["paths"])

        def fetch() -> None:
            # Whoever needs the file meets the same error, and says it.
            with suppress(BuildError, IndexError):
                while True:
                    self._bring(waiting.popleft())

        for _ in range(_AHEAD):
            # Daemons: a program that ends does not wait for files that it did not use.
            threading.Thread(target=fetch, name="prefetch", daemon=True).start()

    def _bring(self, name: str) -> None:
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name in self._here:
                return
            entry, path = self._files[name], self.folder / name
            if not (path.is_file() and path.stat().st_size == entry["bytes"]):
                self._fetch(entry, path)
            self._here.add(name)

    def _fetch(self, entry: Mapping[str, Any], path: Path) -> None:
        address = self.address / entry["path"]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Lasting: what is here is told by its size from then on.
            with whole.file_aside(path) as aside:
                try:
                    self._storage.fetch(entry["path"], aside, entry["bytes"])
                except FileNotFoundError:
                    raise BuildError(
                        f"{address} is missing; {MANIFEST} has it. Build the directory again"
                    ) from None
                if file_facts(aside)["sha256"] != entry["sha256"]:
                    raise BuildError(
                        f"{address} was changed: its content is not what {MANIFEST} says. Copy or "
                        "build the directory again"
                    )
        except OSError as error:
            raise write_error(error, path) from error

    def _begin(self) -> None:
        self._here: set[str] = set()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._process = os.getpid()

    def _check_process(self) -> None:
        # A fork may have copied locks that a thread of the other process holds.
        if self._process != os.getpid():
            self._begin()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("address", "_storage", "folder", "manifest", "_files")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()


def manifest_at(where: Path | Address) -> dict[str, Any]:
    """Returns the manifest of a complete build, here or at an address.

    Raises:
      BuildError: there is none, it is damaged, or it cannot be read.
    """
    if isinstance(where, Path):
        return read_manifest(where)
    path = where / MANIFEST
    return checked(parse_manifest(manifest_bytes(Storage(where)), path), path)


def local_folder(where: Path | Address) -> Path:
    """Returns the directory of a build: itself, or a copy of what lies at an address, all of it.

    Raises:
      BuildError: as `LocalCopy`.
    """
    return where if isinstance(where, Path) else LocalCopy(where).bring_all()


def manifest_bytes(storage: Storage) -> bytes:
    """Returns the manifest of a complete build at an address.

    Raises:
      BuildError: there is none, or it cannot be read.
    """
    try:
        return storage.read(MANIFEST)
    except FileNotFoundError:
        pass
    raise no_manifest(storage.address, is_begun=PROGRESS in storage.names())


class _Fetched:
    """Files of a build at an address, each here while it is looked at."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.folder = folder
        self._storage = storage
        path = storage.address / MANIFEST
        self.manifest = parse_manifest(manifest_bytes(storage), path)
        self._sizes = storage.sizes()

    def names(self) -> set[str]:
        return set(self._sizes)

    @contextmanager
    def here(self, names: list[str]) -> Iterator[None]:
        there = [name for name in names if name in self._sizes]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._fetch, there))
        try:
            yield
        finally:
            for name in there:
                (self.folder / name).unlink(missing_ok=True)

    def _fetch(self, name: str) -> None:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._storage.fetch(name, path, self._sizes[name])
            except FileNotFoundError:  # gone by now, so it is missing here too
                path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(error, path) from error


@contextmanager
def fetched_one_by_one(address: Address) -> Iterator[_Fetched]:
    """Yields the files of a complete build, from which nothing stays here.

    Raises:
      BuildError: there is none, or it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="flan-tasks-") as folder:
        yield _Fetched(Storage(address), Path(folder))


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(path, content)
    except OSError as error:
        raise write_error(error, path) from error
