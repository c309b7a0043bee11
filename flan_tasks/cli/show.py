"""`flan show`: prompts of a dataset or mixture, as a person reads them.

They are drawn as a build draws them, so that what is seen is what is trained on.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.length_options import Lengths
from flan_tasks.cli.table import print_json
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.errors import SourceUnavailableError, unknown_name
from flan_tasks.core.escaping import for_line, for_terminal
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.core.part_tree import measures_tokens
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.template import KINDS
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.jobs.shares import named

# How a piece the vocabulary does not know is shown, which a text might hold as "<unk>".
UNKNOWN = "⟨unknown⟩"

if TYPE_CHECKING:
    from flan_tasks.plan.exemplars import Budget
    from flan_tasks.plan.prepare import Prepared, SourceChoice
    from flan_tasks.plan.rows import BuiltRow
    from flan_tasks.vocabulary import Vocabulary


@click.command(name="show")
@click.argument("name")
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
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The build's."
)
@click.option("--split", type=click.Choice(SPLITS), help="By default train, where there is one.")
@options.variation
@click.option("--tokens", is_flag=True, help="Show tokens, those that are trained in color.")
@options.vocabulary(
    "For --tokens, --lengths, and --shots, whose exemplars must fit into 1,024 tokens: bytes, t5, "
    "a SentencePiece model, a tokenizer.json, or a folder with one "
    f"(default {VOCAB}, or but for --shots t5).",
)
@click.option(
    "--lengths",
    type=Lengths(),
    help="Make prompts fit, as a build with ids does: inputs=NUMBER (with --tokens 1,024).",
)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    help="Where rows come from: by default the embedded rows, and for a dataset that has none "
    "its declared source, if nothing must be downloaded for it.",
)
@options.data_dir
@options.module
@options.as_json
def command(
    name: str,
    template_id: str | None,
    every: bool,
    number: int,
    seed: int,
    split: str | None,
    variation: Variation,
    tokens: bool,
    vocab: options.VocabularyOptions,
    lengths: dict[str, int] | str | None,
    source: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Prints prompts of NAME, a dataset, cluster or mixture (or its file), filled with its rows.

    They are the first rows of `flan build NAME` with the same source, seed and options.
    """
    from flan_tasks.plan.token_lengths import Measure, with_mean_tokens

    fit = tokens or lengths is not None
    if vocab != options.VocabularyOptions(None) and not (
        fit or variation.shots or measures_tokens(named(name), catalog())
    ):
        raise click.UsageError(
            "--vocab, --eos and --control-tokens are for --tokens, --lengths and --shots"
        )
    if isinstance(lengths, str):
        raise click.UsageError("--lengths auto is for flan build, which looks at many rows")
    mixture = named(name)
    shots = variation.shots or int(measures_tokens(mixture, catalog()))
    vocabulary = _vocabulary(vocab, tokens=fit, shots=shots)
    datasets = catalog().members(mixture)
    if len(datasets) > 1 and (template_id or every):
        raise click.UsageError("--template and --all show one dataset")
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if template_id:
        variation = _one_template(variation, datasets[0], template_id)
    elif every and variation.kinds is None:
        variation = replace(variation, kinds=KINDS)
    if mixture.parts and (template_id or every):
        raise click.UsageError("--template and --all show one dataset, without parts")
    prepared = _prepared(name, datasets, source, data_dir, split, variation)
    budget = _budget(vocabulary, lengths) if fit or shots else None
    longest = {**options.DEFAULT_LENGTHS, **(lengths or {})}
    prepared = with_mean_tokens(prepared, Measure(vocabulary, longest, fit), seed=seed)
    wanted = None if every and not template_id else number
    rows = _rows(prepared, seed, wanted, budget, fit=fit)
    if as_json:
        print_json({"prompts": [_about(row, vocabulary if tokens else None) for row in rows]})
        return
    for row in rows:
        if tokens and vocabulary:
            _print_tokens(_about(row, vocabulary), vocabulary)
        else:
            _print(_about(row, None))


def _vocabulary(asked: options.VocabularyOptions, *, tokens: bool, shots: int) -> Vocabulary | None:
    if not (tokens or shots):
        return None
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


def _budget(vocabulary: Vocabulary | None, lengths: dict[str, int] | None) -> Budget | None:
    from flan_tasks.plan.exemplars import Budget

    length = (lengths or options.DEFAULT_LENGTHS)["inputs"]
    return Budget(vocabulary, length) if vocabulary else None


def _one_template(variation: Variation, dataset: Dataset, template_id: str) -> Variation:
    templates = catalog().templates(dataset.name)
    if template_id not in templates.ids:
        raise unknown_name(f"template of {dataset.name}", template_id, templates.ids)
    kind = templates[template_id].kind
    return replace(variation, templates=(template_id,), kinds=(kind,))


