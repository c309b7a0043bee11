"""Whether the files of a checkpoint are what was saved, and what to do where they are not."""

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from flan_tasks.checkpoints import checksums
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import FlanTasksError
from flan_tasks.specs.config import CheckpointError

PREFIX = "checkpoint"
PARAMS, OPTIMIZER, RECORD = "params", "optimizer", "run"
# Where Orbax keeps the evaluation of a step.
_SCORES = "metrics"
# What the record says of a checkpoint that was saved with checksums.
CHECKSUMS = "checksums"
# Parts of a record that are objects where they are there.
_OBJECTS = ("model", "data", "optimizer", "trained_on", "config", "progress")
# Damaged files that an error names, and letters of an error of a library.
_MOST, _LONGEST = 5, 200
T = TypeVar("T")


def step_of(path: Path) -> int | None:
    """The step of a folder's name, if it is a checkpoint's."""
    number = path.name.removeprefix(f"{PREFIX}_")
    return int(number) if number.isdecimal() and number != path.name else None


def check(folder: Path, parts: Iterable[str], *, say: Callable[[str], None] | None = None) -> None:
    """Compares the content of a checkpoint's files with the checksums saved with them.

    Several processes that train together each hash a share of them, and all raise if one does.

    Args:
      folder: a checkpoint.
      parts: its subfolders that are going to be read.
      say: called with one line if the checkpoint is of a time before checksums.

    Raises:
      CheckpointError: with every file that is missing, changed, or does not belong there.
    """
    parts = tuple(parts)
    for part in parts:
        if not (folder / part).is_dir():
            raise CheckpointError(damaged(folder, f"{part}/ is missing"))
    read_record(folder)
    if not checksums.are_there(folder):
        if say is not None:
            say(f"{folder} was saved without checksums; its content is not checked")
        return
    phrases = checksums.problems(
        folder, {*parts, RECORD}, share=jax.process_index(), shares=jax.process_count()
    )
    others = 0
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        others = int(np.sum(multihost_utils.process_allgather(np.int32(len(phrases)))))
    if phrases:
        more = [f"and {counted(len(phrases) - _MOST, 'more file')}"] if len(phrases) > _MOST else []
        raise CheckpointError(damaged(folder, "; ".join([*phrases[:_MOST], *more])))
    if others:
        raise CheckpointError(damaged(folder, "another process says which files"))


def check_scores(model_dir: Path) -> None:
    """Compares the scores that decide which checkpoints are kept with their checksums.

    Raises:
      CheckpointError: with what was changed.
    """
    for folder in sorted(model_dir.glob(f"{PREFIX}_*")):
        if step_of(folder) is not None and (folder / _SCORES).exists():
            if checksums.are_there(folder):
                if phrases := checksums.problems(folder, (_SCORES,)):
                    raise CheckpointError(damaged(folder, "; ".join(phrases[:_MOST])))


def read_record(folder: Path) -> dict[str, Any]:
    """Returns the record of a checkpoint, once it is what was saved.

    Raises:
      CheckpointError: it is missing, damaged, or no record.
    """
    path = folder / RECORD / "metadata"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        raise CheckpointError(damaged(folder, f"{RECORD}/metadata {why}")) from error
    wrong = "an object" if not isinstance(record, dict) else ""
    wrong = wrong or next(
        (
            f'an object under "{name}"'
            for name in _OBJECTS
            if not isinstance(record.get(name, {}), dict)
        ),
        "",
    )
    if wrong:
        raise CheckpointError(damaged(folder, f"{RECORD}/metadata has no {wrong[3:]}"))
    if checksums.are_there(folder):
        if phrases := checksums.problems(folder, (RECORD,)):
            raise CheckpointError(damaged(folder, "; ".join(phrases[:_MOST])))
    elif CHECKSUMS in record:
        raise CheckpointError(damaged(folder, f"{checksums.NAME} is missing"))
    return record


def reading(folder: Path, read: Callable[[], T]) -> T:
    """Returns what `read` gives.

    Raises:
      CheckpointError: it raised whatever; the checkpoint is named.
    """
    try:
        return read()
    except FlanTasksError:
        raise
    except Exception as error:  # Orbax and TensorStore raise every kind
        raise CheckpointError(damaged(folder, first_line(error))) from error


def damaged(folder: Path, why: str) -> str:
    """Says that a checkpoint is damaged, and from which one to go on."""
    older = _older(folder)
    what = (
        f"Move it away to go on from {older}, the newest before it"
        if older is not None
        else "There is none before it: restore it from a copy, or move it away to begin anew"
    )
    return f"{folder} is damaged: {why}. Nothing was changed. {what}"


def _older(folder: Path) -> Path | None:
    """The newest complete checkpoint before one, in the same MODEL_DIR."""
    own_step = step_of(folder)
    if own_step is None or not folder.parent.is_dir():
        return None
    steps = sorted(
        (step, path)
        for path in folder.parent.iterdir()
        if (step := step_of(path)) is not None and step < own_step and path.is_dir()
    )
    for _, path in reversed(steps):
        parts_there = all((path / part).is_dir() for part in (PARAMS, OPTIMIZER, RECORD))
        if parts_there and not (checksums.are_there(path) and checksums.missing_files(path)):
            return path
    return None


def first_line(error: BaseException) -> str:
    """An error in one line; what the operating system said comes first."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    text = lines[0] if len(lines[0]) <= _LONGEST else f"{lines[0][:_LONGEST]}..."
    # TensorStore has the number at the end of a long line.
    code = re.search(r"os_error_code='(\d+)'", str(error))
    system = f"{os.strerror(int(code[1]))}; " if code else ""
    return f"{system}{type(error).__name__}: {text}"
