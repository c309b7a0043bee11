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
@options.as_json
def command(
    folder: Path, chat_date: str, system: str | None, reasoning: str, as_json: bool
) -> None:
    """Proves that training on conversations as TOKENIZER_DIR writes them trains the right tokens.

    TOKENIZER_DIR has tokenizer.json and a chat template, as transformers saves them. `flan build
    --chat` proves the same before it builds. Ends with 1 where a proof fails.
    """
    from flan_tasks.chat.proofs import prove
    from flan_tasks.chat.tokenizer import ChatTokenizer
    from flan_tasks.specs.chat_choices import ChatChoices

    tokenizer = ChatTokenizer(folder, ChatChoices(chat_date, system, reasoning))
    verdict = prove(tokenizer)
    if as_json:
        print_json(
            {
                "holds": verdict.holds,
                "proofs": [vars(proof) for proof in verdict.proofs],
                "refused": dict(verdict.refused),
                "notes": list(verdict.notes),
                "sample": verdict.sample,
                "vocabulary": tokenizer.vocabulary.name,
                "template": tokenizer.name,
                "way": tokenizer.way,
                "stop": [tokenizer.stop, tokenizer.stop_id],
            }
        )
    else:
        say(f"Template: {tokenizer.template.where}; spans by {tokenizer.way}.")
        say(f"Answers end with {tokenizer.stop} ({tokenizer.stop_id}).\n")
        print_table(
            ["proof", "what has to hold", "tried", "verdict"],
            [
                [one.name, one.about, one.tried, "fails" if one.fault else "holds"]
                for one in verdict.proofs
            ],
        )
        click.echo()
        for name, reason in verdict.refused.items():
            print_wrapped(f"Refused: {name}: {reason.rpartition('conversation: ')[2]}")
        for note in verdict.notes:
            print_wrapped(f"Note: {note}.")
        say(f"\nBetween ⟦ and ⟧ stands what is trained on:\n\n{verdict.sample}")
    if not verdict.holds:
        from flan_tasks.core.errors import ChatTemplateError

        raise ChatTemplateError(
            f"{tokenizer.template.where} fails a proof: {verdict.fault}",
            where=tokenizer.template.where,
        )
