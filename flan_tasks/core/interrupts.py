"""Signals that end a program: one line, the exit code a shell gives, no traceback.

Ctrl-C, a closed terminal, a scheduler's SIGTERM and Ctrl-\\ all mean the same: stop, and leave
nothing half-written. The first one raises `Stopped` where the program is, so that whatever is open
gets closed; what comes right after it (a key that was held, a shell that tells the whole group)
changes nothing; and one that comes later, or cleaning up that does not end, ends the process on the
spot. Nothing here is installed by importing it.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

# Of Ctrl-C, a scheduler, a terminal that closes, Ctrl-\.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Seconds after the first signal in which another one is taken for the same wish.
SAME = 2.0
# What a program that goes on from there says of it.
KEPT = "what is complete is kept, and the same command goes on"
# Seconds that cleaning up may take.
_PATIENCE = 60.0
# Seconds until a signal that was lost is raised again.
_AGAIN = 0.05


class Stopped(BaseException):
    """A signal asked this process to end; no `except Exception` takes it for a failure."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.signal = signal.Signals(number).name
        super().__init__(f"stopped by {self.signal}; {KEPT}")


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


def program(run: Callable[[], int | None], *, describe: Callable[[str], str]) -> int:
    """Runs a program with the signals handled, from here to the end of the process.

    Args:
      run: does what there is to do and returns the exit code, or exits with it.
      describe: the line to print, of what happened: "interrupted", or "stopped by SIGTERM".

    Returns:
      What the process is to exit with. One that a signal ended does not come back.
    """
    _stand(describe)
    try:
        try:
            code = run() or 0
        except SystemExit as error:
            if _asked.signal is not None or not isinstance(error.code, int | None):
                raise
            code = error.code or 0
        _finish(code)
    except BaseException as error:
        if isinstance(error, Stopped) and _asked.signal is None:  # of a handler inside of this one
            _asked.signal = error.number
        # Whatever became of it: libraries turn what a signal raises into errors of their own.
        if _asked.signal is not None:
            _end()
        if not isinstance(error, KeyboardInterrupt):
            raise
        with suppress(OSError):
            print(f"\n{describe('interrupted')}", file=sys.stderr, flush=True)
        code = 128 + signal.SIGINT
    return code


def asked() -> bool:
    """Whether a signal asked this process to end."""
    return _asked.signal is not None


@contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Calls `handler` for the signals that ask to stop, and puts back what was there before.

    Signals that are ignored stay so: `nohup`, and shells that start something in the background,
    mean it. Outside the main thread, which alone may set handlers, nothing changes.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def end_at_once(number: int) -> NoReturn:
    """Ends the process, after a line that says so; nothing is cleaned up."""
    name = signal.Signals(number).name
    with suppress(OSError):  # the terminal may be gone
        os.write(2, f"\n{name} again: ended at once; what is complete is kept\n".encode())
    os._exit(128 + number)


def _stand(describe: Callable[[str], str]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    _Asked.__init__(_asked)
    _asked.describe = describe
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)
    signal.signal(signal.SIGALRM, _overdue)
    sys.unraisablehook = _unraisable
    # The first that is registered runs last: after it no Python of anybody's runs.
    atexit.unregister(_leave)
    atexit.register(_leave)


def _finish(code: int) -> None:
    """Notes that all is done: a signal that comes now finds nothing to interrupt."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # one that is closed may be None
            stream.flush()
    _asked.code = code


def _leave() -> None:
    # Else Python takes our handlers away while it takes itself apart, and what is done ends as if
    # it had not been.
    if _asked.code is not None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _handle(number: int, _: Any) -> None:
    if _asked.code is not None:
        os._exit(_asked.code)
    now = time.monotonic()
    if _asked.signal is None:
        _asked.signal, _asked.since = number, now
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
        raise Stopped(number)
    if now - _asked.since > SAME:
        _end()


def _overdue(*_: Any) -> None:
    if _asked.signal is None:
        return  # somebody else's alarm
    if not _asked.is_lost:
        _end()
    _asked.is_lost = False
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    raise Stopped(_asked.signal)


def _unraisable(raised: Any) -> None:
    # In a destructor or a callback of C, where an exception goes nowhere.
    if isinstance(raised.exc_value, Stopped):
        _asked.is_lost = True
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        return
    _asked.unraisable(raised)


def _end() -> NoReturn:
    """Prints the line and ends the process at once.

    Without what Python does at an exit: that runs code of every library, waits for their threads,
    and would print what a second signal does to them.
    """
    assert _asked.signal is not None
    number, _asked.code = signal.Signals(_asked.signal), 128 + _asked.signal
    what = "interrupted" if number == signal.SIGINT else f"stopped by {number.name}"
    # The signal may have found the buffer in use, and the terminal may be gone.
    with suppress(OSError, ValueError, RuntimeError, AttributeError):
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, f"\n{_asked.describe(what)}\n".encode(errors="replace"))
    os._exit(_asked.code)
