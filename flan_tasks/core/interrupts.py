"""Signals that ask a command to stop: one to clean up and say so, a second to end at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Of a scheduler, of a terminal that closes, of Ctrl-C.
_NAMES = ("SIGTERM", "SIGHUP", "SIGINT")


class Stopped(BaseException):
    """A signal asked the command to stop; no `except Exception` takes it for a failure."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number).name
        # As a shell says it of a program that the signal ended.
        self.exit_code = 128 + number
        super().__init__(
            f"stopped by {self.signal}; what is complete is kept, and the same command goes on"
        )


@contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Calls `handler` for the signals that ask to stop, and puts back what was there before.

    Signals that are ignored, as `nohup` has it for a closed terminal, stay ignored. Outside the
    main thread, which alone may set handlers, nothing changes.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def raising() -> Iterator[None]:
    """Raises `Stopped` in the main thread at the first signal; the second ends at once."""
    asked: list[int] = []

    def stop(number: int, _: Any) -> None:
        if asked:
            end_at_once(number)
        asked.append(number)
        raise Stopped(number)

    with handled(stop):
        yield


def end_at_once(number: int) -> None:
    """Ends the process, after a line that says so; nothing is cleaned up."""
    name = signal.Signals(number).name
    with suppress(OSError):  # the terminal may be gone
        os.write(2, f"\n{name} again: ended at once; what is complete is kept\n".encode())
    os._exit(128 + number)
