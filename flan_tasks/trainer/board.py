"""TensorBoard's files, written by tensorboardX, which needs no TensorFlow.

Each line is on disk when it is added. No thread writes behind: one that fails on a full disk would
leave the run waiting for it forever.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from flan_tasks.core import extras


class Board:
    """The files of one process of a run."""

    def __init__(self, writer: Any, say: Callable[[str], None]) -> None:
        self._writer: Any = writer
        self._say = say

    @classmethod
    def open(cls, folder: Path, after: int, say: Callable[[str], None]) -> Self | None:
        """Begins a file; None where tensorboardX is not installed.

        It tells TensorBoard not to show what earlier files hold of steps beyond `after`, as they
        are trained again.
        """
        if find_spec("tensorboardX") is None:
            say(
                "no TensorBoard files (metrics.jsonl has it all): "
                f"{extras.install_command('train')}"
            )
            return None
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        board = cls(None, say)
        with board._saying():
            folder.mkdir(parents=True, exist_ok=True)
            # Two of one second would have files of one name.
            board._writer = EventsWriter(str(folder / "events"), f".{os.getpid()}.{after}")
            begin = SessionLog(status=SessionLog.START)
            board._write(Event(wall_time=time.time(), step=after + 1, session_log=begin))
        return board

    def add(self, kind: str, line: Mapping[str, Any]) -> None:
        """Adds the numbers of a line of metrics."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        with self._saying():
            for name, value in line.items():
                values = value if isinstance(value, Mapping) else {"": value}
                for part, number in values.items():
                    tag = f"{kind}/{name}/{part}" if part else f"{kind}/{name}"
                    if name != "step" and isinstance(number, int | float):
                        summary = scalar(tag, number)
                        self._write(
                            Event(wall_time=time.time(), step=line["step"], summary=summary)
                        )
            if self._writer is not None:
                self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        with self._saying():
            if self._writer is not None:
                self._writer.close()
        self._writer = None

    def _write(self, event: Any) -> None:
        if self._writer is not None:
            self._writer.write_event(event)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Says once what cannot be written, and lets the run go on without."""
        try:
            yield
        except OSError as error:
            self._writer = None
            self._say(
                f"TensorBoard's files cannot be written any more ({error.strerror or error}); "
                "metrics.jsonl has it all"
            )
