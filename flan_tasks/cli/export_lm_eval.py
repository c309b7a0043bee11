"""`flan export-lm-eval`: evaluation tasks as files of lm-evaluation-harness."""

import json
from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.address_options import PathOrAddress
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.core.address import Address
from flan_tasks.core.counting import are, counted
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.variation import PromptSpec
from flan_tasks.datasets import catalog
from flan_tasks.specs.formats import ARCHS, DECODER


@click.command(name="export-lm-eval")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Directory: new or empty."
)
@options.source
@options.data_dir
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Examples of each dataset, at most.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@spec_options(PromptSpec)
@click.option(
    "--length",
    type=click.IntRange(min=2),
    default=1024,
    show_default=True,
    help="Tokens that a prompt with exemplars may have.",
)
@click.option("--vocab", default="t5", show_default=True, help="What counts these tokens.")
@click.option(
    "--answer-length",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Tokens that are generated, at most.",
)
@click.option(
    "--arch",
    type=click.Choice(ARCHS),
    default=DECODER,
    show_default=True,
    help="Kind of model that reads them: what stands before answers, and whether ends are scored.",
)
@click.option(
    "--allow-missing", is_flag=True, help="Go on without datasets whose rows are not available."
)
@click.option("--store", type=PathOrAddress(), metavar="DIR", help="Where examples are kept.")
@options.module
@options.as_json
def command(
    name: str,
    out: Path,
    source: str,
    data_dir: Path | None,
    split: str,
    limit: int | None,
    seed: int,
    spec: PromptSpec,
    length: int,
    vocab: str,
    answer_length: int,
    arch: str,
    allow_missing: bool,
    store: Path | Address | None,
    as_json: bool,
) -> None:
    """Writes tasks of NAME: a dataset, a cluster, or the held-out side of a mixture.

    One task for each template, by generation and by rank classification; run them with `lm_eval run
    --include_path DIR --tasks flan_rte,flan_rte_rank`.
    """
    from flan_tasks.decontamination.matches import evaluation_side
    from flan_tasks.evaluation.lm_eval import Export, export
    from flan_tasks.plan.exemplars import Budget
    from flan_tasks.plan.prepare import SourceChoice
    from flan_tasks.store.store import open_store
    from flan_tasks.vocabulary import open_vocabulary

    variation = spec.variation
    datasets = evaluation_side(catalog(), name)
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    options.read_quietly()
    budget = Budget(open_vocabulary(vocab), length) if variation.shots else None
    words = [f"flan export-lm-eval {name} --out DIR --source {source} --split {split}"]
    words += [f"--limit {limit}"] if limit else []
    words += [f"--seed {seed}", *variation.words]
    words += [f"--length {length} --vocab {budget.vocabulary.name}"] if budget else []
    words += [f"--answer-length {answer_length}"] if answer_length != 256 else []
    words += [f"--arch {arch}"] if arch != DECODER else []
    words += ["--allow-missing"] if allow_missing else []
    settings = Export(
        split=split,
        variation=variation,
        limit=limit,
        seed=seed,
        budget=budget,
        answer_length=answer_length,
        arch=arch,
        allow_missing=allow_missing,
    )
    written = export(
        datasets,
        catalog(),
        out,
        settings,
        source=SourceChoice(source, data_dir),
        store=open_store(store),
        command=" ".join(words),
        progress=options.progress,
        warn=options.warn,
    )
    options.end_progress()
    if as_json:
        click.echo(json.dumps({"out": str(out), "tasks": written}))
    else:
        tasks, of_all = counted(len(written), "task"), counted(len(datasets), "dataset")
        click.echo(f"{tasks} of {of_all} {are(len(written))} in {out}; run with")
        click.echo(f"  lm_eval run --include_path {out} --tasks {written[0]} ...")
