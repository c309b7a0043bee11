"""`flan show`: prompts of a dataset or mixture, as a person reads them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json
from flan_tasks.configuration import VOCAB
from flan_tasks.core.choice import below, hash_text
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError, unknown_name
from flan_tasks.core.escaping import for_line, for_terminal
from flan_tasks.core.example import Example
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.core.render import render
from flan_tasks.core.template import Template
from flan_tasks.core.variation import FIXED, Variation
from flan_tasks.datasets import catalog

# How a piece the vocabulary does not know is shown, which a text might hold as "<unk>".
UNKNOWN = "⟨unknown⟩"

if TYPE_CHECKING:
    from flan_tasks.build.vocabulary import Vocabulary


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
    help="How many prompts to show.",
)
@click.option("--seed", default=0, show_default=True, help="Which ones.")
@options.variation
@click.option("--tokens", is_flag=True, help="Show tokens, those that are trained in color.")
@options.vocabulary(
    "For --tokens: bytes, t5, a SentencePiece model, a tokenizer.json, or a folder with one "
    f"(default {VOCAB}, or t5).",
)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    default="samples",
    show_default=True,
    help="Where rows come from.",
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
    variation: Variation,
    tokens: bool,
    vocab: options.VocabularyOptions,
    source: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Prints prompts of NAME, a dataset, cluster or mixture, filled with its rows."""
    if vocab != options.VocabularyOptions(None) and not tokens:
        raise click.UsageError("--vocab goes with --tokens, as do --eos and --control-tokens")
    vocabulary = _vocabulary(vocab) if tokens else None
    shown = []
    datasets = catalog().members(catalog().mixture(name))
    if len(datasets) > 1 and (template_id or every):
        raise click.UsageError("--template and --all show one dataset")
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if options.reads_tfds(datasets, source):
        options.import_tensorflow_quietly()
    for dataset, template, example in _pick(
        datasets,
        template_id,
        every=every,
        number=number,
        seed=seed,
        variation=variation,
        source=source,
        data_dir=data_dir,
    ):
        filled = _filled(dataset, template, example, variation, seed, source, data_dir)
        prompt = {
            "dataset": dataset.name,
            "template": template.id,
            "kind": template.kind,
            "key": example.key,
            **filled,
        }
        if vocabulary:
            ids = vocabulary.encode([prompt["inputs"], prompt["targets"]])
            pairs = zip(("input_ids", "target_ids"), ids, strict=True)
            prompt |= {part: [*found.tolist(), vocabulary.eos_id] for part, found in pairs}
            texts = [prompt["inputs"], prompt["targets"]]
            prompt["control_tokens"] = int(vocabulary.control_in(texts).sum())
            prompt["unknown"] = sum(int((part == vocabulary.unk_id).sum()) for part in ids)
        shown.append(prompt)
    if as_json:
        print_json({"prompts": shown})
        return
    for prompt in shown:
        if vocabulary:
            _print_tokens(prompt, vocabulary)
        else:
            _print(prompt)


def _vocabulary(asked: options.VocabularyOptions) -> Vocabulary:
    from flan_tasks.build.vocabulary import open_vocabulary
    from flan_tasks.cli.build_tables import print_vocabulary

    name = asked.name(os.environ.get(VOCAB) or "t5")
    assert name is not None
    vocabulary = open_vocabulary(name)
    print_vocabulary(vocabulary)
    return vocabulary


def _pick(
    datasets: tuple[Dataset, ...],
    template_id: str | None,
    *,
    every: bool,
    number: int,
    seed: int,
    variation: Variation,
    source: str,
    data_dir: Path | None,
) -> Iterator[tuple[Dataset, Template, Example]]:
    if template_id or every:
        dataset = datasets[0]
        templates = catalog().templates(dataset.name)
        if template_id and template_id not in templates.ids:
            raise unknown_name(f"template of {dataset.name}", template_id, templates.ids)
        examples = _examples(dataset, source, data_dir, options=variation.options)
        listed = variation.choose(dataset.name, templates.templates, "train")
        chosen = [templates[template_id]] * number if template_id else listed
        start = below(len(examples), seed, hash_text("show"))
        for i, template in enumerate(chosen):
            yield dataset, template, examples[(start + i) % len(examples)]
        return
    draw = random.Random(seed)
    order = draw.sample(datasets, len(datasets))
    for i in range(number):
        dataset = order[i % len(order)]
        every_one = catalog().templates(dataset.name).templates
        templates = variation.choose(dataset.name, every_one, "train")
        # A dataset's second prompt has another template than its first.
        turn = random.Random(f"{seed} {dataset.name}").sample(templates, len(templates))
        template = turn[i // len(order) % len(turn)]
        yield (
            dataset,
            template,
            draw.choice(_examples(dataset, source, data_dir, options=variation.options)),
        )


def _filled(
    dataset: Dataset,
    template: Template,
    example: Example,
    variation: Variation,
    seed: int,
    source: str,
    data_dir: Path | None,
) -> dict[str, object]:
    if not variation.shots and variation.option_order == FIXED:
        filled = render(template, example, options=variation.options)
        return {"inputs": filled.inputs, "targets": filled.targets, "num_shots": 0}
    import numpy as np

    from flan_tasks.build.plan import Draw
    from flan_tasks.build.prepare import SourceChoice, prepare
    from flan_tasks.build.rows import render_task

    # The engine's own way, so that what is shown is what a build of the seed has.
    item = prepare(
        catalog().mixture(dataset.name),
        catalog(),
        source=SourceChoice(source, data_dir),
        split=dataset.splits.names[0],
        variation=replace(variation, templates=(template.id,), kinds=(template.kind,)),
    ).ingredients[0]
    number = np.flatnonzero(item.examples.key_hashes == np.uint64(hash_text(example.key)))[:1]
    zero = np.zeros(1, np.int64)
    (row,) = render_task(item, Draw(number, zero, zero), seed=seed)
    return {"inputs": row.inputs, "targets": row.targets, "num_shots": row.num_shots}


def _examples(
    dataset: Dataset, source: str, data_dir: Path | None, *, options: bool, most: int = 200
) -> list[Example]:
    from flan_tasks.sources import open_source
    from flan_tasks.sources.reading import read_examples

    rows = open_source(
        dataset, kind=source, data_dir=data_dir, samples=catalog().samples(dataset.name)
    )
    # A build with options off leaves these out.
    needs = None if options else dataset.needs_options
    found: list[Example] = []
    for split in dataset.splits.names:
        try:
            for _, items in read_examples(dataset, rows, split):
                found += [
                    item
                    for item in items
                    if isinstance(item, Example) and not (needs is not None and needs(item))
                ]
                if len(found) >= most:
                    break
        except SourceUnavailableError:
            continue  # this split is not at hand; another may be
        if found:
            return found
    raise SourceUnavailableError(
        f"{dataset.name}: no rows at hand from source {source}: {rows.status().detail}"
    )


def _print_head(prompt: dict[str, Any]) -> None:
    head = f" {prompt['dataset']} · {prompt['template']} ({prompt['kind']}) · {prompt['key']} "
    if prompt.get("num_shots"):
        head += f"· {prompt['num_shots']} exemplars "
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
