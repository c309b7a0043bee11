"""A Dask scheduler and its workers as processes of their own."""

import subprocess
import sys
import time
from pathlib import Path

from processes import start

WORD = "import sys; from distributed.cli.{} import main; sys.exit(main())"


class Cluster:
    """A scheduler and the workers that are started; a context that ends them all.

    Args:
      place: a folder; the scheduler's file lies in it.
      host: where the scheduler listens.
      within: words before each command, such as those that enter a network namespace.
    """

    def __init__(
        self, place: Path, *, host: str = "127.0.0.1", within: tuple[str, ...] = ()
    ) -> None:
        self._place = place
        self._processes: list[subprocess.Popen] = []
        self.file = place / "scheduler.json"
        self.scheduler = self._start(
            *("dask_scheduler", "--host", host, "--port", "0", "--no-dashboard", "--no-show"),
            *("--scheduler-file", str(self.file)),
            within=within,
        )

    def __enter__(self) -> "Cluster":
        until = time.monotonic() + 300
        while not self.file.exists():
            assert self.scheduler.poll() is None, self.scheduler.communicate()
            assert time.monotonic() < until, "the scheduler writes no file"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def worker(
        self, *words: str, within: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen:
        """Starts a worker, which joins when it is up."""
        return self._start(
            *("dask_worker", "--scheduler-file", str(self.file), "--no-nanny", "--no-dashboard"),
            *("--nthreads", "1", "--death-timeout", "120", *words),
            within=within,
            **environment,
        )

    def _start(
        self, command: str, *words: str, within: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen:
        # A pipe that nobody reads would fill up, and what they say is wanted where a test fails.
        environment = {"DASK_LOGGING__DISTRIBUTED": "error"} | environment
        process = start(
            *within,
            sys.executable,
            "-c",
            WORD.format(command),
            *words,
            cwd=self._place,
            **environment,
        )
        self._processes.append(process)
        return process
