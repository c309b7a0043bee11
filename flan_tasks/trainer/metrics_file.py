"""metrics.jsonl: the lines of one undisturbed run, however often it was stopped."""

import errno
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core import whole
from flan_tasks.specs.config import TrainingError

Line = dict[str, Any]


class MetricsFile:
    """The lines of a run that goes on at some step.

    Lines of later steps are dropped when it is opened, as these steps are trained again; and what
    a killed run left of a line.

    Raises:
      TrainingError: it cannot be read or written.
    """

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        # Says which lines are none, if any but the last, which a killed run may have cut off.
        self.damage: list[str] = []
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            texts = _texts(path)
        lines = [_line(text) for text in texts]
        bad = [str(number) for number, line in enumerate(lines[:-1], start=1) if line is None]
        if bad:
            self.damage.append(f"{path}: line {', '.join(bad)} cannot be read and is left out")
        complete = [
            text
            for text, line in zip(texts, lines, strict=True)
            if line is not None and line["step"] <= start
        ]
        self._rewrite(texts, complete)

    def lines(self) -> list[Line]:
        """All lines."""
        return read_metrics(self._path)

    def add(self, line: Mapping[str, Any]) -> None:
        """Adds a line.

        Raises:
          TrainingError: it cannot be written.
        """
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def drop(self, unwanted: Callable[[Line], bool]) -> None:
        """Drops some lines.

        Raises:
          TrainingError: the file cannot be written.
        """
        with writing(self._path):
            texts = _texts(self._path)
        self._rewrite(
            texts,
            [t for t in texts if (line := _line(t)) is not None and not unwanted(line)],
        )

    def _rewrite(self, before: list[str], after: list[str]) -> None:
        if before != after or (self._path.exists() and not _ends_well(self._path)):
            write_text(self._path, "".join(text + "\n" for text in after))


def read_metrics(path: Path) -> list[Line]:
    """The lines of a metrics file, without those that cannot be read."""
    return [line for text in _texts(path) if (line := _line(text)) is not None]


def write_text(path: Path, text: str) -> None:
    """Writes a file aside and renames it, so that it is there whole or as it was.

    Raises:
      TrainingError: it cannot be written.
    """
    with writing(path):
        whole.write_text(path, text)


class writing:  # noqa: N801 - a context manager, read as a word
    """Turns an error of the disk into a message.

    Raises:
      TrainingError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, OSError):
            return
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "free some space there" if full else "fix that"
        raise TrainingError(
            f"{self._path} cannot be written: {error.strerror or error}. Complete checkpoints are "
            f"untouched; {what}, and the same command goes on from the newest"
        ) from error


def _texts(path: Path) -> list[str]:
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.removesuffix("\n").split("\n") if text else []


def _line(text: str) -> Line | None:
    try:
        line = json.loads(text)
        fine = isinstance(line["step"], int) and line["kind"] in ("train", "eval")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return line if fine else None


def _ends_well(path: Path) -> bool:
    return path.read_bytes()[-1:] in (b"", b"\n")
