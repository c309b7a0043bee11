"""`flan build`: a mixture into a directory of shards, with what is in it before and after."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flan_tasks.cli import options
from flan_tasks.cli.build_tables import (
    print_after,
    print_before,
    print_overlaps,
    print_vocabulary,
    print_warnings,
)
from flan_tasks.cli.length_options import AUTO, Lengths
from flan_tasks.cli.runner import chosen_runner, runner_options
from flan_tasks.cli.table import print_table, say
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.seqio.configuration import VOCAB
from flan_tasks.specs.formats import ARCHS, FORMATS, STYLES

if TYPE_CHECKING:
    from flan_tasks.vocabulary import Vocabulary


# Written with TensorFlow, which the workers import where there are several.
_TENSORFLOW_FORMATS = ("tfrecord", "packed-tfrecord", "arrayrecord", "seqio-cache")


@click.command(name="build")
@click.argument("mixture")
@click.option("--out", type=click.Path(path_type=Path), help="Directory to build: new or empty.")
@options.source
@options.data_dir
@click.option("--allow-missing", is_flag=True, help="Build without datasets that cannot be had.")
@click.option("--split", type=click.Choice(SPLITS), default="train", show_default=True)
@click.option(
    "--examples",
    type=click.IntRange(min=1, max=10**12),
    help="Rows to build; by default one pass of the capped mixture.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@options.vocabulary(
    "bytes, t5, a SentencePiece model, a tokenizer.json, or a folder with one; formats with "
    f"ids need one (default {VOCAB}, or t5), text formats then count tokens.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True)
@click.option("--style", type=click.Choice(STYLES), default=STYLES[0], show_default=True)
@click.option(
    "--lengths",
    type=Lengths(),
    default="inputs=1024,targets=256",
    show_default=True,
    help="Longest inputs and targets with EOS (decoder rows: row=); auto proposes from the data.",
)
@click.option(
    "--arch",
    type=click.Choice(ARCHS),
    default=ARCHS[0],
    show_default=True,
    help="What packed rows are for: two sides, or inputs and targets in one.",
)
@click.option("--shards", type=click.IntRange(min=1), help="Files to write; by default by rows.")
@options.variation
@click.option("--store", type=click.Path(path_type=Path), help="Where examples are kept.")
@click.option(
    "--license-allow",
    multiple=True,
    metavar="PATTERN",
    help="Keep only datasets whose licence fits, such as 'CC-BY-*'; may be given again.",
)
@click.option(
    "--license-deny",
    multiple=True,
    metavar="PATTERN",
    help="Leave out datasets whose licence fits; may be given again.",
)
@runner_options
@click.option(
    "--drop-contaminated",
    "drop_against",
    multiple=True,
    metavar="NAME",
    help="Leave out training examples that occur in the evaluation sets of this dataset, cluster "
    "or mixture; may be given again.",
)
@click.option(
    "--drop-overlaps",
    is_flag=True,
    help="Leave out datasets that share text with held-out ones by declaration (drop_overlaps).",
)
@click.option("--dry-run", is_flag=True, help="Print what would be built and stop.")
@click.option("--explain", is_flag=True, help="Say why stored examples are read anew.")
@click.option("--no-report", is_flag=True, help="Write no report.html.")
@options.wide
@options.module
@options.as_json
def command(
    mixture: str,
    out: Path | None,
    source: str,
    data_dir: Path | None,
    allow_missing: bool,
    split: str,
    examples: int | None,
    seed: int,
    vocab: options.VocabularyOptions,
    form: str,
    style: str,
    lengths: dict[str, int] | str,
    arch: str,
    shards: int | None,
    variation: Variation,
    store: Path | None,
    license_allow: tuple[str, ...],
    license_deny: tuple[str, ...],
    workers: int,
    runner: str,
    beam_args: str | None,
    drop_against: tuple[str, ...],
    drop_overlaps: bool,
    dry_run: bool,
    explain: bool,
    no_report: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Builds MIXTURE: a mixture, cluster or dataset by name, or a TOML file of yours."""
    from flan_tasks.engine.manifest import size_notes, task_table
    from flan_tasks.engine.run_local import build, check_settings
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.engine.writers import WRITERS
    from flan_tasks.plan.plan import make_plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.reports.make import reporter
    from flan_tasks.store.store import Store, default_store

    if out is None and not dry_run:
        raise click.UsageError("--out DIR is needed (or --dry-run)")
    declared = _mixture(mixture)
    _check_names(declared, mixture)
    filters = []
    if drop_overlaps and not declared.drop_overlaps:
        declared = replace(declared, drop_overlaps=True)
        filters.append("--drop-overlaps")
    refused = catalog().refused_licenses(declared, allow=license_allow, deny=license_deny)
    declared = replace(declared, exclude=(*declared.exclude, *(d.name for d in refused)))
    filters += [f"--module {name}" for name in options.modules()]
    filters += [f"--license-allow {shlex.quote(pattern)}" for pattern in license_allow]
    filters += [f"--license-deny {shlex.quote(pattern)}" for pattern in license_deny]
    filters += [f"--drop-contaminated {name}" for name in drop_against]
    writer = WRITERS[form]
    # Exemplars are fitted to a number of tokens.
    needs_ids = writer.needs_vocabulary or variation.shots > 0
    name = vocab.name((os.environ.get(VOCAB) or "t5") if needs_ids else None)
    settings = BuildSettings(
        format=form,
        split=split,
        style=style,
        lengths=options.DEFAULT_LENGTHS if isinstance(lengths, str) else lengths,
        vocabulary=_vocabulary(name, only_for_shots=not (vocab.vocab or writer.needs_vocabulary)),
        num_shards=shards,
        arch=arch,
        # SeqIO trims what it reads of a cache, to lengths of its own unless some are named here.
        fit=True if writer.fits_if_asked and _is_asked("lengths") else None,
    )
    if settings.vocabulary:
        print_vocabulary(settings.vocabulary)
    check_settings(settings)
    if lengths == AUTO and settings.vocabulary is None:
        raise click.UsageError("--lengths auto counts tokens; give --vocab")
    how = chosen_runner(workers, runner, beam_args)
    kept = Store(store or default_store())
    choice = SourceChoice(source, data_dir)
    if explain:
        _explain(declared, kept, choice, split)
    prepared = prepare(
        declared,
        catalog(),
        source=choice,
        split=split,
        store=kept,
        allow_missing=allow_missing,
        variation=variation,
        drop_against=drop_against,
        progress=_says_reading(quietly=options.reads_tfds(catalog().members(declared), source)),
    )
    plan = make_plan(prepared, seed=seed, num_examples=examples, grouped=writer.grouped)
    options.end_progress()
    if not as_json:
        for dataset in refused:
            say(f"{dataset.name}: left out by its licence ({dataset.license})")
        print_overlaps(prepared)
        # Embedded rows are a dozen or two of each dataset, and are meant to be.
        notes = [] if source == "samples" else size_notes(prepared)
        print_before(prepared, task_table(prepared, plan), len(plan), notes, wide=wide)
    if lengths == AUTO:
        settings = replace(settings, lengths=_proposed(plan, settings, quiet=as_json, wide=wide))
    if dry_run:
        if as_json:
            found = {"tasks": task_table(prepared, plan), "examples": len(plan)}
            click.echo(json.dumps({**found, "missing": dict(prepared.missing)}))
        return
    assert out is not None
    from flan_tasks.cli.progress import BuildProgress

    if form in _TENSORFLOW_FORMATS and how.get("workers") == 1 and not out.exists():
        options.import_tensorflow_quietly()  # it will be, and its lines belong to nobody
    built = build(
        prepared,
        plan,
        settings,
        out,
        source=source,
        name=Path(mixture).name if mixture.endswith(".toml") else mixture,
        filters=filters,
        **how,
        report=None if no_report else reporter(plan, settings.vocabulary),
        watch=BuildProgress(),
    )
    options.end_progress()
    if as_json:
        click.echo(json.dumps({"out": str(out), "was_there": built.was_there, **built.manifest}))
        print_warnings(built.manifest)
    else:
        print_after(built, out, trims=settings.fits, wide=wide)


