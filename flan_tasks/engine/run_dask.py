"""Has pieces made by the workers of a dask.distributed scheduler.

Dask gives out pieces one by one, gives those of a lost worker to another, and takes in workers
that come later. What is ours is that workers are fit for the work, and that nothing is waited for
without end: each wait has a limit and a line that says what was waited for.
"""

import functools
import json
import logging
import queue
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.engine.handed import Handed, different_workers, handed, make, unfit
from flan_tasks.engine.runner import Makes, Running

if TYPE_CHECKING:
    from distributed import Client, Future

# Seconds to wait for a scheduler, and for workers.
PATIENCE = 60.0
# How often it is looked at whether there are workers, and at what.
_LOOK = 1.0
_AGAIN = "What is complete is kept; run the same command again"


class Dask:
    """Has pieces made by the workers of a scheduler; a `Runner`.

    Args:
      scheduler: its address, as `tcp://HOST:8786`, or the file that `dask scheduler
        --scheduler-file` writes.
      patience: seconds to wait for it, and for a worker.

    Raises:
      DeclarationError: dask.distributed is not installed.
    """

    is_elsewhere = True

    def __init__(self, scheduler: str, *, patience: float = PATIENCE) -> None:
        with extras.needed_for("Building with Dask", error=DeclarationError):
            import distributed  # noqa: F401

        self._scheduler = scheduler
        self._patience = patience

    @property
    def size(self) -> int:
        """Threads of the workers that are there.

        Raises:
          BuildError: there is no scheduler, or no worker comes.
        """
        with self._connected() as client:
            return sum(self._threads(client).values())

    def __call__(
        self,
        work: Makes,
        pieces: Sequence[Any],
        *,
        place: Path,
        watch: Callable[[Running], None],
        lock_fd: int | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yields what is known of each piece; see `Runner`."""
        if not pieces:
            return
        with handed(work, place) as given, self._connected() as client:
            self._check_workers(client, given)
            futures = client.map(
                functools.partial(make, given), pieces, key="flan_tasks", pure=False
            )
            paths = {f.key: piece.path for f, piece in zip(futures, pieces, strict=True)}
            look_at = time.monotonic() + _LOOK
            for ended in self._as_they_end(client, futures):
                if ended is not None:
                    yield self._result(client, ended, paths[ended.key])
                if time.monotonic() >= look_at:
                    running = self._running(client)
                    watch({path: 0 for key, path in paths.items() if key in running})
                    look_at = time.monotonic() + _LOOK

    @contextmanager
    def _connected(self) -> Iterator["Client"]:
        """Yields a client with a worker.

        Raises:
          BuildError: there is none within the time.
        """
        from distributed import Client

        address = self._address()
        with _quiet():
            try:
                client = Client(
                    address, timeout=self._patience, set_as_default=False, name="flan_tasks"
                )
            except (OSError, ValueError, TypeError) as error:
                raise BuildError(
                    f"no Dask scheduler answers at {address} within {self._patience:g} s: "
                    f"{_line(error)}. Start one (dask scheduler), or give its address"
                ) from error
            try:
                self._wait_for_one(client)
                yield client
            finally:
                with suppress(Exception):  # whatever it is, the work is over
                    client.close(timeout=5)

    def _wait_for_one(self, client: "Client") -> None:
        try:
            client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError as error:
            address = self._address()
            raise BuildError(
                f"the Dask scheduler at {address} has no worker after {self._patience:g} s: "
                f"start some (dask worker {address} --nthreads 1 --nworkers N)"
            ) from error

    def _address(self) -> str:
        if not self._scheduler.endswith(".json"):
            return self._scheduler
        try:
            return str(json.loads(Path(self._scheduler).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BuildError(
                f"{self._scheduler} is no file of a Dask scheduler ({_line(error)}); dask "
                "scheduler --scheduler-file writes one"
            ) from error

    def _check_workers(self, client: "Client", given: Handed) -> None:
        """Compares the workers that are there with this process; who comes later does it himself.

        Raises:
          BuildError: some are unfit, or none answers.
        """
        asked = {
            client.submit(
                unfit,
                given,
                workers=[address],
                pure=False,
                # Others may ask the same workers, and want them for longer.
                key=f"flan_tasks_fit-{given.folder.name}-{address}",
                priority=1,
            ): address
            for address in self._threads(client)
        }
        problems: dict[str, str] = {}
        answered = 0
        until = time.monotonic() + self._patience
        for ended in self._as_they_end(client, list(asked)):
            if ended is None:
                if time.monotonic() > until:
                    break  # those that answer go on without them
                continue
            answered += 1
            try:
                problem = ended.result(timeout=self._patience)
            except Exception as error:  # noqa: BLE001 - what it cannot import fails in any way
                problem = f"cannot take the work: {_line(error)}"
                if _lost(client):
                    raise self._gone() from error
            if problem:
                problems[asked[ended]] = problem
        if problems:
            raise different_workers(problems)
        if not answered:
            raise BuildError(
                f"none of {counted(len(asked), 'worker')} of the Dask scheduler at "
                f"{self._address()} answers within {self._patience:g} s; if they are busy, wait "
                "longer (--worker-timeout)"
            )

    def _as_they_end(
        self, client: "Client", futures: Sequence["Future"]
    ) -> Iterator["Future | None"]:
        """Yields futures as they end, and None when a while passes without.

        Raises:
          BuildError: there is no worker for too long, or no scheduler.
        """
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        try:
            number, alone_since = len(futures), None
            while number:
                with suppress(queue.Empty):
                    yield ended.get(timeout=_LOOK)
                    number -= 1
                    continue
                if self._threads(client):
                    alone_since = None
                elif alone_since is None:
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > self._patience:
                    raise BuildError(
                        f"the workers of the Dask scheduler at {self._address()} are gone, and "
                        f"none came within {self._patience:g} s. {_AGAIN}"
                    )
                yield None
        finally:
            if not _lost(client):
                with suppress(Exception):  # it may be lost by now
                    client.cancel(list(futures))

    def _threads(self, client: "Client") -> dict[str, int]:
        """Address of each worker that is there -> its threads."""
        with self._there(client):
            return client.sync(client.scheduler.ncores, callback_timeout=self._patience)

    def _running(self, client: "Client") -> set[str]:
        """Keys of what workers are at."""
        with self._there(client):
            # Not `client.processing()`, which waits for its answer without end.
            by_worker = client.sync(client.scheduler.processing, callback_timeout=self._patience)
        return {key for keys in by_worker.values() for key in keys}

    @contextmanager
    def _there(self, client: "Client") -> Iterator[None]:
        """Says that the scheduler is gone where a question to it fails."""
        if _lost(client):
            raise self._gone()
        try:
            yield
        except OSError as error:
            raise self._gone() from error

    def _result(self, client: "Client", future: "Future", path: str) -> dict[str, Any]:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        try:
            while True:
                with suppress(TimeoutError):
                    return future.result(timeout=self._patience)
                # The worker that had it died, and another makes it again.
                self._threads(client)
        except CancelledError as error:
            raise self._gone() from error
        except ImportError as error:
            raise BuildError(
                f"a worker cannot take {path}: {_line(error)}. Give workers the flan-tasks that is "
                "here"
            ) from error
        except KilledWorker as error:
            raise BuildError(
                f"{path} was given to {error.allowed_failures + 1} workers, and each of them died, "
                "perhaps as memory ran out: its log says more. Give workers more, or cut shards "
                f"finer (--shards). {_AGAIN}"
            ) from error

    def _gone(self) -> BuildError:
        return BuildError(f"the Dask scheduler at {self._address()} is gone. {_AGAIN}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Dask from printing what it meets with lost connections: one line here says it."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _lost(client: "Client") -> bool:
    return client.status != "running"


def _line(error: BaseException) -> str:
    """The last line of what an error says, or what it is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
