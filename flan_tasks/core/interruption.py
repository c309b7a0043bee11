"""Signals that end a program: one line, the exit code a shell gives, no traceback.

Ctrl-C, a closed terminal, a scheduler's SIGTERM and Ctrl-\\ all mean the same: stop, and leave
nothing half-written. The first one raises `Interrupted` where the program is, so that whatever is
open gets closed; what comes right after it (a key that was held, a shell that tells the whole
group) changes nothing; and one that comes later, or cleaning up that does not end, ends the process
on the spot. Nothing here is installed by importing it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Seconds after the first signal in which another one is taken for the same wish.
_SAME = 2.0
# Seconds that cleaning up may take.
_PATIENCE = 15.0
# Seconds until a signal that was lost is raised again.
_AGAIN = 0.05


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end."""


class _Asked:
    """What was asked of this process; there is one, as there is one process."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.since = 0.0
        # Whether what was raised ended where Python only prints what it cannot raise.
        self.is_lost = False
        # Exit code of a program that has done all it had to do.
        self.code: int | None = None
        self.describe: Callable[[str], str] = "{}: ended".format
        self.unraisable = sys.unraisablehook


_asked = _Asked()


def program(run: Callable[[], int], *, describe: Callable[[str], str]) -> int:
    """Runs a program with the signals handled, from here to the end of the process.

    Args:
      run: does what there is to do and returns the exit code.
      describe: the line to print, of what happened: "interrupted", or "stopped by SIGTERM".

    Returns:
      What the process is to exit with. One that a signal ended does not come back.
    """
    stand(describe)
    try:
        code = run()
        finished(code)
    except BaseException as error:
        # Whatever became of it: libraries turn what a signal raises into errors of their own.
        if not (_asked.signal or isinstance(error, KeyboardInterrupt)):
            raise
        code = end()
    return code


def stand(describe: Callable[[str], str]) -> None:
    """Handles the signals from here on, to the end of the process.

    Signals that are ignored stay so: `nohup` and shells that start something in the background mean
    it. In another thread than the main one, where Python sets no handlers, nothing happens.

    """
    if threading.current_thread() is not threading.main_thread():
        return
    _asked.__init__()
    _asked.describe = describe
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)
    signal.signal(signal.SIGALRM, _overdue)
    sys.unraisablehook = _unraisable


def asked() -> bool:
    """Whether a signal asked this process to end."""
    return _asked.signal is not None


def finished(code: int) -> None:
    """Notes that all is done: a signal that comes now finds nothing to interrupt.

    Args:
      code: what the process ends with, also if a signal comes before its end.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    _asked.code = code


def end() -> int:
    """Prints the line and ends the process; returns the exit code where no signal came.

    At once, without what Python does at an exit: that runs code of every library, waits for their
    threads, and would print what a second signal does to them.
    """
    if _asked.signal is not None:
        _end()
    with suppress(OSError):
        print(f"\n{_asked.describe('interrupted')}", file=sys.stderr, flush=True)
    return 128 + signal.SIGINT


def _handle(number: int, frame: FrameType | None) -> None:
    if _asked.code is not None:
        os._exit(_asked.code)
    now = time.monotonic()
    if _asked.signal is None:
        _asked.signal, _asked.since = number, now
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
        raise Interrupted(signal.Signals(number).name)
    if now - _asked.since > _SAME:
        _end()


def _overdue(number: int, frame: FrameType | None) -> None:
    if not _asked.is_lost:
        _end()
    _asked.is_lost = False
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    raise Interrupted


def _unraisable(raised: Any) -> None:
    # In a destructor or a callback of C, where an exception goes nowhere.
    if isinstance(raised.exc_value, Interrupted):
        _asked.is_lost = True
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        return
    _asked.unraisable(raised)


def _end() -> NoReturn:
    assert _asked.signal is not None
    number, _asked.code = signal.Signals(_asked.signal), 128 + _asked.signal
    what = "interrupted" if number == signal.SIGINT else f"stopped by {number.name}"
    # Past the buffers, which the signal may have found locked. The terminal may be gone.
    with suppress(OSError, ValueError, RuntimeError):
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, f"\n{_asked.describe(what)}\n".encode(errors="replace"))
    os._exit(_asked.code)
