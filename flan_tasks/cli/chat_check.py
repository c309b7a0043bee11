"""`flan chat-check`: proves what of a tokenizer's chat template a model would be trained on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

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
    from flan_tasks.chat.facts import golden_fault
    from flan_tasks.chat.proofs import Proof, prove
    from flan_tasks.chat.tokenizer import ChatTokenizer
    from flan_tasks.specs.chat_choices import ChatChoices

    choices, about = ChatChoices(chat_date, system, reasoning), None
    if built is not None:
        about = _chat_of(built)
        choices = ChatChoices(about["date"], about["system"], about["reasoning"])
    tokenizer = ChatTokenizer(folder, choices)
    verdict = prove(tokenizer)
    if about is not None:
        fault = golden_fault(tokenizer, about)
        golden = Proof("golden", f"ids and template are those of {built}", 1, fault)
        verdict = replace(verdict, proofs=[*verdict.proofs, golden])
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


def _chat_of(folder: Path) -> dict[str, Any]:
    """What the manifest of a build says of conversations.

    Raises:
      BuildError: it is no complete build, or has none.
    """
    from flan_tasks.core.errors import BuildError
    from flan_tasks.engine.manifest_file import read_manifest
    from flan_tasks.specs.chat_choices import CHAT

    manifest = read_manifest(folder)
    if CHAT not in manifest:
        raise BuildError(f"{folder} is no build of conversations; `flan build --chat` makes one")
    return manifest[CHAT]
