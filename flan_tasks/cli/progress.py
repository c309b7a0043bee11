"""How far a command is, on stderr: one live line on a terminal, else a plain line now and then."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from flan_tasks.core.counting import counted

if TYPE_CHECKING:
    from flan_tasks.engine.run_local import Status

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

    def __call__(self, status: "Status") -> None:
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


class AnswerProgress:
    """Prints how many prompts are answered; in a log a line for each tenth, so ten at most."""

    def __init__(
        self,
        *,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live = sys.stderr.isatty() if live is None else live
        self._clock = clock
        # Answers of before and the time of the first new one, which rates are told from.
        self._first: tuple[int, float] | None = None
        self._tenth = 0
        self._next = 0.0
        self._line = ""

    def __call__(self, done: int, total: int) -> None:
        """Takes the number of answers, those of before included, and prints it if it is time to."""
        now = self._clock()
        if self._first is None:
            self._first = (done, now)
            self._tenth = 10 * done // total
            self._next = now
        self._line = describe_answers(done, total, *self._rate(done, now))
        if self._live:
            if now >= self._next or done == total:
                self._next = now + _LIVE
                self._print(self._line)
        elif 10 * done // total > self._tenth:
            self._tenth = 10 * done // total
            self._print(self._line)

    def note(self, text: str) -> None:
        """Says what is being done meanwhile, such as compiling; in a log that is not news."""
        if self._live:
            self._print(f"{self._line} | {text}" if self._line else text)

    def _rate(self, done: int, now: float) -> tuple[int, float]:
        before, begun = self._first or (done, now)
        return done - before, now - begun

    def _print(self, line: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\033[K{line[:width]}", err=True, nl=False, color=True)
        else:
            click.echo(line, err=True)


def describe_answers(done: int, total: int, new: int, seconds: float) -> str:
    """Returns how many prompts are answered in one line; `new` of them in so many seconds."""
    pieces = [f"{done:,} of {counted(total, 'prompt')}"]
    if new and seconds > 0:
        rate = new / seconds
        pieces.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if done < total:
            pieces.append(f"{_time((total - done) / rate)} left")
    return " | ".join(pieces)


def describe(status: "Status") -> str:
    """Returns a state in one line: shards, rows, rates, time left."""
    left = status.shards - status.kept - status.done - len(status.running)
    pieces = [f"{status.kept + status.done:,} of {counted(status.shards, 'shard')}"]
    if status.kept:
        pieces[0] += f" ({status.kept} from before)"
    if status.running or left:
        pieces.append(f"{len(status.running)} running, {left} waiting")
    rows = status.rows_done + sum(done for done, _ in status.running.values())
    pieces.append(f"{rows:,} of {counted(status.rows_to_do, 'row')}")
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


def _running(status: "Status") -> str:
    shown = [
        f"{path.rpartition('/')[2]} {done / rows:.0%}"
        for path, (done, rows) in status.running.items()
    ]
    return f" | {', '.join(shown)}" if shown else ""


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
