"""Commands run as processes of their own, held where a test wants them, and what is left of them.

No test here races with a process: it is held at a named point (`fixtures/holder`), and a test that
waits does so until something is there or the process has ended, however long that takes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

from conftest import ROOT

from flan_tasks.core import interrupts

HOLDER = ROOT / "tests" / "fixtures" / "holder"


def start(
    *command: str, cwd: Path, keep: Collection[int] = (), **environment: str
) -> subprocess.Popen:
    """Starts a command in a session, and so a group, of its own; ignored signals are so no more.

    Args:
      command: words.
      cwd: where it runs.
      keep: signals that stay ignored.
      environment: what is changed of it.
    """
    # A shell that starts the tests in the background, or nohup, has them ignore some of these, and
    # what they start as well.
    ignored = [n for n in interrupts.SIGNALS if signal.getsignal(n) == signal.SIG_IGN]
    before = {n: signal.signal(n, signal.SIG_DFL) for n in ignored if n not in keep}
    try:
        return subprocess.Popen(
            command,
            env=os.environ | environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Held:
    """A `flan` command that waits at a named point; a context that lets go of it at the end."""

    def __init__(
        self, at: str, *words: str, place: Path, who: str = "parent", **environment: str
    ) -> None:
        self._fifo = place / f"held-{len(list(place.glob('held-*')))}"
        os.mkfifo(self._fifo)
        self.process = start(
            *(sys.executable, "-m", "flan_tasks", *words),
            cwd=place,
            PYTHONPATH=os.pathsep.join([str(HOLDER), str(ROOT)]),
            HOLD_AT=at,
            HOLD_WHO=who,
            HOLD_HOW=str(self._fifo),
            **environment,
        )

    def __enter__(self) -> "Held":
        try:
            self._end = self._opened()
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._end)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def _opened(self) -> int:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            try:
                return os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads: it is not there yet
                if self.process.poll() is not None:
                    raise AssertionError(
                        f"it ended before that point: {self.process.communicate()}"
                    ) from None
            time.sleep(0.005)
        raise AssertionError("it does not get to that point")

    def signal(self, number: int, *, group: bool = False) -> None:
        """Signals the command, or every process of its group."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def ended(self) -> tuple[int, str]:
        """Returns its exit code and what it said on stderr, once it has ended."""
        _, said = self.process.communicate(timeout=300)
        return self.process.returncode, said


def members(session: int) -> dict[int, str]:
    """Living processes of a session: number -> state and command line."""
    return _living(3, session)


def children(parent: int) -> dict[int, str]:
    """Living processes that a process has started: number -> state and command line."""
    return _living(1, parent)


def _living(field: int, number: int) -> dict[int, str]:
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            # State, parent, group, session, ...
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if int(fields[field]) == number and fields[0] not in "ZX":
            found[int(place.name)] = f"{fields[0]} {words}"
    return found


def states(session: int) -> set[str]:
    """States of the processes of a session, as /proc has them; T is stopped by a signal."""
    return {process[0] for process in members(session).values()}


def is_gone(session: int) -> bool:
    """Whether every process of a session ends; what it waits for needs no more than a moment."""
    until = time.monotonic() + 120
    while members(session):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
