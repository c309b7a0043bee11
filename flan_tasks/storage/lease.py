"""A lock that lies at an address: an object that only one can make, with a sign of life in it.

Object stores have no locks that die with a process. Who holds this one writes it anew every few
seconds; what nobody has written to for a minute belongs to nobody, and is taken over by whoever
makes the same. That may hit a holder that was only stopped or cut off, which then goes on for a
moment: so only builds of the same recipe take over, whose files have the same bytes, and the holder
looks before it goes on.
"""

import json
import secrets
import threading
import time
from contextlib import suppress
from typing import Any

from flan_tasks.core.errors import BuildError
from flan_tasks.storage.storage import Storage

# Seconds between signs of life, and how old the last one of a dead holder is.
BEAT = 10.0
STALE = 60.0
# Seconds between two looks at a lock that another holds.
_LOOK = 1.0


class Lease:
    """The lock of one build at an address.

    Args:
      storage: where.
      name: of the object.
      recipe: hash of what is built.
    """

    def __init__(self, storage: Storage, name: str, recipe: str) -> None:
        self._storage = storage
        self._name = name
        self._recipe = recipe
        self._owner = secrets.token_hex(8)
        self._beats = 0
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, *, wait: bool = True) -> None:
        """Takes the lock, and keeps it until `release`.

        Whether a holder lives is seen by its next sign of life, for which this waits, or by the
        age of its last one, by the server's clock.

        Args:
          wait: whether it is waited for that; otherwise a lock that is not old is taken for held.

        Raises:
          BuildError: another holds it, or the server does not keep two from making one object.
        """
        seen: dict[str, Any] | None = None
        while not self._storage.create(self._name, self._content()):
            held = self._held()
            if held is None:
                continue
            if held.get("owner") == self._owner:
                break  # a first answer was lost on the way, and the request made again
            if held.get("recipe") != self._recipe:
                raise BuildError(
                    f"another build is being written to {self._storage.address}, or was when it "
                    "was killed. Name another place, or wait for it; if there is none, remove "
                    f"{self._storage.address / self._name}"
                )
            if self._is_stale():
                self._storage.remove([self._name])
                seen = None
                continue
            if (seen is not None and seen != held) or not wait:
                raise BuildError(
                    f"another process is building into {self._storage.address}; wait for it, or "
                    "name another place"
                )
            seen = held
            time.sleep(_LOOK)
        if self._storage.create(self._name, self._content()):
            self._storage.remove([self._name])
            raise BuildError(
                f"nothing can be built at {self._storage.address}: its server makes an object "
                "though there is one (it ignores If-None-Match), so builds could not keep one "
                "another out. Build here, and copy the directory"
            )
        self._thread = threading.Thread(target=self._live, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises a BuildError if another has taken over."""
        if self._lost.is_set():
            raise BuildError(
                f"another process has taken over the build at {self._storage.address}, as this one "
                f"gave no sign of life for more than {STALE:.0f} s; it goes on there"
            )

    def release(self) -> None:
        """Gives the lock back, if it is still held; what cannot be removed is left to grow old."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(BuildError):
            held = self._held()
            if held is not None and held.get("owner") == self._owner:
                self._storage.remove([self._name])

    def _live(self) -> None:
        while not self._ended.wait(BEAT):
            # A server that is away for a while is no reason to stop: uploads say so, where any are.
            with suppress(BuildError):
                held = self._held()
                if held is None or held.get("owner") != self._owner:
                    self._lost.set()
                    return
                self._beats += 1
                self._storage.write(self._name, self._content())

    def _held(self) -> dict[str, Any] | None:
        """What stands in the lock; None where there is none."""
        try:
            found = json.loads(self._storage.read(self._name))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _is_stale(self) -> bool:
        clock = f"{self._name}-clock-{self._owner}"
        try:
            self._storage.write(clock, b"")
            age = self._storage.changed(clock) - self._storage.changed(self._name)
        except FileNotFoundError:
            return False
        finally:
            with suppress(BuildError):
                self._storage.remove([clock])
        return age.total_seconds() > STALE

    def _content(self) -> bytes:
        # Neither host nor user: the object may lie where many read.
        about = {"owner": self._owner, "recipe": self._recipe, "beats": self._beats}
        return json.dumps(about).encode()
