"""The commands: finds the subcommand and runs it; errors become one message and an exit code."""

import functools
import importlib
import os
import sys
from typing import NoReturn

from flan_tasks.core import endings, extras
from flan_tasks.core.escaping import for_terminal
from flan_tasks.core.version import VERSION

try:
    import click
except ImportError as missing:
    sys.exit(f"flan: {extras.explain(missing, 'The command line') or missing}")

# Subcommand -> what it does, here so that help imports none of them.
COMMANDS = {
    "list": "Lists datasets, or mixtures with their shares.",
    "show": "Prints prompts as a person reads them.",
    "new": "Writes a first draft of a dataset of yours.",
    "index": "Writes the index of a folder of task files.",
    "lint": "Checks templates, alone and filled with sample rows.",
    "sources": "Says for each dataset whether its rows are available.",
    "build": "Builds a mixture into a directory of shards.",
    "chat-check": "Proves what is trained of a chat template.",
    "contamination": "Looks for examples of a build in evaluation sets.",
    "train": "Trains a model on a build, in JAX.",
    "gin-from-hf": "Prints a gin file of a model of Hugging Face's.",
    "eval": "Scores a model template by template.",
    "scores": "Prints the scores of an evaluation in other forms.",
    "compare": "Says what differs between the scores of models.",
    "gin-from-t5x": "Prints a gin file for T5X as one that runs here.",
    "infer": "Writes a model's answers to prompts of a file.",
    "experiment": "Builds, trains and scores experiments of the paper.",
    "export-lm-eval": "Writes evaluation tasks for lm-evaluation-harness.",
    "export": "Writes a trained model for Hugging Face transformers.",
    "verify": "Compares a built directory with its manifest.",
    "results": "Shows scores, answers and training in a page.",
    "report": "Shows what is in a built directory, in a browser or here.",
    "diff": "Says what differs between two builds, or two mixtures.",
    "env": "Prints versions and settings, for reports.",
}
# What runs on accelerators; all else keeps off them, so that TensorFlow takes none.
ON_DEVICES = {"train", "eval", "infer", "experiment"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"flan_tasks.cli.{name.replace('-', '_')}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=3, cutoff=0.5)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise click.UsageError(f'No such command "{name}".{hint}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="flan")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(debug: bool) -> None:
    """Instruction mixtures from public datasets."""


def run(command: click.Command = cli) -> NoReturn:
    """Runs the command line; exits with 0, 1 (failure) or 2 (usage).

    Args:
      command: what is run of it.

    Raises:
      KeyboardInterrupt: it was interrupted where a prompt waited.
    """
    # TensorFlow logs to the terminal whatever it is asked; results and messages are ours.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not ON_DEVICES & set(sys.argv[1:3]):
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    debug = "--debug" in sys.argv[1:]
    clicked = functools.partial(_clicked, command)
    sys.exit(endings.exit_code(clicked, what="This command", before="flan: ", debug=debug))


def _clicked(command: click.Command) -> int:
    stdout = sys.stdout
    try:
        code = command.main(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        vars(error)["message"] = for_terminal(error.message)  # which Click calls final
        error.show()
        return 2
    except SystemExit:
        # Where the reader of our output has gone, as `| head` does, Click puts another stream in
        # the place of stdout and ends with 1.
        if sys.stdout is not stdout:
            return 0
        raise
    except click.Abort as error:
        raise KeyboardInterrupt from error
