"""The reference of the command line, from the commands themselves."""

import importlib
import re

import click

from flan_tasks.cli.main import COMMANDS, cli
from flan_tasks.core.escaping import for_markdown


def command_page() -> str:
    """Returns a page with every command: how it is called, what it does, its options."""
    parts = [
        "# Commands",
        "What `flan COMMAND --help` says, made from the commands themselves. `flan --debug "
        "COMMAND` shows tracebacks. Exit codes are 0, 1 for a failure, 2 for wrong usage, and 128 "
        "and the number of a signal.",
        "| command | does |\n|---|---|\n"
        + "\n".join(
            f"| [`flan {name}`](#flan-{name}) | {for_markdown(what)} |"
            for name, what in COMMANDS.items()
        ),
    ]
    for name in COMMANDS:
        module = importlib.import_module(f"flan_tasks.cli.{name.replace('-', '_')}")
        parts += _command(name, module.command)
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: click.Command) -> list[str]:
    # With the group's settings: click keeps the help option that a command has at first.
    group = click.Context(cli, **cli.context_settings)
    context = click.Context(command, info_name=f"flan {name}", parent=group)
    usage = re.sub(r"\s+", " ", f"flan {name} {' '.join(command.collect_usage_pieces(context))}")
    parts = [f"## flan {name}", f"```console\n$ {usage}\n```", *_help(command.help or "")]
    rows = [
        f"| `{_names(record[0])}` | {for_markdown(' '.join(record[1].split()))} |"
        for param in command.get_params(context)
        if (record := param.get_help_record(context)) and param.name != "help"
    ]
    if rows:
        parts.append("| option | |\n|---|---|\n" + "\n".join(rows))
    return parts


def _names(declared: str) -> str:
    # Within a table, even in code.
    return declared.replace("|", "\\|")


def _help(text: str) -> list[str]:
    """The paragraphs of a help text; those behind a \\b keep their lines, as they do there."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = paragraph.split("\n")
        if lines[0].strip() == "\b":
            parts.append("```text\n" + "\n".join(lines[1:]) + "\n```")
        else:
            parts.append(for_markdown(" ".join(paragraph.split())))
    return parts
