"""One build at a time in a directory, by a lock that dies with the processes that hold it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from flan_tasks.core.errors import BuildError

# A holder that is alive keeps us out at once; this long is for one that is just going.
_PATIENCE = 0.3
# Workers of a killed build let go within milliseconds; this is for a machine under load.
_LONG_PATIENCE = 10.0


@contextmanager
def hold(path: Path) -> Iterator[int]:
    """Holds a lock file, making it and its folder if need be; yields its descriptor.

    A process that inherits the descriptor holds the lock as well, so that it is free only when the
    last of them has ended, however it ends.

    Raises:
      BuildError: a living process holds it.
      OSError: it cannot be made.
    """
    file = _take(path)
    try:
        with suppress(OSError):  # the disk may be full; the number is a courtesy
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield file.fileno()
    finally:
        file.close()


def _take(path: Path) -> IO[str]:
    started = time.monotonic()
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+")
        except FileNotFoundError:  # the folder went away in between: the other build is done
            if time.monotonic() - started > _LONG_PATIENCE:
                raise
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, file):
                return file
        except BlockingIOError as error:
            patience = _PATIENCE if _holder_lives(file) else _LONG_PATIENCE
            if time.monotonic() - started > patience:
                file.close()
                raise BuildError(
                    f"another process is building into {path.parent.parent}; wait for it, or "
                    "name another folder"
                ) from error
            time.sleep(0.02)
        except BaseException:
            file.close()
            raise
        file.close()


def _is_still(path: Path, file: IO[str]) -> bool:
    # Who ends a build removes the file; holding what was removed keeps nobody out.
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _holder_lives(file: IO[str]) -> bool:
    try:
        file.seek(0)
        os.kill(int(file.read()), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, OSError):  # not written yet, or another user's
        pass
    return True
