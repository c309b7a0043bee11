"""Options several subcommands share."""

import functools
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click

from flan_tasks.cli.data_dir_options import DataDir, data_dirs_path
from flan_tasks.cli.list_options import as_json, module, modules, wide
from flan_tasks.core.environment import DATA_DIR, SOURCE
from flan_tasks.core.escaping import for_line
from flan_tasks.core.origin import SOURCE_KINDS

__all__ = [
    "VocabularyOptions",
    "as_json",
    "data_dir",
    "end_progress",
    "import_tensorflow_quietly",
    "module",
    "modules",
    "printed_form",
    "progress",
    "read_quietly",
    "source",
    "vocabulary",
    "warn",
    "wide",
]

# Seconds between two lines of progress in a log, and where a command keeps when the next is due.
_BETWEEN_LINES = 10.0
_NEXT_LINE = "flan_tasks.next_line"


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
    type=DataDir(),
    multiple=True,
    callback=data_dirs_path,
    envvar=DATA_DIR,
    metavar="[NAME=]DIR",
    help="A prepared TFDS tree (no network then), or a folder of files; NAME=DIR is for one "
    "dataset, parent, cluster or kind of source, and may be given again.",
)


def printed_form(forms: Sequence[str]) -> Callable:
    """Returns what adds --format, which reaches the command as `form`; text is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default="text",
        show_default=True,
        help="How to print the numbers.",
    )


def vocabulary(text: str) -> Callable:
    """Returns what adds --vocab, --eos and --control-tokens, which reach the command as `vocab`.

    Args:
      text: help of --vocab.
    """

    def add(function: Callable) -> Callable:
        @functools.wraps(function)
        def command(
            *args: Any,
            vocab: str | None,
            eos: str | None,
            control_tokens: str | None,
            **more: Any,
        ) -> Any:
            asked = VocabularyOptions(vocab, eos, control_tokens)
            return function(*args, vocab=asked, **more)

        for option in reversed(
            [
                click.option("--vocab", help=text),
                click.option(
                    "--eos",
                    metavar="TOKEN",
                    help="What ends a text: a token of the vocabulary or its number. Default: "
                    "what its files say.",
                ),
                click.option(
                    "--control-tokens",
                    type=click.Choice(["text", "special"]),
                    help="How </s> or <|endoftext|> written in a text is read: as the characters "
                    "(the default), or as the token; only a tokenizer.json has the second.",
                ),
            ]
        ):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class VocabularyOptions:
    """What --vocab, --eos and --control-tokens say."""

    vocab: str | None
    """The vocabulary; None where none was named."""
    eos: str | None = None
    """Its end token; None leaves it to its files."""
    control_tokens: str | None = None
    """How control tokens in texts are read; None is the usual way."""

    def name(self, default: str | None = None) -> str | None:
        """Returns the vocabulary's name with the rest behind it; None where there is none.

        Args:
          default: the vocabulary where none was named.

        Raises:
          UsageError: something is said of a vocabulary, and there is none.
        """
        vocab = self.vocab or default
        if vocab is None:
            for option, value in (("--eos", self.eos), ("--control-tokens", self.control_tokens)):
                if value is not None:
                    raise click.UsageError(f"{option} is of a vocabulary; give --vocab")
            return None
        if self.eos is None and self.control_tokens is None:
            return vocab
        from flan_tasks.vocabulary import named_with

        return named_with(vocab, eos=self.eos, control_tokens=self.control_tokens)


def progress(text: str) -> None:
    """Says what is being done, on stderr.

    On a terminal each line replaces the one before. In a log, where sixty of them would hide what
    matters, there is the first one of a command and then one every some seconds.
    """
    text = for_line(text)
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)
        return
    context = click.get_current_context(silent=True)
    said = context.meta if context else {}
    now = time.monotonic()
    if now >= said.get(_NEXT_LINE, now):
        said[_NEXT_LINE] = now + _BETWEEN_LINES
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Says on stderr what stays there."""
    end_progress()
    click.echo(for_line(text), err=True)


def end_progress() -> None:
    """Takes the last progress line away."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)


def import_tensorflow_quietly() -> None:
    """Imports TFDS and TensorFlow, which TFDS loads only when it is first used, quietly.

    Where they are not installed nothing is said: rows may be in the store, and whoever reads others
    says what is missing.
    """
    from flan_tasks.raw_rows import quiet

    with suppress(ImportError):
        quiet.import_tensorflow_quietly("tensorflow_datasets")


def read_quietly() -> None:
    """Has TensorFlow imported quietly by whoever needs it to read rows, as most do not."""
    from flan_tasks.raw_rows import quiet

    quiet.keep_quiet()
