"""Writes a draft into a folder: all of its files, or none."""

import importlib.util
import json
import keyword
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core import whole
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.naming import check_dataset_name
from flan_tasks.drafts.first_rows import FIRST_ROWS
from flan_tasks.drafts.guess import CLASSIFICATION, guess_file, guess_rows
from flan_tasks.drafts.texts import Draft

# The cluster that datasets of one's own are in, unless they say another.
_OWN_CLUSTER = "own"


@dataclass(frozen=True)
class Written:
    """What was written."""

    files: tuple[Path, ...]
    """The files."""
    notes: tuple[str, ...]
    """What was guessed, a line each; nothing where there were no rows to guess from."""
    commands: tuple[str, ...]
    """What to run next, in the folder."""


def write_draft(
    name: str,
    folder: Path,
    *,
    catalog: Catalog,
    kind: str | None = None,
    rows: Path | None = None,
    answer: str | None = None,
) -> Written:
    """Writes the declaration, the templates and, where none are given, rows of a new dataset.

    Args:
      name: of the dataset.
      folder: where to; made if need be.
      catalog: knows the names that are taken.
      kind: classification or generation; None guesses from the rows.
      rows: a file of rows, which stays where it is; None writes a dozen to be replaced.
      answer: the column of the answer in it; None guesses.

    Raises:
      DeclarationError: the name cannot be, files are there already, or the rows make no dataset.
      SourceUnavailableError: the file of rows cannot be opened.
      RowError: it is damaged.
    """
    check_name(name, folder, catalog)
    names = [f"{name}.py", f"{name}.toml", *([f"{name}.jsonl"] if rows is None else [])]
    _check_free(folder, names, rows)
    if rows is not None:
        guess = guess_file(rows, kind=kind, answer=answer)
        draft = Draft(name, guess, _named(rows, folder))
    else:
        if answer is not None:
            raise DeclarationError("--answer names a column of the rows in --from")
        kind = kind or CLASSIFICATION
        guess = guess_rows(FIRST_ROWS[kind], kind=kind)
        draft = Draft(name, guess, f"{name}.jsonl")
    texts = {f"{name}.py": draft.module, f"{name}.toml": draft.templates}
    if rows is None:
        lines = (json.dumps(row, ensure_ascii=False) for row in FIRST_ROWS[guess.kind])
        texts[f"{name}.jsonl"] = "".join(f"{line}\n" for line in lines)
    _write(folder, texts)
    return Written(
        tuple(folder / one for one in texts),
        guess.notes if rows is not None else (),
        tuple(commands(name)),
    )


def commands(name: str) -> Sequence[str]:
    """Returns what to run next, in the folder of a draft."""
    return (
        f"flan lint {name} --module {name}",
        f"flan show {name} --module {name}",
        f"flan build {name} --module {name} --out out/{name}",
    )


def check_name(name: str, folder: Path, catalog: Catalog) -> None:
    """Checks that a dataset and a module of Python may have a name.

    Raises:
      DeclarationError: they may not.
    """
    problems = list(check_dataset_name(name))
    if not problems:
        if catalog.knows(name) or name in ("all", _OWN_CLUSTER):
            problems.append("the name is taken by a dataset, mixture or cluster")
        elif keyword.iskeyword(name) or _is_module_elsewhere(name, folder):
            problems.append("Python has another module of that name, which it would import instead")
    if problems:
        raise DeclarationError(f'dataset "{name}": {"; ".join(problems)}; take another')


def _is_module_elsewhere(name: str, folder: Path) -> bool:
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin is None:  # a folder of that name is no module
        return False
    return Path(spec.origin).resolve().parent != folder.resolve()


def _check_free(folder: Path, names: Sequence[str], rows: Path | None) -> None:
    if folder.exists() and not folder.is_dir():
        raise DeclarationError(f"{folder} is a file; --out names a folder")
    there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise DeclarationError(
            f"{folder} has {', '.join(there)} already, which is left as it is; name another folder "
            "or dataset"
        )
    if rows is not None and not rows.is_file():
        raise DeclarationError(f"{rows}: no such file of rows")


def _named(rows: Path, folder: Path) -> str:
    """How a declaration in a folder names a file: by its place there, or where it is."""
    rows, folder = rows.resolve(), folder.resolve()
    return str(rows.relative_to(folder) if rows.is_relative_to(folder) else rows)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    done: list[Path] = []
    try:
        if not folder.exists():
            with whole.folder_aside(folder) as aside:
                for name, text in texts.items():
                    whole.write_text(aside / name, text)
            return
        for name, text in texts.items():
            whole.write_text(folder / name, text)
            done.append(folder / name)
    except BaseException as error:
        for path in done:
            with suppress(OSError):
                path.unlink()
        if isinstance(error, OSError):
            raise DeclarationError(
                f"{folder} cannot be written: {error.strerror or error}"
            ) from error
        raise