def _prepared(
    name: str,
    datasets: Sequence[Dataset],
    source: str | None,
    data_dir: Path | None,
    split: str | None,
    variation: Variation,
) -> Prepared:
    from flan_tasks.plan.prepare import SourceChoice, prepare

    if source is None:
        choice = _nearest(name, datasets, data_dir)
    else:
        choice = SourceChoice(source, data_dir)
        if options.reads_tfds(datasets, source):
            options.import_tensorflow_quietly()
    if split is None:
        split = next(s for s in SPLITS if any(s in d.splits.names for d in datasets))
    prepared = prepare(
        named(name),
        catalog(),
        source=choice,
        split=split,
        allow_missing=len(datasets) > 1,
        variation=variation,
        progress=None if source in (None, "samples") else options.progress,
    )
    options.end_progress()
    for missing, reason in prepared.missing.items():
        options.warn(f"without {missing}: {reason}")
    return prepared


def _nearest(name: str, datasets: Sequence[Dataset], data_dir: Path | None) -> SourceChoice:
    """Returns where rows can be had at once.

    Raises:
      SourceUnavailableError: no dataset has such rows; with the command that gets them.
    """
    from flan_tasks.engine.preview import nearest_source

    choice, reasons = nearest_source(datasets, catalog(), data_dir=data_dir)
    if len(reasons) < len(datasets):
        return choice
    words = ["flan", "show", name, *(f"--module={module}" for module in options.modules())]
    lines = [
        f"{dataset}: no embedded rows, and its source: {reasons[dataset]}" for dataset in reasons
    ]
    command = shlex.join([*words, "--source", "declared"])
    raise SourceUnavailableError(
        "\n".join(lines)
        + f"\nTo fetch what is missing: {command}; where it lies prepared: {command} --data-dir DIR"
    )


def _rows(
    prepared: Prepared, seed: int, number: int | None, budget: Budget | None, *, fit: bool
) -> Iterator[BuiltRow]:
    """The first rows; with None one for each template."""
    from flan_tasks.engine.preview import preview, preview_templates

    if number is None:
        return preview_templates(prepared, seed=seed, budget=budget, fit=fit)
    return preview(prepared, seed=seed, number=number, budget=budget, fit=fit)


def _about(row: BuiltRow, vocabulary: Vocabulary | None) -> dict[str, Any]:
    prompt: dict[str, Any] = {
        "dataset": row.dataset.name,
        "template": row.template.id,
        "kind": row.template.kind,
        "key": row.example.key,
        "inputs": row.inputs,
        "targets": row.targets,
        "num_shots": row.num_shots,
        "shortened": list(row.shortened),
        **({"part": row.part, "prompt_type": row.prompt_type} if row.part else {}),
    }
    if vocabulary:
        texts = [row.inputs, row.targets]
        ids = vocabulary.encode(texts)
        pairs = zip(("input_ids", "target_ids"), ids, strict=True)
        prompt |= {part: [*found.tolist(), vocabulary.eos_id] for part, found in pairs}
        prompt["control_tokens"] = int(vocabulary.control_in(texts).sum())
        prompt["unknown"] = sum(int((part == vocabulary.unk_id).sum()) for part in ids)
    return prompt


def _print_head(prompt: dict[str, Any]) -> None:
    head = f" {prompt['dataset']} · {prompt['template']} ({prompt['kind']}) · {prompt['key']} "
    if prompt.get("part"):
        head += f"· {prompt['part']} "
    if prompt.get("num_shots"):
        head += f"· {prompt['num_shots']} exemplars "
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
        click.secho(f"── {name}: {len(ids)} tokens, {trained}{unknown}", dim=True)
        pieces = [*vocabulary.pieces(ids[:-1]), "EOS"]
        line = click.style("|", dim=True).join(
            click.style(UNKNOWN, fg="red", bold=True)
            if token == vocabulary.unk_id and place < len(ids) - 1
            else click.style(_safe(piece), fg=colors[place % 2], bold=trained == "trained")
            for place, (piece, token) in enumerate(zip(pieces, ids, strict=True))
        )
        click.echo(line)
    if written := prompt.get("control_tokens"):
        click.secho(f"── {written} control tokens stand written in these texts", dim=True)
    click.echo()


def _print(prompt: dict[str, Any]) -> None:
    _print_head(prompt)
    click.echo(_safe(prompt["inputs"]))
    click.secho("── target", dim=True)
    click.secho(_safe(prompt["targets"]), fg="green")
    click.echo()


def _safe(text: str) -> str:
    return for_terminal(text)
