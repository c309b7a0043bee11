"""`--data-dir`, which may be given again: DIR for all, NAME=DIR for some."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from flan_tasks.core.data_dirs import DataDirs, joined
from flan_tasks.core.errors import DeclarationError
from flan_tasks.datasets import catalog


class DataDir(click.ParamType):
    """`DIR`, or `NAME=DIR` for a dataset, parent, cluster or kind of source."""

    name = "directory"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Several stand in the variable as `core.data_dirs` reads them, and not between blanks."""
        return [rv]

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Returns the text as it is, if what it names is no file.

        Raises:
          UsageError: it is none, or a name has no directory.
        """
        try:
            dirs = DataDirs.of(value)
        except DeclarationError as error:
            self.fail(str(error), param, ctx)
        for place in (dirs.plain, *dirs.named.values()):
            if place is not None and place.is_file():
                self.fail(f"Directory '{place}' is a file.", param, ctx)
        return str(value)


def data_dirs_text(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> str | None:
    """Returns what was given as one text.

    Raises:
      UsageError: one is given twice.
      UnknownNameError: a name is unknown.
    """
    try:
        text = joined(values)
    except DeclarationError as error:
        raise click.BadParameter(str(error), ctx, param) from error
    if text and "=" in text:
        DataDirs.of(text).check(catalog().expand, rows=catalog().row_dirs)
    return text


def data_dirs_path(
    ctx: click.Context, param: click.Parameter, values: Sequence[str]
) -> Path | None:
    """Returns what was given as `data_dirs_text`, as a path."""
    text = data_dirs_text(ctx, param, values)
    return Path(text) if text else None
