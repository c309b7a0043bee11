"""How far a build is, on stderr: one live line on a terminal, else a plain line now and then."""

import shutil
import sys
import time
from collections.abc import Callable

import click

from flan_tasks.build.run_local import Status

# Seconds between two lines.
_LIVE = 0.2
_PLAIN = 10.0


class BuildProgress:
    """Prints the states of a build, not all of them."""

    def __init__(
        self,
        *,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live = sys.stderr.isatty() if live is None else live
        self._clock = clock
        self._next = 0.0
        self._ended = False

    def __call__(self, status: Status) -> None:
        """Prints a state if it is time to."""
        now = self._clock()
        ended = status.kept + status.done == status.shards
        if self._ended or (now < self._next and not ended):
            return
        self._ended = ended
        self._next = now + (_LIVE if self._live else _PLAIN)
        if not self._live:
            click.echo(describe(status), err=True)
            return
        # One column short of the edge, where some terminals would begin a new line.
        width = shutil.get_terminal_size().columns - 1
        line = describe(status) + _running(status)
        click.echo(f"\r\033[K{line[:width]}", err=True, nl=False, color=True)


def describe(status: Status) -> str:
    """Returns a state in one line: shards, rows, rates, time left."""
    left = status.shards - status.kept - status.done - len(status.running)
    pieces = [f"{status.kept + status.done} of {status.shards} shards"]
    if status.kept:
        pieces[0] += f" ({status.kept} from before)"
    if status.running or left:
        pieces.append(f"{len(status.running)} running, {left} waiting")
    rows = status.rows_done + sum(done for done, _ in status.running.values())
    pieces.append(f"{rows:,} of {status.rows_to_do:,} rows")
    if rows and status.seconds > 0:
        rate = rows / status.seconds
        pieces.append(f"{rate:,.0f} rows/s")
        if status.tokens_done is not None and status.rows_done:
            # By the mean of finished shards, as tokens of a running one are not known yet.
            tokens = rate * status.tokens_done / status.rows_done
            pieces.append(f"{tokens / 1e6:,.2f} M tokens/s")
        if rows < status.rows_to_do:
            pieces.append(f"{_time((status.rows_to_do - rows) / rate)} left")
    return " | ".join(pieces)


def _running(status: Status) -> str:
    shown = [
        f"{path.rpartition('/')[2]} {done / rows:.0%}"
        for path, (done, rows) in status.running.items()
    ]
    return f" | {', '.join(shown)}" if shown else ""


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
