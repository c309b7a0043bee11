"""Local processes that build shards: each one at a time, stopped at once, missed when it dies.

They are plain child processes with a socket each. `multiprocessing`, and with it
`concurrent.futures` and loky, writes what a spawned process is to run into a pipe whose reading
end the parent holds too, so a process that dies while it starts leaves the parent waiting forever.
They also start a process that keeps account of semaphores and prints lines of its own when it is
signaled, want /dev/shm, and do not say which piece of work was lost. Here nothing is written that a
dead or stopped process would have to read: the work lies in a file without a name that all of them
inherit, a shard is a few hundred bytes in a socket's buffer, and the end of a process, of either
side and at any moment, is the end of the other's socket.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

from flan_tasks.core.errors import BuildError
from flan_tasks.core.interrupts import SIGNALS
from flan_tasks.engine.file_facts import write_error
from flan_tasks.engine.runner import Makes, Running

# How often what is going on is looked at.
_LOOK = 0.2
# How long the system may take to end a process that was killed.
_GRACE = 5.0
# What a worker runs; its modules are looked for where this process looks for them.
_CODE = """\
import json, sys
options = json.loads(sys.argv[1])
sys.path[:] = options["path"]
from flan_tasks.engine.worker_process import main
main(options["pipe"], options["work"], options["inherited"], options["parent"])
"""


def available_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalProcesses:
    """Makes pieces in `num_workers` processes; a `Runner`.

    Processes are started anew, never forked from this one: the libraries around us start threads.
    When it is closed they are killed, so that whoever closes it removes what has no name yet.
    """

    is_elsewhere = False

    def __init__(self, num_workers: int) -> None:
        self.size = num_workers

    def __call__(
        self,
        work: Makes,
        pieces: Sequence[Any],
        *,
        place: Path,
        watch: Callable[[Running], None],
        lock_fd: int | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yields what is known of each piece; logs of the processes lie in `place`."""
        if not pieces:
            return
        waiting = list(reversed(pieces))
        workers: list[_Worker] = []
        try:
            with _in_a_file(work, place) as file:
                for number in range(min(self.size, len(pieces))):
                    log = place / f"worker-{number}.log"
                    workers.append(_Worker(file, lock_fd, log))
                    workers[-1].give(waiting.pop())
            while busy := [worker for worker in workers if worker.shard is not None]:
                connection.wait([worker.line for worker in busy], timeout=_LOOK)
                for worker in busy:
                    facts = worker.take()
                    if facts is None:
                        continue
                    yield facts
                    if waiting:
                        worker.give(waiting.pop())
                    else:
                        worker.stop()
                watch({w.shard.path: w.rows for w in workers if w.shard is not None})
        finally:
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.wait()


@contextmanager
def _in_a_file(work: Makes, folder: Path) -> Iterator[int]:
    """Gives the descriptor of a file that holds the work and has no name to be left behind."""
    data = work.to_bytes()
    with ExitStack() as opened:
        try:
            file = opened.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
            rest = memoryview(data)
            while rest:  # a disk may take a part before it is full
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise write_error(error, folder) from error
        yield file.fileno()


class _Worker:
    """One process, seen from outside.

    Raises:
      BuildError: it cannot be started.
    """

    def __init__(self, work: int, lock_fd: int | None, log: Path) -> None:
        # What it is building.
        self.shard: Any = None
        # Rows done of that.
        self.rows = 0
        self._log = log
        self._is_up = False
        try:
            # Libraries in C++ write here as they please; it is shown if the worker dies.
            with log.open("wb") as output:
                self.line, child_end = connection.Pipe()
                with child_end:
                    self.process = _start(child_end.fileno(), work, lock_fd, output)
        except OSError as error:
            raise BuildError(
                f"a worker cannot be started: {error.strerror or error}"
                f"{f': {error.filename}' if error.filename else ''}. Give fewer --workers, or "
                "raise what the system allows a user (ulimit -a: open files, user processes)"
            ) from error

    def give(self, shard: Any) -> None:
        """Hands it a shard; it may not be up yet."""
        self.shard = shard
        self.rows = 0
        with suppress(OSError):  # it died; `take` says so
            self.line.send(shard)

    def take(self) -> dict[str, Any] | None:
        """Returns what is known of its shard if that is done.

        Raises:
          BuildError: it died.
          Exception: whatever building the shard raised.
        """
        is_dead = self.process.poll() is not None
        news: Any = None
        try:
            while not isinstance(news, dict | Exception) and self.line.poll():
                news = self.line.recv()
                if isinstance(news, int):
                    self._is_up, self.rows = True, news
        except (EOFError, OSError):  # the line ends, maybe within a message
            is_dead = True
        if isinstance(news, Exception):
            raise news
        if isinstance(news, dict):
            return news
        if is_dead:
            self._died()
        return None

    def stop(self) -> None:
        """Kills it, whatever it is doing: stopped, starting, or deep in a library.

        A signal it could answer may reach another of its threads, comes too late to a process that
        is stopped, and makes some libraries print.
        """
        self.shard = None
        self.process.kill()
        self.line.close()

    def wait(self) -> None:
        """Waits until it is gone."""
        # One that waits for a disk that hangs is left to the system.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)

    def _died(self) -> NoReturn:
        self.wait()
        assert self.shard is not None
        doing = "was building" if self._is_up else "was starting to build"
        error = BuildError(
            f"the worker that {doing} {self.shard.path} died: {_how(self.process.returncode)}. "
            "The other workers were stopped and what is complete is kept: run the same command "
            "again, perhaps with fewer --workers"
        )
        with suppress(OSError):
            for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
                error.add_note(f"it printed: {line}")
        raise error


def _start(pipe: int, work: int, lock_fd: int | None, output: Any) -> subprocess.Popen:
    inherited = [] if lock_fd is None else [lock_fd]
    options = {
        "path": sys.path,
        "pipe": pipe,
        "work": work,
        "inherited": inherited,
        "parent": os.getpid(),
    }
    # Ctrl-C reaches every process of the terminal, and a scheduler tells all of a job; the one that
    # started us decides. What is blocked here is blocked there from the first instruction on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(pipe, work, *inherited),
            # Else each of N workers would start threads for every core.
            env={"TOKENIZERS_PARALLELISM": "false"} | os.environ,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(code: int | None) -> str:
    if code is None:
        return "it closed its line and is still there"
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = "unnamed"
    killed = ", which is how the system ends a process when memory runs out"
    return f"signal {-code} ({name})" + (killed if code == -signal.SIGKILL else "")
