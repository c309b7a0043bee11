"""Has pieces made by Apache Beam, on whatever runner it is given.

A pipeline hands nothing back while it runs. So workers leave what is known of a piece in a file
beside the work, which they must see anyway, and it is taken from there as it comes; what went wrong
is left in the same way, in its own words and not in those of the runner.
"""

import functools
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flan_tasks.core import extras, whole
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.engine.handed import Handed, handed, make
from flan_tasks.engine.runner import Makes, Running

# What Beam's DirectRunner is in Beam 2.77 once it has failed to download another one first.
DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# Seconds to wait for the first worker: some services start machines for it.
PATIENCE = 600.0
# How often it is looked at what workers have left.
_LOOK = 0.2
# How long a pipeline may take to end when its work is done, or not wanted any more.
_GRACE = 10.0
_ANSWER, _BEGUN = ".answer", ".begun"
_AGAIN = "What is complete is kept; run the same command again"


class Beam:
    """Has pieces made by a pipeline with any Beam options; a `Runner`.

    Args:
      arguments: pipeline options, as words of a command line.
      patience: seconds to wait for the first worker.

    Raises:
      DeclarationError: Beam is not installed.
    """

    # How many workers there are is the runner's affair.
    size = 1
    is_elsewhere = True

    def __init__(self, arguments: Sequence[str], *, patience: float = PATIENCE) -> None:
        with extras.needed_for("Building with Beam", error=DeclarationError):
            from apache_beam.options.pipeline_options import PipelineOptions

        if not any(a == "--runner" or a.startswith("--runner=") for a in arguments):
            arguments = [f"--runner={DEFAULT_RUNNER}", *arguments]
        self._options = PipelineOptions(list(arguments))
        self._patience = patience

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
        pipeline: _Pipeline | None = None
        try:
            # With its folder goes the work: what is not begun by then is not begun any more.
            with handed(work, place) as given:
                pipeline = _Pipeline(self._options, given, pieces)
                for answer in self._answers(pipeline, given, len(pieces)):
                    if isinstance(answer, Exception):
                        raise answer
                    yield answer
                pipeline.wait(_GRACE)
        finally:
            if pipeline is not None:
                pipeline.cancel()
                pipeline.wait(_GRACE)

    def _answers(self, pipeline: "_Pipeline", given: Handed, number: int) -> Iterator[Any]:
        """Yields what workers leave.

        Raises:
          BuildError: the pipeline failed, or no worker has begun within the time.
        """
        taken: set[str] = set()
        begun, started = False, time.monotonic()
        ended: float | None = None
        while len(taken) < number:
            # Before what was left is looked at: nothing comes later.
            is_over, error = pipeline.is_over, pipeline.error
            there = set(os.listdir(given.folder))
            begun = begun or any(name.endswith((_BEGUN, _ANSWER)) for name in there)
            for name in sorted(one for one in there - taken if one.endswith(_ANSWER)):
                taken.add(name)
                yield pickle.loads((given.folder / name).read_bytes())
            if error is not None:
                raise _plain(error) from error
            now = time.monotonic()
            if is_over:
                # A network disk may show what others have written some seconds later.
                ended = ended or now
                if now - ended > self._patience:
                    raise BuildError(
                        f"the Beam pipeline ended, and {number - len(taken)} of {number} pieces "
                        f"have left nothing in {given.folder}. {_AGAIN}"
                    )
            elif not begun and now - started > self._patience:
                raise BuildError(
                    f"no Beam worker has begun within {self._patience:g} s: look at the log of the "
                    "runner and of its workers (the Python that they start needs flan-tasks and "
                    f"Beam), or wait longer (--worker-timeout). {_AGAIN}"
                )
            if len(taken) < number:
                time.sleep(_LOOK) if is_over else pipeline.wait(_LOOK)


class _Pipeline:
    """A pipeline that runs in a thread, as some runners come back only at its end."""

    def __init__(self, options: Any, given: Handed, pieces: Sequence[Any]) -> None:
        self.error: Exception | None = None
        self._options = options
        self._given = given
        self._pieces = list(enumerate(pieces))
        self._result: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or failed."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Waits for its end, and no longer than that."""
        self._thread.join(seconds)

    def cancel(self) -> None:
        """Asks the runner to stop, where it can."""
        if not self.is_over and self._result is not None:
            with suppress(Exception):  # not all can
                self._result.cancel()

    def _run(self) -> None:
        import apache_beam as beam

        try:
            pipeline = beam.Pipeline(options=self._options)
            _ = (
                pipeline
                | "pieces" >> beam.Create(self._pieces)
                # Else a runner may give all of them to one worker.
                | "spread" >> beam.Reshuffle()
                | "make" >> beam.Map(functools.partial(make_and_leave, self._given))
            )
            self._result = pipeline.run()
            self._result.wait_until_finish()
        except Exception as error:  # noqa: BLE001 - each runner wraps what went wrong its own way
            self.error = error


def make_and_leave(given: Handed, numbered: tuple[int, Any]) -> None:
    """Makes a piece, and leaves what is known of it, or what went wrong, beside the work.

    Args:
      given: the work.
      numbered: the number of the piece, and the piece.
    """
    number, piece = numbered
    answer = given.folder / f"{number}{_ANSWER}"
    if answer.exists():  # a runner may try again what was done before
        return
    with suppress(OSError):
        name = f"{socket.gethostname()}-{os.getpid()}{_BEGUN}"
        given.folder.joinpath(name).touch()
    try:
        facts = make(given, piece)
    except Exception as error:
        with suppress(OSError):  # it may be that the folder cannot be seen
            _leave(answer, error)
        raise
    _leave(answer, facts)


def _leave(answer: Path, facts: Any) -> None:
    whole.write_bytes(answer, pickle.dumps(facts), lasting=False)


def _plain(error: Exception) -> BuildError:
    lines = str(error).strip().splitlines()
    ours = [line for line in lines if line.startswith("flan_tasks.core.errors.")]
    message = ours[-1].partition(": ")[2] if ours else (lines or [type(error).__name__])[-1]
    return BuildError(f"the Beam pipeline failed: {message}. {_AGAIN}")
