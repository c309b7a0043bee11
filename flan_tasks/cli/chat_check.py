"""`flan chat-check`: proves what of a tokenizer's chat template a model would be trained on."""

from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table, print_wrapped, say
from flan_tasks.specs.chat_choices import CHOICES, DATE, KEEP


@click.command(name="chat-check")
@click.argument("folder", type=click.Path(path_type=Path), metavar="TOKENIZER_DIR")
@click.option(
    "--chat-date", default=DATE, show_default=True, help="What the template takes for today."
)
@click.option("--system", help="System prompt of conversations that have none.")
@click.option(
    "--reasoning",
    type=click.Choice(CHOICES),
    default=KEEP,
    show_default=True,
    help="Thoughts before answers: in their text, left out, or apart for the template to write.",
)
@click.option(
    "--build",
    "built",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Compare with the golden ids of this build, whose date, system prompt and choice of "
    "reasoning are taken.",
)
@options.as_json
def command(
    folder: Path,
    chat_date: str,
    system: str | None,
    reasoning: str,
    built: Path | None,
    as_json: bool,
) -> None:
    """Proves that training on conversations as TOKENIZER_DIR writes them trains the right tokens.

    TOKENIZER_DIR has tokenizer.json and a chat template, as transformers saves them. `flan build
    --chat` proves the same before it builds. Ends with 1 where a proof fails.
    """
    from flan_tasks.core.errors import ChatTemplateError
    from flan_tasks.jobs.chat_check import chat_check
    from flan_tasks.specs.chat_choices import ChatChoices

    found = chat_check(folder, choices=ChatChoices(chat_date, system, reasoning), build=built)
    if as_json:
        print_json(found.to_json())
    else:
        say(f"Template: {found.where}; spans by {found.way}.")
        say(f"Answers end with {found.stop} ({found.stop_id}).\n")
        print_table(*found.table)
        click.echo()
        for name, reason in found.refused.items():
            print_wrapped(f"Refused: {name}: {reason.rpartition('conversation: ')[2]}")
        for note in found.notes:
            print_wrapped(f"Note: {note}.")
        say(f"\nBetween ⟦ and ⟧ stands what is trained on:\n\n{found.sample}")
    if not found.holds:
        raise ChatTemplateError(f"{found.where} fails a proof: {found.fault}", where=found.where)
