"""Files and folders that are there whole or not at all, whatever ends the process.

Everything the package writes is written aside, synced and renamed. What is aside is locked while
its process lives: a lock that is free belongs to nobody, so that leftovers of killed processes are
told from the work of living ones without trusting process numbers, which come again and mean
nothing to another container or host.
"""

import fcntl
import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Name, running system, random number.
_ASIDE = re.compile(r".+\.([0-9a-f]{8})-[0-9a-f]{8}\.tmp", re.DOTALL)
# Locks of another system may not be seen here (some network file systems keep them on one machine):
# what it left is touched only when it has not changed for so long. Seconds.
_FOREIGN_PATIENCE = 24 * 3600.0
# The same for what versions without locks left.
_OLD_PATIENCE = 3600.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def write_text(path: Path, text: str, *, lasting: bool = True) -> None:
    """Writes UTF-8 text so that the file is there whole or not at all; makes its folder if need be.

    Args:
      path: the file.
      text: what is in it.
      lasting: as for `file_aside`.

    Raises:
      OSError: it cannot be written; what was there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        file_aside(path, lasting=lasting) as aside,
        aside.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)


def write_bytes(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Writes bytes so that the file is there whole or not at all.

    Args:
      path: the file; its folder is there.
      data: what is in it.
      lasting: as for `file_aside`.

    Raises:
      OSError: it cannot be written; what was there before is untouched.
    """
    with file_aside(path, lasting=lasting) as aside:
        aside.write_bytes(data)


@contextmanager
def file_aside(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yields the name of an empty file beside `path`, which gets its name when the block ends well.

    If the block raises, it is removed.

    Args:
      path: the file.
      lasting: whether it is synced before that, and its name after it. Without, a machine that
        loses its power may lose the file or its content: for what is made anew where it is missing
        or wrong.

    Raises:
      OSError: it cannot be written.
    """
    aside, lock = _locked_file(path)
    try:
        yield aside
        if lasting:
            _sync(aside)
        os.replace(aside, path)
        if lasting:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Yields the name of an empty file beside `path` that is removed when the block ends.

    Raises:
      OSError: it cannot be written.
    """
    aside, lock = _locked_file(path)
    try:
        yield aside
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def scratch_folder(path: Path) -> Iterator[tuple[Path, int]]:
    """Yields an empty folder beside `path` that is removed when the block ends, and its lock.

    Leftovers of killed processes are swept first; a process that inherits the lock's descriptor
    keeps the folder from that.

    Raises:
      OSError: it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f".{path.name}.")
    aside, lock = _locked_folder(path)
    try:
        yield aside, lock
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        os.close(lock)


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`, which gets its name when the block ends well.

    Leftovers of killed processes are swept first. `path` must not be there, or be an empty folder.

    Raises:
      OSError: it cannot be written, or `path` is not empty by now.
    """
    path = path.resolve()  # what a link points to is filled, not replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f".{path.name}.")
    aside, lock = _locked_folder(path)
    try:
        yield aside
        folders = [aside]
        for inside in aside.rglob("*"):
            folders.append(inside) if inside.is_dir() else _sync(inside)
        for folder in folders:
            sync_folder(folder)
        os.replace(aside, path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def sweep(folder: Path, beginning: str = "") -> None:
    """Removes what killed processes left aside in a folder; never what a living one writes.

    Args:
      folder: where to look, not below it.
      beginning: of the names that are looked at.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            name = _ASIDE.fullmatch(path.name)
            if name and path.name.startswith(beginning):
                _sweep_one(path, 0.0 if name[1] == _system() else _FOREIGN_PATIENCE)


def sweep_old(folder: Path, pattern: str) -> None:
    """Removes files of a pattern that nobody has written to for an hour.

    For names that versions without locks used.
    """
    with suppress(OSError):
        for path in folder.glob(pattern):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > _OLD_PATIENCE:
                    path.unlink()


def sync_folder(folder: Path) -> None:
    """Has the names in a folder on disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _name_aside(path: Path) -> str:
    return f"{path.name}.{_system()}-{secrets.token_hex(4)}.tmp"


@functools.cache
def _system() -> str:
    """Eight letters for the running kernel, all of whose processes and containers share locks."""
    try:
        name = _BOOT.read_text(encoding="ascii")
    except OSError:  # not Linux
        name = socket.gethostname()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _locked_file(path: Path) -> tuple[Path, int]:
    while True:
        aside = path.with_name(_name_aside(path))
        # By hand and not by tempfile, whose files none but their user may read.
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _held(descriptor, aside):
            return aside, descriptor


def _locked_folder(path: Path) -> tuple[Path, int]:
    while True:
        aside = path.with_name("." + _name_aside(path))
        aside.mkdir()
        descriptor = os.open(aside, os.O_RDONLY | os.O_CLOEXEC)
        if _held(descriptor, aside):
            return aside, descriptor


def _held(descriptor: int, path: Path) -> bool:
    """Locks what was just made; False where a sweep was faster and has removed it."""
    with suppress(OSError):  # a file system without locks, which keeps its leftovers
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        if os.path.samestat(path.lstat(), os.fstat(descriptor)):
            return True
    except FileNotFoundError:
        pass
    os.close(descriptor)
    return False


def _sweep_one(path: Path, patience: float) -> None:
    with suppress(OSError):
        if time.time() - path.lstat().st_mtime < patience or path.is_symlink():
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where it is held
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(descriptor)
