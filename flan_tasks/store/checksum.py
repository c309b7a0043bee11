"""Checksums beside the files of the store, in the form of `sha256sum`.

A file is compared with its own when it is opened (`intact` says how often); `flan verify --store`
compares all of them, whatever is remembered.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.core.intact import is_intact
from flan_tasks.core.whole import write_text

ENDING = ".sha256"


@dataclass(frozen=True)
class Checked:
    """What comparing a store with its checksums gave."""

    sound: int
    """Files that are what their checksums say."""
    without: tuple[str, ...]
    """Files written before there were checksums."""


def write(file: Path, *, stands_for: Path) -> None:
    """Writes the checksum of `file` beside `stands_for`, the name it is going to have."""
    # A file without its checksum, or with another, is made anew: one sync is enough, the file's.
    text = f"{_sha256(file)}  {stands_for.name}\n"
    write_text(_beside(stands_for), text, lasting=False)


def damage(path: Path) -> str:
    """Says what is wrong with a file of the store or its checksum; nothing where all is well."""
    try:
        stated = _beside(path).read_text(encoding="utf-8").split()
        if len(stated) != 2 or stated[1] != path.name:
            return f"{_beside(path).name} is no checksum of it"
        return "" if is_intact(path, stated[0]) else f"its content is not what {ENDING[1:]} says"
    except FileNotFoundError:
        return f"{_beside(path).name} is missing"
    except (OSError, ValueError) as error:
        return f"it or {_beside(path).name} cannot be read: {error}"


class Checking:
    """Compares files with their checksums, one after another."""

    def __init__(self) -> None:
        self._sound = 0
        self._without: list[str] = []
        self._problems: list[str] = []

    def add(self, path: Path) -> None:
        """Compares one file."""
        if not _beside(path).exists():
            self._without.append(path.name)
            return
        try:
            stated = _beside(path).read_text(encoding="utf-8").split()
            found = _sha256(path)
        except (OSError, ValueError) as error:
            self._problems.append(f"{path.name} or its checksum cannot be read: {error}")
            return
        if stated == [found, path.name]:
            self._sound += 1
        else:
            self._problems.append(f"{path.name} was changed: its SHA-256 is {found[:16]}...")

    def ended(self, store: Path | Address) -> Checked:
        """Returns what came of it.

        Args:
          store: where they lie, for the error.

        Raises:
          BuildError: with every file that differs or cannot be read.
        """
        if self._problems:
            raise BuildError(
                "\n".join(
                    [
                        f"{store} is not what was stored; the next build that uses one of these "
                        "files makes it anew:",
                        *self._problems,
                    ]
                )
            )
        return Checked(self._sound, tuple(self._without))


def check(root: Path) -> Checked:
    """Compares every file of a store with its checksum.

    Raises:
      BuildError: with every file that differs or cannot be read; or there is no store.
    """
    if not root.is_dir():
        raise BuildError(f"{root} is no store: no such folder")
    checking = Checking()
    for path in sorted(root.glob("*.arrow")):
        checking.add(path)
    return checking.ended(root)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ENDING)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
