"""Where the files of a family's tasks lie, and what lies beside them, such as exemplars."""

import dataclasses
import glob
import os
from pathlib import Path

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.family import Family
from flan_tasks.core.origin import Files
from flan_tasks.raw_rows.text_bytes import ENCODINGS_HINT, open_text

# What stands for a task's name in a pattern.
_TASK = "{task}"


def texts_beside(origin: Files, task: str) -> dict[str, str]:
    """Returns name -> text of each file beside a task's, as `Files.beside` names them.

    A file that is not there has no entry; of several that fit the first by name is read.

    Args:
      origin: the files of the family.
      task: the source's name of the task.

    Raises:
      SourceUnavailableError: a file cannot be read.
      RowError: it is no text.
    """
    texts = {}
    for name, pattern in origin.beside.items():
        place = os.path.join(glob.escape(origin.root), pattern.replace(_TASK, glob.escape(task)))
        path = min(glob.iglob(place, recursive=True), default=None)
        if path is None:
            continue
        try:
            with open_text(Path(path)) as file:
                texts[name] = file.read().decode("utf-8-sig")
        except OSError as error:
            raise SourceUnavailableError(
                f"{path} cannot be read: {error.strerror or error}"
            ) from error
        except UnicodeDecodeError as error:
            raise RowError(f"{path} is not UTF-8: {error}; {ENCODINGS_HINT}") from error
    return texts


def find_task_files(family: Family, folder: Path, origin: Files) -> Files:
    """Returns task files as an origin, read in a folder of the user's.

    The declared patterns are looked for in the folder of the family's name there, and then in the
    folder itself, which may have a folder of that name for another reason.
    """
    own = folder / family.name
    there = own.is_dir() and not (_matches(folder, origin) and not _matches(own, origin))
    return dataclasses.replace(origin, root=str(own if there else folder))


def _matches(folder: Path, origin: Files) -> bool:
    """Whether a folder has a file of one of the patterns."""
    root = glob.escape(str(folder))
    return any(
        next(glob.iglob(os.path.join(root, pattern), recursive=True), None) is not None
        for pattern in origin.paths.values()
    )