def _says_reading(*, quietly: bool) -> Callable[[str], None]:
    """What is told of reading; only then is TensorFlow imported, and only where TFDS is read."""

    def tell(text: str) -> None:
        if quietly and "tensorflow_datasets" not in sys.modules:
            options.import_tensorflow_quietly()
        options.progress(text)

    return tell


def _is_asked(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not ParameterSource.DEFAULT


def _proposed(plan, settings, *, quiet: bool, wide: bool) -> dict[str, int]:
    from flan_tasks.packing.length_choices import length_choices, proposed

    choices = length_choices(plan, settings.vocabulary, arch=settings.arch)
    chosen = proposed(choices)
    if not quiet:
        click.echo(f"\nLengths from the data ({settings.vocabulary.name[:20]} tokens with EOS):\n")
        print_table(
            [
                *("whole", "inputs", "cut", "tokens lost", "targets", "cut", "tokens lost"),
                *("padding packed", "padding unpacked", ""),
            ],
            [
                [
                    f"{c.percentile:g} %",
                    *(
                        text
                        for part in ("inputs", "targets")
                        for text in (
                            f"{c.lengths[part]:,}",
                            f"{c.cut[part]:.2%}",
                            f"{c.lost[part]:.2%}",
                        )
                    ),
                    f"{c.packed_padding:.1%}",
                    f"{c.unpacked_padding:.1%}",
                    "chosen" if c is chosen else "",
                ]
                for c in choices
            ],
            wide=wide,
        )
    return dict(chosen.lengths)


def _vocabulary(name: str | None, *, only_for_shots: bool) -> "Vocabulary | None":
    from flan_tasks.core.errors import VocabularyError
    from flan_tasks.vocabulary import open_vocabulary

    try:
        return open_vocabulary(name) if name else None
    except VocabularyError as error:
        if only_for_shots:
            error.add_note(
                "--shots fits exemplars into the inputs' length in tokens, so text formats need a "
                "vocabulary with it; --vocab bytes needs no file"
            )
        raise


def _mixture(name: str) -> Mixture:
    path = Path(name)
    if path.suffix == ".toml":
        return read_mixture(path)
    return catalog().mixture(name)


def _check_names(declared: Mixture, name: str) -> None:
    names = (*declared.include, *declared.exclude, *declared.hold_out, *declared.rates)
    try:
        catalog().expand(names)
    except UnknownNameError as error:
        raise UnknownNameError(f"{name}: {error}") from error


def _explain(declared: Mixture, store, choice, split: str) -> None:
    from flan_tasks.core.errors import SourceUnavailableError
    from flan_tasks.raw_rows import open_source

    for dataset in catalog().members(declared):
        if split not in dataset.splits.names:
            continue
        try:
            rows = open_source(
                dataset,
                kind=choice.kind,
                data_dir=choice.data_dir,
                samples=catalog().samples(dataset.name),
            )
            limit = declared.limit if split == "train" else None
            lines = store.explain(dataset, rows, split, limit=limit)
        except SourceUnavailableError:
            continue
        for line in lines:
            say(f"store: {line}", err=True)
