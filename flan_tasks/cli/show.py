"""`flan show`: prompts of a dataset or mixture, as a person reads them.

They are drawn as a build draws them, so that what is seen is what is trained on.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.spec_options import is_given, said_as_options, spec_options
from flan_tasks.cli.table import print_json
from flan_tasks.core.counting import counted
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.escaping import for_line, for_terminal
from flan_tasks.core.part_tree import measures_tokens
from flan_tasks.core.spec import of_files
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec

# How a piece the vocabulary does not know is shown, which a text might hold as "<unk>".
UNKNOWN = "⟨unknown⟩"

if TYPE_CHECKING:
    from flan_tasks.jobs.show import ShownPrompt
    from flan_tasks.vocabulary import Vocabulary


_HELPS = {
    "split": "By default train, where there is one.",
    "source": "Where rows come from: by default the embedded rows, and for a dataset that has none "
    "its declared source, if nothing must be downloaded for it.",
    "vocab": "For --tokens, --lengths, and --shots, whose exemplars must fit into 1,024 tokens: "
    "bytes, t5, a SentencePiece model, a tokenizer.json, or a folder with one "
    f"(default {VOCAB}, or but for --shots t5).",
    "lengths": "Make prompts fit, as a build with ids does: inputs=NUMBER (with --tokens 1,024).",
}


@click.command(name="show")
@spec_options(
    BuildSpec,
    # A cluster or mixture is shown without what is not there.
    but=("allow_missing", *of_files(BuildSpec)),
    helps=_HELPS,
    unset=("source", "split"),
)
@click.option("--template", "template_id", help="Show this template alone.")
@click.option("--all", "every", is_flag=True, help="Show every template once.")
@click.option(
    "-n",
    "--number",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many prompts to show: the first of a build.",
)
@click.option("--tokens", is_flag=True, help="Show tokens, those that are trained in color.")
@options.as_json
def command(
    spec: BuildSpec,
    template_id: str | None,
    every: bool,
    number: int,
    tokens: bool,
    as_json: bool,
) -> None:
    """Prints prompts of MIXTURE: a dataset, cluster or mixture by name, or a TOML file of yours.

    They are the first rows of `flan build MIXTURE` with the same source, seed and options.
    """
    from flan_tasks.engine.from_spec import declared_mixture
    from flan_tasks.jobs.show import NotAvailableHereError, show

    mixture, _ = declared_mixture(spec, catalog())
    fit = tokens or spec.lengths is not None
    shots = bool(spec.shots) or measures_tokens(mixture, catalog())
    if (spec.vocab or spec.eos or spec.control_tokens) and not (fit or shots):
        raise click.UsageError(
            "--vocab, --eos and --control-tokens are for --tokens, --lengths and --shots"
        )
    if isinstance(spec.lengths, str):
        raise click.UsageError("--lengths auto is for flan build, which looks at many rows")
    vocabulary = _vocabulary(spec, tokens=fit, shots=shots)

    options.read_quietly()
    fetches = is_given("source") and spec.source != "samples"
    try:
        with said_as_options(BuildSpec):
            shown = show(
                spec,
                number=None if every and not template_id else number,
                template=template_id,
                vocabulary=vocabulary,
                fit=fit,
                nearest=not is_given("source"),
                any_split=not is_given("split"),
                reading=options.progress if fetches else None,
            )
    except NotAvailableHereError as error:
        raise _with_command(error, spec) from error
    options.end_progress()
    from flan_tasks.engine.folded import folded_reasons

    for missing, reason in folded_reasons(shown.missing):
        options.warn(f"without {missing}: {reason}")
    for names, note in folded_reasons(shown.notes):
        options.warn(f"{names}: {note}")
    prompts = (_about(prompt, vocabulary if tokens else None) for prompt in shown.prompts)
    if as_json:
        print_json({"prompts": list(prompts)})
        return
    for prompt in prompts:
        if tokens and vocabulary:
            _print_tokens(prompt, vocabulary)
        else:
            _print(prompt)


def _vocabulary(spec: BuildSpec, *, tokens: bool, shots: bool) -> Vocabulary | None:
    if not (tokens or shots):
        return None
    asked = options.VocabularyOptions(spec.vocab, spec.eos, spec.control_tokens)
    name = asked.name(os.environ.get(VOCAB) or ("t5" if tokens else None))
    if name is None:
        options.warn(
            "Without --vocab exemplars are not counted in tokens: a build leaves out those that "
            "do not fit."
        )
        return None
    from flan_tasks.cli.build_tables import print_vocabulary
    from flan_tasks.vocabulary import open_vocabulary

    vocabulary = open_vocabulary(name)
    print_vocabulary(vocabulary)
    return vocabulary


def _with_command(error: SourceUnavailableError, spec: BuildSpec) -> SourceUnavailableError:
    """Says with which command rows are fetched."""
    words = ["flan", "show", str(spec.mixture), *(f"--module={name}" for name in spec.modules)]
    lines = [f"{name}: no embedded rows, and its source: {why}" for name, why in error.problems]
    command = shlex.join([*words, "--source", "declared"])
    return SourceUnavailableError(
        "\n".join(lines)
        + f"\nTo fetch what is missing: {command}; "
        + f"where it lies prepared: {command} --data-dir DIR",
        problems=error.problems,
    )


def _about(shown: ShownPrompt, vocabulary: Vocabulary | None) -> dict[str, Any]:
    prompt = shown.to_json()
    if vocabulary:
        texts = [shown.inputs, shown.targets]
        ids = vocabulary.encode(texts)
        pairs = zip(("input_ids", "target_ids"), ids, strict=True)
        prompt |= {part: [*numbers.tolist(), vocabulary.eos_id] for part, numbers in pairs}
        prompt["control_tokens"] = int(vocabulary.control_in(texts).sum())
        prompt["unknown"] = sum(int((part == vocabulary.unk_id).sum()) for part in ids)
    return prompt


def _print_head(prompt: dict[str, Any]) -> None:
    head = f" {prompt['dataset']} · {prompt['template']} ({prompt['kind']}) · {prompt['key']} "
    if prompt.get("part"):
        head += f"· {prompt['part']} "
    if prompt.get("num_shots"):
        head += f"· {counted(prompt['num_shots'], 'exemplar')} "
    if prompt["shortened"]:
        head += f"· shortened: {', '.join(prompt['shortened'])} "
    click.secho(f"──{for_line(head)}".ljust(78, "─"), bold=True)


def _print_tokens(prompt: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Prints both parts cut at their tokens: shades of one color, or bars where there is none."""
    _print_head(prompt)
    parts = (
        ("prompt", "not trained", prompt["input_ids"], ("white", "bright_black")),
        ("target", "trained", prompt["target_ids"], ("green", "bright_green")),
    )
    for name, trained, ids, colors in parts:
        lost = ids[:-1].count(vocabulary.unk_id)
        unknown = f", {lost} unknown" if lost else ""
        click.secho(f"── {name}: {counted(len(ids), 'token')}, {trained}{unknown}", dim=True)
        pieces = [*vocabulary.pieces(ids[:-1]), "EOS"]
        line = click.style("|", dim=True).join(
            click.style(UNKNOWN, fg="red", bold=True)
            if token == vocabulary.unk_id and place < len(ids) - 1
            else click.style(_safe(piece), fg=colors[place % 2], bold=trained == "trained")
            for place, (piece, token) in enumerate(zip(pieces, ids, strict=True))
        )
        click.echo(line)
    if written := prompt.get("control_tokens"):
        stand = counted(written, "control token stands", "control tokens stand")
        click.secho(f"── {stand} written in these texts", dim=True)
    click.echo()


def _print(prompt: dict[str, Any]) -> None:
    _print_head(prompt)
    click.echo(_safe(prompt["inputs"]))
    click.secho("── target", dim=True)
    click.secho(_safe(prompt["targets"]), fg="green")
    click.echo()


def _safe(text: str) -> str:
    return for_terminal(text)
