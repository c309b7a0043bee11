"""Rows from TensorFlow Datasets, read by a child process, so that this one loads no TensorFlow."""

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows.prepared_tree import stated_splits
from flan_tasks.raw_rows.tfds import TfdsSource

# Rows sent together.
_TOGETHER = 64
# What the child runs; its modules are looked for where this process looks for them.
_CODE = """\
import json, sys
options = json.loads(sys.argv[1])
sys.path[:] = options["path"]
from flan_tasks.raw_rows.tfds_apart import main
main(options["line"])
"""


class TfdsApart(TfdsSource):
    """Reads one TFDS builder; what needs TensorFlow is done by a process of its own."""

    def __init__(
        self,
        origin: Tfds,
        *,
        columns: Sequence[str],
        data_dir: Path | None = None,
        dataset: str = "",
    ) -> None:
        super().__init__(origin, columns=columns, data_dir=data_dir, dataset=dataset)
        self._made_of = (origin, tuple(columns), data_dir, dataset)

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        if self._tree:
            yield from super().rows(split, positions)
            return
        for rows in self._asked("rows", split, positions):
            yield from rows

    def labels(self) -> Mapping[str, tuple[str, ...]]:
        if self._tree:
            return super().labels()
        (found,) = self._asked("labels")
        return found

    def _provide(self) -> None:
        list(self._asked("infos"))

    @cached_property
    def _infos(self) -> Mapping[str, Any]:
        found = stated_splits(self._folder / "dataset_info.json")
        if not found:
            (found,) = self._asked("infos")
        return found

    def _asked(self, what: str, *arguments: Any) -> Iterator[Any]:
        """Yields what a child answers, piece by piece; one that is left in between is ended."""
        child = _idle.pop() if _idle else _Child()
        try:
            yield from child.answers((self._made_of, what, arguments))
        except _Ended as ended:
            raise SourceUnavailableError(
                f"{self._label}: the process that reads it ended with {ended}; run it again, with "
                "more memory where it was killed",
                dataset=self._dataset,
            ) from ended
        finally:
            child.end() if child.is_busy else _idle.append(child)


class _Ended(Exception):
    """A child is no more; holds its exit code."""


class _Child:
    """A process that answers one question after the other."""

    def __init__(self) -> None:
        self.is_busy = False
        self._line, its_line = Pipe()
        with its_line:
            options = {"path": sys.path, "line": its_line.fileno()}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, json.dumps(options)],
                pass_fds=[its_line.fileno()],
                stdin=subprocess.DEVNULL,
                # An interrupt is for us, who then end it.
                start_new_session=True,
                env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )

    def answers(self, question: Any) -> Iterator[Any]:
        """Yields the pieces of an answer.

        Raises:
          _Ended: the process ends meanwhile.
          Exception: whatever was raised there.
        """
        self.is_busy = True
        self._talk(self._line.send, question)
        while (answer := self._talk(self._line.recv)) is not None:
            if isinstance(answer, Exception):
                self.is_busy = False
                raise answer
            yield answer[0]
        self.is_busy = False

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _talk(self, how: Callable[..., Any], *what: Any) -> Any:
        try:
            return how(*what)
        except (EOFError, OSError) as error:
            raise _Ended(f"exit code {self._process.wait()}") from error


# Children that wait for a question: importing TensorFlow takes seconds, for every one of them.
_idle: list[_Child] = []


def end_children() -> None:
    """Ends the processes that wait for more to read, which hold half a gigabyte each."""
    while _idle:
        _idle.pop().end()


def main(descriptor: int) -> None:
    """Answers the parent's questions, and ends with it.

    Args:
      descriptor: of the socket to the parent.
    """
    line = Connection(descriptor)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, questions), daemon=True).start()
    while True:
        made_of, what, arguments = pickle.loads(questions.get())
        try:
            for answer in _answers(made_of, what, arguments):
                line.send((answer,))
            line.send(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where users see it
            line.send(_portable(error))


def _answers(made_of: tuple, what: str, arguments: tuple) -> Iterator[Any]:
    from flan_tasks.raw_rows import quiet

    with suppress(ImportError):  # the source says what is missing
        quiet.import_tensorflow_quietly("tensorflow_datasets")
    origin, columns, data_dir, dataset = made_of
    source = TfdsSource(origin, columns=columns, data_dir=data_dir, dataset=dataset)
    if what == "rows":
        rows = source.rows(*arguments)
        while some := list(islice(rows, _TOGETHER)):
            yield some
    elif what == "labels":
        yield source.labels()
    else:
        yield dict(source._infos)


def _listen(line: Connection, questions: queue.SimpleQueue[bytes]) -> None:
    """Ends this process with its parent, whatever it is doing."""
    try:
        while True:
            questions.put(line.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """Returns an error, with its notes, that the parent can read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - exceptions of other libraries fail in any way
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
