"""Local processes that build shards: each one at a time, stopped cleanly, missed when it dies."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing import connection, reduction, resource_tracker
from pathlib import Path
from typing import Any, NoReturn

from flan_tasks.build.work import Running, Work
from flan_tasks.build.writers.base import Shard
from flan_tasks.core.errors import BuildError, FlanTasksError

# How often what is going on is looked at.
_LOOK = 0.2
# How long a worker that is told to stop may take to clean up.
_GRACE = 5.0


def available_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalProcesses:
    """Builds shards in `num_workers` processes; a `MapShards`.

    Processes are spawned, never forked: the libraries around us start threads.
    """

    def __init__(self, num_workers: int, *, logs: Path) -> None:
        self._num_workers = num_workers
        self._logs = logs

    def __call__(
        self, work: Work, shards: Sequence[Shard], watch: Callable[[Running], None], held: int
    ) -> Generator[dict[str, Any], None, None]:
        if not shards:
            return
        data = work.to_bytes()
        waiting = list(reversed(shards))
        workers: list[_Worker] = []
        try:
            for number in range(min(self._num_workers, len(shards))):
                workers.append(_Worker(number, data, held, self._logs))
                workers[-1].give(waiting.pop())
            while busy := [worker for worker in workers if worker.shard is not None]:
                connection.wait([end for worker in busy for end in worker.ends], timeout=_LOOK)
                for worker in busy:
                    facts = worker.take()
                    if facts is not None:
                        yield facts
                        worker.give(waiting.pop() if waiting else None)
                watch({w.shard.path: w.rows for w in workers if w.shard is not None})
        finally:
            _stop(workers)


class _Worker:
    """One process, seen from outside."""

    def __init__(self, number: int, data: bytes, held: int, logs: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.shard: Shard | None = None
        self._log = logs / f"worker-{number}.log"
        # One number, written there and read here, without a lock: it is only looked at.
        self._rows = spawn.RawValue("q", 0)
        self._pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(
            target=_run, args=(theirs, data, self._rows, _Held(held), self._log), daemon=True
        )
        # Ctrl-C reaches every process of the terminal; the one that started us decides. What is
        # blocked here is blocked there from the first instruction on, before Python is up.
        resource_tracker.ensure_running()  # else starting it unblocks the signal half-way
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    @property
    def ends(self) -> tuple[Any, ...]:
        """What becomes ready when there is news."""
        return (self._pipe, self.process.sentinel)

    @property
    def rows(self) -> int:
        """Rows done of the shard it is at."""
        return self._rows.value

    def give(self, shard: Shard | None) -> None:
        """Hands it a shard; None means there is none left."""
        self.shard = shard
        self._rows.value = 0
        with suppress(OSError):  # it died; `take` says so
            self._pipe.send(shard)

    def take(self) -> dict[str, Any] | None:
        """Returns what is known of its shard if that is done.

        Raises:
          BuildError: it died.
          Exception: whatever building the shard raised.
        """
        died = not self.process.is_alive()
        try:
            if not self._pipe.poll():
                if died:
                    self._died()
                return None
            found = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._died()
        if isinstance(found, BaseException):
            raise found
        return found

    def hang_up(self) -> None:
        """Closes the line: it gets nothing more, and nobody listens."""
        self._pipe.close()

    def _died(self) -> NoReturn:
        self.process.join(_GRACE)
        code = self.process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {-code} ({signal.Signals(-code).name})"
        if code == -signal.SIGKILL:
            how += ", which is how the system ends a process when memory runs out"
        assert self.shard is not None
        error = BuildError(
            f"the worker that was building {self.shard.path} died: {how}. The other workers were "
            "stopped and what is complete is kept: run the same command again, perhaps with "
            "fewer --workers"
        )
        with suppress(OSError):
            for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
                error.add_note(f"it printed: {line}")
        raise error


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        # One that waits for a shard goes by itself: a signal may reach another of its threads, and
        # would not wake the one that reads.
        idle = worker.shard is None
        worker.hang_up()
        if idle:
            worker.process.join(_GRACE)
        worker.process.terminate()
    until = time.monotonic() + _GRACE
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        worker.process.kill()
        worker.process.join()
        worker.process.close()


class _Held:
    """A descriptor that a spawned process inherits, and with it the lock it stands for."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.descriptor)

    def __setstate__(self, state: Any) -> None:
        self.descriptor = state.detach()


def _run(pipe: Any, data: bytes, rows: Any, held: _Held, log: Path) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Else each of N workers would start threads for every core.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Libraries in C++ write here as they please; it is shown if the worker dies.
    with suppress(OSError), log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    work = Work.from_bytes(data)

    def tick(done: int) -> None:
        rows.value = done

    while (shard := _next(pipe)) is not None:
        try:
            found: Any = work.build(shard, tick)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where users see it
            found = _portable(error)
        try:
            pipe.send(found)
        except OSError:  # nobody listens any more
            return


def _next(pipe: Any) -> Shard | None:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _portable(error: Exception) -> Exception:
    if isinstance(error, FlanTasksError):
        return error
    error.add_note("".join(traceback.format_exception(error)))
    try:
        reduction.ForkingPickler.loads(reduction.ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001 - exceptions of other libraries fail in any way
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
