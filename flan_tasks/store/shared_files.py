"""The files of a store at an address, which many machines fill and read.

A file's name holds the hash of all that its rows depend on, so whoever makes it makes the same:
nothing is locked. Its checksum is put last, and a file without one is not there. Where two versions
of a library write other bytes under one name at one time, file and checksum may be of two writers:
that is seen when it is fetched, and the file made anew.
"""

import hashlib
import logging
import tempfile
from pathlib import Path

from flan_tasks.core import whole
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.storage.cache import cache_folder
from flan_tasks.storage.storage import Storage
from flan_tasks.store import checksum

# Hexadecimal digits of a hash in the name of a copy.
_DIGITS = 32
_log = logging.getLogger(__name__)


class SharedFiles:
    """What of a store lies at an address.

    Args:
      address: of the store.

    Raises:
      BuildError: no library for such addresses is installed.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._storage = Storage(address)
        self._sizes: dict[str, int] | None = None
        self._is_refused = False

    @property
    def local_root(self) -> Path:
        """The folder of this machine that has copies of them."""
        name = hashlib.sha256(str(self.address).encode()).hexdigest()[:_DIGITS]
        return cache_folder() / "stores" / name

    def has(self, name: str) -> bool:
        """Whether a file is there, as they were listed when the first was asked for.

        Raises:
          BuildError: they cannot be listed.
        """
        sizes = self._listed()
        return name in sizes and name + checksum.ENDING in sizes

    def fetch(self, path: Path) -> bool:
        """Copies the file of that name to a path, and its checksum beside; says whether it did.

        Raises:
          BuildError: it cannot be read, or `path` be written.
        """
        if not self.has(path.name):
            return False
        beside = path.name + checksum.ENDING
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Before the file, so that none is here without its checksum.
            stated = self._storage.read(beside)
            with whole.file_aside(path, lasting=False) as aside:
                self._storage.fetch(path.name, aside, self._listed()[path.name])
                checksum.write(aside, stands_for=path)
                wrong = path.with_name(beside).read_bytes() != stated
        except FileNotFoundError:  # somebody removed it
            return False
        except OSError as error:
            raise BuildError(f"{path} cannot be written: {error.strerror or error}") from error
        if wrong:
            _log.warning(
                "stored examples %s are damaged: their content is not what %s says; they are made "
                "anew",
                self.address / path.name,
                checksum.ENDING[1:],
            )
            path.unlink(missing_ok=True)
            self._listed().pop(beside)
        return not wrong

    def offer(self, path: Path) -> None:
        """Puts a file there that is not there yet.

        Where that is refused, a warning says so, once: what is asked for is here all the same.
        """
        if self._is_refused or self.has(path.name):
            return
        beside = path.with_name(path.name + checksum.ENDING)
        try:
            self._storage.put(path, path.name)
            self._storage.put(beside, beside.name)
        except BuildError as error:
            self._is_refused = True
            _log.warning("%s. Stored examples stay in %s", error, path.parent)
            return
        self._listed().update({one.name: one.stat().st_size for one in (path, beside)})

    def check(self) -> checksum.Checked:
        """Compares every file there with its checksum, whatever is here.

        Raises:
          BuildError: with every file that differs; or there is none, or one cannot be read.
        """
        sizes = self._storage.sizes()
        if not sizes:
            raise BuildError(f"{self.address} is no store: nothing lies there")
        found = checksum.Checking()
        with tempfile.TemporaryDirectory(prefix="flan-tasks-") as folder:
            for name in sorted(name for name in sizes if name.endswith(".arrow")):
                path = Path(folder) / name
                for one in (name, name + checksum.ENDING):
                    if one in sizes:
                        self._storage.fetch(one, path.with_name(one), sizes[one])
                found.add(path)
                for fetched in Path(folder).iterdir():
                    fetched.unlink()
        return found.ended(self.address)

    def _listed(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = self._storage.sizes()
        return self._sizes
