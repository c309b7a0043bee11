"""What lies under an address: read, written whole, listed, made only where it is not there.

A thin face of fsspec: every name is relative to the address, every error is one line of ours.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.storage.faults import READ, WRITTEN, storage_error, told

# Protocols whose file systems make an object only where there is none, in one request that the
# server decides; fsspec's others look first and write then, and two could both succeed.
CREATING = ("s3", "s3a", "gs", "gcs", "memory")
# Protocol -> whose settings of ours it takes, and the module that must be installed for it.
_LIBRARIES = {
    **dict.fromkeys(("s3", "s3a"), ("s3", "s3fs")),
    **dict.fromkeys(("gs", "gcs"), ("gcs", "gcsfs")),
}
# A file is read in pieces of so many bytes, several at a time.
_PIECE = 4 << 20
_PIECES_AT_A_TIME = 4
# For servers that are slow or answer 5xx: waits in seconds, and how often a request is made.
_S3 = {
    "connect_timeout": 10,
    "read_timeout": 30,
    "retries": {"mode": "standard", "max_attempts": 5},
}
# s3fs tries again what botocore has tried so often, where the server cannot be reached: once.
_S3_RETRIES = 2

# Of a request, with the 50 MB that it may carry; without, gcsfs waits for ever.
_GCS_TIMEOUT = 120


class Storage:
    """The files under an address."""

    def __init__(self, address: Address) -> None:
        """Opens nothing yet.

        Raises:
          BuildError: no library for such addresses is installed.
        """
        self.address = address
        self._root = _opened(address)[1].rstrip("/")

    def check_creates(self) -> None:
        """Looks whether `create` is decided by the server.

        Raises:
          BuildError: it is not.
        """
        if self.address.protocol not in CREATING:
            raise BuildError(
                f"nothing can be built at {self.address}: {self.address.protocol}:// has no way to "
                "make an object only where there is none, by which builds keep one another out. "
                f"Build at {', '.join(f'{one}://' for one in CREATING[:3:2])}, or here, and copy "
                "the directory"
            )

    def read(self, name: str) -> bytes:
        """Returns what a file holds.

        Raises:
          FileNotFoundError: there is none.
          BuildError: it cannot be read.
        """
        with told(self.address / name, READ):
            content: bytes = self._system.cat_file(self._path(name))
        return content

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Returns what several files hold, by name; those that are gone are left out.

        Raises:
          BuildError: one cannot be read.
        """

        def content(name: str) -> bytes | None:
            try:
                return self.read(name)
            except FileNotFoundError:
                return None

        names = list(names)
        with ThreadPoolExecutor(8) as pool:
            contents = zip(names, pool.map(content, names), strict=True)
        return {name: data for name, data in contents if data is not None}

    def fetch(self, name: str, path: Path, size: int) -> None:
        """Copies a file of `size` bytes to a path, by ranges where it is long.

        Raises:
          FileNotFoundError: there is none.
          OSError: `path` cannot be written.
          BuildError: it cannot be read, or is of another size.
        """
        address = self.address / name

        def piece(start: int) -> tuple[int, bytes]:
            stop = min(start + _PIECE, size)
            with told(address, READ):
                data: bytes = self._system.cat_file(self._path(name), start=start, end=stop)
            if len(data) != stop - start:
                raise BuildError(f"{address} is not of {size:,} bytes, as it should be")
            return start, data

        with path.open("wb") as file, ThreadPoolExecutor(_PIECES_AT_A_TIME) as pool:
            if size <= _PIECE:  # whole, and what stands behind its end would be seen
                with told(address, READ):
                    data = self._system.cat_file(self._path(name))
                if len(data) != size:
                    raise BuildError(f"{address} has {len(data):,} bytes, and should have {size:,}")
                file.write(data)
                return
            starts = range(0, size, _PIECE)
            # Some at a time: `map` would begin with all, and hold what is not written yet.
            for first in range(0, len(starts), _PIECES_AT_A_TIME):
                for start, data in pool.map(piece, starts[first : first + _PIECES_AT_A_TIME]):
                    file.seek(start)
                    file.write(data)

    def put(self, path: Path, name: str) -> None:
        """Copies a file of this machine there; it is there whole or not at all.

        Raises:
          BuildError: it cannot be written.
        """
        with _writing(self.address / name):
            self._system.put_file(os.fspath(path), self._path(name))

    def write(self, name: str, content: bytes) -> None:
        """Writes a file; it is there whole or not at all.

        Raises:
          BuildError: it cannot be written.
        """
        with _writing(self.address / name):
            self._system.pipe_file(self._path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file if there is none of that name; returns whether there was none.

        Raises:
          BuildError: it cannot be written, or no server decides it.
        """
        self.check_creates()
        try:
            with _writing(self.address / name):
                self._system.pipe_file(self._path(name), content, mode="create")
        except FileExistsError:
            return False
        return True

    def names(self) -> set[str]:
        """Returns the names of files and folders directly under the address.

        Raises:
          BuildError: they cannot be listed.
        """
        with told(self.address, READ):
            try:
                paths = self._system.ls(self._root, detail=False)
            except FileNotFoundError:
                return set()
        found = {self._name(path) for path in paths}
        return {name.split("/")[0] for name in found if name}

    def sizes(self, under: str = "") -> dict[str, int]:
        """Returns all files, or those in a folder: name -> bytes.

        Raises:
          BuildError: they cannot be listed.
        """
        with told(self.address, READ):
            try:
                found = self._system.find(self._path(under) if under else self._root, detail=True)
            except FileNotFoundError:
                return {}
        return {
            name: int(entry["size"])
            for path, entry in found.items()
            if (name := self._name(path)) and entry.get("type") != "directory"
        }

    def changed(self, name: str) -> datetime:
        """Returns when a file was written last, by the server's clock.

        Raises:
          FileNotFoundError: there is none.
          BuildError: it cannot be read.
        """
        with told(self.address / name, READ):
            when: datetime = self._system.modified(self._path(name))
        return when

    def remove(self, names: Iterable[str]) -> None:
        """Removes files; those that are gone already are passed over.

        Raises:
          BuildError: one cannot be removed.
        """
        for name in names:
            with told(self.address / name, WRITTEN), suppress(FileNotFoundError):
                self._system.rm_file(self._path(name))

    @property
    def _system(self) -> Any:
        # Asked for each time: fsspec keeps one, and makes another in a forked process.
        return _opened(self.address)[0]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _name(self, path: str) -> str:
        return path.removeprefix("/").removeprefix(self._root.removeprefix("/")).strip("/")


@contextmanager
def _writing(address: Address) -> Iterator[None]:
    with told(address, WRITTEN):
        try:
            yield
        except FileNotFoundError as error:  # of the bucket: what is written need not be there
            raise storage_error(error, address, WRITTEN) from None


def _opened(address: Address) -> tuple[Any, str]:
    """The file system of an address, and what the address is called there."""
    protocol = address.protocol
    what = f"What lies at {protocol}://"
    library, module = _LIBRARIES.get(protocol, ("", ""))
    if module:
        extras.require(module, what=what, error=BuildError)
    with extras.needed_for(what, error=BuildError):
        import fsspec
    options: dict[str, Any] = {"use_listings_cache": False}
    known = fsspec.config.conf.get(protocol, {})
    if library == "s3":
        options["config_kwargs"] = {**_S3, **known.get("config_kwargs", {})}
    if library == "gcs":
        options["requests_timeout"] = known.get("requests_timeout", _GCS_TIMEOUT)
    try:
        system, root = fsspec.url_to_fs(str(address), **options)
    except (ValueError, ImportError) as error:
        raise BuildError(
            f"{address} cannot be opened: {str(error).splitlines()[0]}. Known are the protocols of "
            "fsspec; s3:// and gs:// come with the extras s3 and gcs"
        ) from None
    except Exception as error:  # noqa: BLE001 - as in `told`: settings and keys are read here
        raise storage_error(error, address, READ) from None
    if library == "s3":
        system.retries = _S3_RETRIES
    log = logging.getLogger(module)
    if module and log.level == logging.NOTSET:  # or somebody looks for something
        # gcsfs logs whatever it gives up with, and where it was. What is raised is told by us.
        log.setLevel(logging.CRITICAL)
    return system, root
