"""Options several subcommands share."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flan_tasks.configuration import DATA_DIR, SOURCE
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.origin import SOURCE_KINDS, Tfds


def _import_modules(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    ctx.meta["flan_tasks.modules"] = names
    if names and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except (SyntaxError, ValueError) as error:
            raise DeclarationError(f"--module {name!r} cannot be imported: {error}") from error
        except ModuleNotFoundError as error:
            if error.name and name.split(".")[0] == error.name.split(".")[0]:
                raise UnknownNameError(
                    f"--module {name}: no such Python module; looked in {os.getcwd()} and where "
                    "Python looks. Write my_tasks, not my_tasks.py"
                ) from error
            raise DeclarationError(
                f"--module {name}: it imports {error.name}, which is missing"
            ) from error


def modules() -> tuple[str, ...]:
    """The modules named by `--module` in the command that runs."""
    return click.get_current_context().meta.get("flan_tasks.modules", ())


module = click.option(
    "--module",
    "_modules",
    multiple=True,
    callback=_import_modules,
    expose_value=False,
    is_eager=True,
    metavar="NAME",
    help="Python module with datasets and mixtures of yours; may be given again.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
source = click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    default="declared",
    envvar=SOURCE,
    show_default=True,
    help="Where rows come from.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=DATA_DIR,
    help="A prepared TFDS tree (no network then), or a folder of files.",
)


def progress(text: str) -> None:
    """Says what is being done, on stderr; on a terminal each line replaces the one before."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)
    else:
        click.echo(text, err=True)


def end_progress() -> None:
    """Takes the last progress line away."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow and TFDS without the lines their C++ parts write to stderr on import.

    Nothing of ours writes there meanwhile; an import that fails still raises.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import absl.logging

        importlib.import_module("tensorflow_datasets")
        absl.logging.set_verbosity(absl.logging.ERROR)
        # TFDS loads TensorFlow only when it is first used.
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def reads_tfds(datasets: Sequence[Dataset], source: str) -> bool:
    """Whether any of the datasets would be read through TFDS."""
    declared = source == "declared" and any(isinstance(d.source, Tfds) for d in datasets)
    return declared or source == "tfds"
