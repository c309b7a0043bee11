"""`flan show`: prompts of a dataset or mixture, as a person reads them.

They are drawn as a build draws them, so that what is seen is what is trained on.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.spec_options import is_given, spec_options
from flan_tasks.cli.table import print_json
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.errors import SourceUnavailableError, unknown_name
from flan_tasks.core.escaping import for_line, for_terminal
from flan_tasks.core.part_tree import measures_tokens
from flan_tasks.core.spec import of_files
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.template import KINDS
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec

# How a piece the vocabulary does not know is shown, which a text might hold as "<unk>".
UNKNOWN = "⟨unknown⟩"

if TYPE_CHECKING:
    from flan_tasks.plan.exemplars import Budget
    from flan_tasks.plan.plan import Plan
    from flan_tasks.plan.prepare import Prepared, SourceChoice
    from flan_tasks.plan.rows import BuiltRow
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
    from flan_tasks.engine.from_spec import declared_mixture, plan_rows
    from flan_tasks.plan.token_lengths import Measure, with_mean_tokens

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
    datasets = catalog().members(mixture)
    if len(datasets) > 1 and (template_id or every):
        raise click.UsageError("--template and --all show one dataset")
    spec.variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if template_id:
        spec = _one_template(spec, datasets[0], template_id)
    elif every and spec.kinds is None:
        spec = replace(spec, kinds=KINDS)
    if mixture.parts and (template_id or every):
        raise click.UsageError("--template and --all show one dataset, without parts")
    measure = Measure(vocabulary, spec.whole_lengths, fit)
    plan = plan_rows(with_mean_tokens(_prepared(spec, datasets), measure, seed=spec.seed), spec)
    budget = None
    if vocabulary:
        from flan_tasks.plan.exemplars import Budget

        budget = Budget(vocabulary, spec.whole_lengths["inputs"])
    rows = _rows(plan, None if every and not template_id else number, budget, fit=fit)
    if as_json:
        print_json({"prompts": [_about(row, vocabulary if tokens else None) for row in rows]})
        return
    for row in rows:
        if tokens and vocabulary:
            _print_tokens(_about(row, vocabulary), vocabulary)
        else:
            _print(_about(row, None))


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


def _one_template(spec: BuildSpec, dataset: Dataset, template_id: str) -> BuildSpec:
    templates = catalog().templates(dataset.name)
    if template_id not in templates.ids:
        raise unknown_name(f"template of {dataset.name}", template_id, templates.ids)
    kind = templates[template_id].kind
    return replace(spec, templates=(template_id,), kinds=(kind,))


def _prepared(spec: BuildSpec, datasets: Sequence[Dataset]) -> Prepared:
    from flan_tasks.engine.from_spec import prepare_spec

    source = None
    if is_given("source"):
        if options.reads_tfds(datasets, spec.source):
            options.import_tensorflow_quietly()
    else:
        source = _nearest(spec, datasets)
    if not is_given("split"):
        split = next(s for s in SPLITS if any(s in d.splits.names for d in datasets))
        spec = replace(spec, split=split)
    fetches = source is None and spec.source != "samples"
    prepared = prepare_spec(
        replace(spec, allow_missing=len(datasets) > 1),
        catalog(),
        source=source,
        progress=options.progress if fetches else None,
    )
    options.end_progress()
    for missing, reason in prepared.missing.items():
        options.warn(f"without {missing}: {reason}")
    return prepared


def _nearest(spec: BuildSpec, datasets: Sequence[Dataset]) -> SourceChoice:
    """Returns where rows can be had at once.

    Raises:
      SourceUnavailableError: no dataset has such rows; with the command that gets them.
    """
    from flan_tasks.engine.preview import nearest_source

    place = spec.place
    choice, reasons = nearest_source(datasets, catalog(), data_dir=place)
    if len(reasons) < len(datasets):
        return choice
    words = [
        "flan",
        "show",
        str(spec.mixture),
        *(f"--module={module}" for module in options.modules()),
    ]
    lines = [
        f"{dataset}: no embedded rows, and its source: {reasons[dataset]}" for dataset in reasons
    ]
    command = shlex.join([*words, "--source", "declared"])
    raise SourceUnavailableError(
        "\n".join(lines)
        + f"\nTo fetch what is missing: {command}; where it lies prepared: {command} --data-dir DIR"
    )


def _rows(
    plan: Plan, number: int | None, budget: Budget | None, *, fit: bool
) -> Iterator[BuiltRow]:
    """The first rows; with None one for each template."""
    from flan_tasks.engine.preview import preview, preview_templates

    if number is None:
        return preview_templates(plan, budget=budget, fit=fit)
    return preview(plan, number=number, budget=budget, fit=fit)


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
