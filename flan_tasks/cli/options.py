"""Options several subcommands share."""

import functools
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from flan_tasks.configuration import DATA_DIR, SOURCE
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.origin import SOURCE_KINDS, Tfds
from flan_tasks.core.template import KINDS
from flan_tasks.core.variation import (
    FIXED,
    FULL,
    INSTRUCTIONS,
    MOST_SHOTS,
    OPTION_ORDERS,
    Variation,
)


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


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())


def variation(function: Callable) -> Callable:
    """Adds the options of prompt variations, which reach the command as `variation`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        shots: int,
        options: str,
        option_order: str,
        templates: tuple[str, ...] | None,
        kinds: tuple[str, ...] | None,
        num_templates: int | None,
        instructions: str,
        **more: Any,
    ) -> Any:
        made = Variation(
            shots=shots,
            options=options == "on",
            option_order=option_order,
            templates=templates,
            kinds=kinds,
            num_templates=num_templates,
            instructions=instructions,
        )
        return function(*args, variation=made, **more)

    for option in reversed(
        [
            click.option(
                "--shots",
                type=click.IntRange(0, MOST_SHOTS),
                default=0,
                show_default=True,
                help="Exemplars before each query, as many as fit into the inputs.",
            ),
            click.option(
                "--options",
                type=click.Choice(["on", "off"]),
                default="on",
                show_default=True,
                help="Whether prompts show the options.",
            ),
            click.option(
                "--option-order",
                type=click.Choice(OPTION_ORDERS),
                default=FIXED,
                show_default=True,
                help="Shuffled: drawn for each example and epoch.",
            ),
            click.option(
                "--templates",
                callback=_names,
                metavar="ID,...",
                help="Draw among these: follows, or rte.follows where datasets differ.",
            ),
            click.option(
                "--kinds",
                callback=_names,
                metavar="KIND,...",
                help=f"Draw among templates of these kinds: {', '.join(KINDS)}.",
            ),
            click.option(
                "--num-templates",
                type=click.IntRange(min=1),
                help="Draw among the first so many of each dataset's.",
            ),
            click.option(
                "--instructions",
                type=click.Choice(INSTRUCTIONS),
                default=FULL,
                show_default=True,
                help="The templates; or fields and options alone, or after the dataset's name.",
            ),
        ]
    ):
        command = option(command)
    return command


def decoding(function: Callable) -> Callable:
    """Adds the options of writing text, which reach the command as `decoding`, a dict."""

    @functools.wraps(function)
    def command(
        *args: Any,
        decoding: str,
        beams: int,
        alpha: float,
        temperature: float,
        top_k: int,
        top_p: float,
        **more: Any,
    ) -> Any:
        how = {"method": decoding, "beams": beams, "alpha": alpha, "temperature": temperature}
        return function(*args, decoding={**how, "top_k": top_k, "top_p": top_p}, **more)

    for option in reversed(
        [
            click.option(
                "--decoding",
                type=click.Choice(["greedy", "beam", "sample"]),
                default="greedy",
                show_default=True,
                help="How text is written.",
            ),
            click.option("--beams", type=click.IntRange(min=1), default=4, show_default=True),
            click.option(
                "--alpha",
                type=float,
                default=0.6,
                show_default=True,
                help="Exponent of the length penalty of beams.",
            ),
            click.option(
                "--temperature",
                type=float,
                default=1.0,
                show_default=True,
                help="Of samples, as are --top-k (0 is all) and --top-p.",
            ),
            click.option("--top-k", type=click.IntRange(min=0), default=0, show_default=True),
            click.option("--top-p", type=float, default=1.0, show_default=True),
        ]
    ):
        command = option(command)
    return command


def progress(text: str) -> None:
    """Says what is being done, on stderr; on a terminal each line replaces the one before."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)
    else:
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Says on stderr what stays there."""
    end_progress()
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
        tensorflow = importlib.import_module("tensorflow")
        # It would take a GPU's memory away from JAX for reading rows.
        tensorflow.config.set_visible_devices([], "GPU")
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def reads_tfds(datasets: Sequence[Dataset], source: str) -> bool:
    """Whether any of the datasets would be read through TFDS."""
    declared = source == "declared" and any(isinstance(d.source, Tfds) for d in datasets)
    return declared or source == "tfds"
