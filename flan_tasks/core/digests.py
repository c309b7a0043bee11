"""SHA-256 of many files, remembered for a day by size, times and inode, as `intact` does.

What is stored of a family depends on each of its source files: hashing a gigabyte in a thousand
files at each start would take longer than starting.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# Seconds for which a digest holds; within the tick of a file system's clock, nothing does.
_DAY = 24 * 3600.0
_TICK = 2.0


def digests(paths: Sequence[Path]) -> list[str]:
    """Returns the SHA-256 of the content of each file, in hexadecimal.

    Raises:
      OSError: one cannot be read.
    """
    before = _remembered()
    values, fresh = [], {}
    for path in paths:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            note = _note(about)
            value, when = before.get(note, ("", 0.0))
            if not (value and 0 <= time.time() - when < _DAY):
                value = hashlib.file_digest(file, "sha256").hexdigest()
                settled = time.time() - max(about.st_mtime, about.st_ctime) > _TICK
                if settled and _note(os.fstat(file.fileno())) == note:
                    fresh[note] = value
        values.append(value)
    _remember(fresh)
    return values


def _note(about: os.stat_result) -> str:
    stated = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:32]


def _notes_path() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flan_tasks/digests"


def _remembered() -> dict[str, tuple[str, float]]:
    notes: dict[str, tuple[str, float]] = {}
    # Whatever stands there: what cannot be read was not remembered.
    with suppress(OSError, RuntimeError, ValueError):
        for line in _notes_path().read_text(encoding="ascii").splitlines():
            with suppress(ValueError):
                note, value, when = line.split(" ")
                if len(value) == 64:
                    notes[note] = (value, float(when))
    return notes


def _remember(fresh: dict[str, str]) -> None:
    if not fresh:
        return
    lines = [f"{note} {value} {int(time.time())}\n" for note, value in fresh.items()]
    # One write: lines of processes that write at the same time do not mix.
    with suppress(OSError, RuntimeError):
        path = _notes_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as out:
            out.write("".join(lines).encode())
