"""Whether a file is what its SHA-256 says, looked at when the file is used.

Small files are hashed at each use. Of large ones it is remembered that they were intact, by size,
times and inode, so that a trainer that starts again, or a build from a filled store, does not hash
gigabytes once more. Whoever writes to a file changes these; a disk that loses a bit does not, so
what is remembered holds for a day.
"""

import functools
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from flan_tasks.core.whole import write_text

# Told each piece of a file in order; a whole number of rows where a row length is given.
Look = Callable[[memoryview], None]

# Hashing as much takes a millisecond: not worth a note.
_SMALL = 1 << 20
# Seconds for which a note holds.
_DAY = 24 * 3600.0
# Two changes within one tick of the file system's clock leave the same times: of a file changed so
# shortly ago nothing is remembered. Seconds.
_TICK = 2.0
_PIECE = 1 << 20
# Characters of notes above which those of earlier days are dropped.
_MOST_NOTES = 1 << 20


def is_intact(
    path: Path,
    sha256: str,
    *,
    claim: str = "",
    head: int = 0,
    row: int = 1,
    look: Look | None = None,
) -> bool:
    """Whether the content of a file has this SHA-256.

    Args:
      path: the file.
      sha256: 64 hexadecimal digits.
      claim: what else `look` compares with; another claim looks again.
      head: bytes before the first row.
      row: bytes of a row; pieces handed to `look` hold whole rows.
      look: told the content while it is hashed; raises where something is wrong with it.

    Raises:
      OSError: it cannot be read.
    """
    with path.open("rb") as file:
        note = _note(os.fstat(file.fileno()), sha256, claim)
        if note in _checked() and 0 <= time.time() - _checked()[note] < _DAY:
            return True
        before = os.fstat(file.fileno())
        if _digest(file, head, row, look) != sha256:
            return False
        if _is_settled(before) and _note(os.fstat(file.fileno()), sha256, claim) == note:
            _remember(note, is_large=before.st_size >= _SMALL)
    return True


def _digest(file: BufferedReader, head: int, row: int, look: Look | None) -> str:
    found = hashlib.sha256(file.read(head))
    buffer = memoryview(bytearray(max(row, _PIECE // row * row)))
    while size := _fill(file, buffer):
        found.update(buffer[:size])
        if look is not None:
            look(buffer[:size])
    return found.hexdigest()


def _fill(file: BufferedReader, buffer: memoryview) -> int:
    size = 0
    while size < len(buffer) and (more := file.readinto(buffer[size:])):
        size += more
    return size


def _is_settled(about: os.stat_result) -> bool:
    return time.time() - max(about.st_mtime, about.st_ctime) > _TICK


def _note(about: os.stat_result, sha256: str, claim: str) -> str:
    # The path is not part of it: one file under two paths is one file.
    values = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    text = json.dumps([*values, sha256, claim])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _notes_path() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flan_tasks/checked"


@functools.cache
def _checked() -> dict[str, float]:
    """Note -> when the file was found intact, of this process and of earlier ones."""
    found: dict[str, float] = {}
    # Whatever stands there: what cannot be read was not remembered.
    with suppress(OSError, RuntimeError, ValueError):
        path = _notes_path()
        text = path.read_text(encoding="ascii")
        for line in text.splitlines():
            note, _, when = line.partition(" ")
            with suppress(ValueError):
                found[note] = float(when)
        if len(text) > _MOST_NOTES:
            found = {note: when for note, when in found.items() if time.time() - when < _DAY}
            write_text(path, "".join(f"{note} {int(when)}\n" for note, when in found.items()))
    return found


_appending = threading.Lock()


def _remember(note: str, *, is_large: bool) -> None:
    _checked()[note] = time.time()
    if not is_large:
        return
    # One line in one write: lines of processes that write at the same time do not mix.
    with suppress(OSError, RuntimeError), _appending:
        path = _notes_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write(f"{note} {int(time.time())}\n".encode())
