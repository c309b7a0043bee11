"""`flan contamination`: whether examples of a build occur in evaluation sets."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table, print_wrapped
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError, UnknownNameError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.datasets import catalog

if TYPE_CHECKING:
    from flan_tasks.plan.prepare import SourceChoice

_WIDTH = 300


@click.command(name="contamination")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--against",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Dataset, cluster or mixture (its held-out side); may be given again.",
)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    help="Where rows come from: by default where the build's did, as far as nothing must be "
    "downloaded.",
)
@options.data_dir
@click.option("--allow-missing", is_flag=True, help="Compare with the sets that can be had.")
@click.option("--store", type=click.Path(path_type=Path), help="Where examples are kept.")
@click.option(
    "--show",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Matches quoted for each pair of datasets.",
)
@options.wide
@options.module
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    against: tuple[str, ...],
    source: str | None,
    data_dir: Path | None,
    allow_missing: bool,
    store: Path | None,
    show: int,
    wide: bool,
    as_json: bool,
) -> None:
    """Compares the examples of the build in FOLDER with evaluation sets.

    Case, punctuation and blanks aside, three kinds of overlap are found: a whole example, a whole
    text of 8 words or more, 13 words in a row. Exits with 1 where there is any; `flan build
    --drop-contaminated NAME` builds without them.
    """
    from flan_tasks.decontamination.matches import Checker, evaluation_side
    from flan_tasks.engine.asked_for import source_of
    from flan_tasks.engine.directory import read_manifest
    from flan_tasks.engine.reopen import drawn, reopen
    from flan_tasks.plan.prepare import SourceChoice, evaluation_parts
    from flan_tasks.store.store import Store, default_store

    manifest = read_manifest(folder)
    built = _built(folder, manifest)
    compared = [dataset for name in against for dataset in evaluation_side(catalog(), name)]
    choice = SourceChoice(source or source_of(manifest), data_dir)
    if source is None:
        _check_at_hand([*built, *(() if allow_missing else compared)], choice)
    if options.reads_tfds([*built, *compared], choice.kind):
        options.import_tensorflow_quietly()
    kept = Store(store or default_store())
    prepared, plan = reopen(
        manifest, catalog(), source=choice, store=kept, progress=options.progress
    )
    parts = evaluation_parts(
        against,
        catalog(),
        source=choice,
        store=kept,
        allow_missing=allow_missing,
        progress=options.progress,
    )
    options.progress("comparing")
    checker = Checker(catalog(), parts)
    train = drawn(prepared, plan, left_out=manifest.get("left_out", ()))
    found = [finding for part in train for finding in checker.findings(part, show=show)]
    options.end_progress()
    counts = {
        "examples": sum(len(part.chosen) for part in train),
        "evaluation_examples": sum(len(part.chosen) for part in parts),
    }
    if as_json:
        sets = [{"name": part.dataset.name, "split": part.split} for part in parts]
        findings = [dataclasses.asdict(finding) for finding in found]
        print_json({**counts, "compared": sets, "findings": findings})
    else:
        _print(found, counts, against, len(parts), wide=wide)
    ctx.exit(1 if found else 0)


def _built(folder: Path, manifest: Mapping[str, Any]) -> tuple[Dataset, ...]:
    """Returns the datasets of a build.

    Raises:
      UnknownNameError: one is not known; where it is of a module, with its name.
    """
    from flan_tasks.engine.asked_for import modules_of

    try:
        return catalog().expand(task["name"] for task in manifest["tasks"])
    except UnknownNameError as error:
        modules = [name for name in modules_of(manifest) if name not in options.modules()]
        if not modules:
            raise
        words = " ".join(f"--module {shlex.quote(name)}" for name in modules)
        raise UnknownNameError(f"{folder} was built with {words}; give it here as well") from error


def _check_at_hand(datasets: Sequence[Dataset], choice: "SourceChoice") -> None:
    """Checks that nothing is downloaded that nobody asked for.

    Raises:
      SourceUnavailableError: rows are not at hand.
    """
    from flan_tasks.raw_rows import State, open_source
    from flan_tasks.raw_rows.families import FamilySource

    lines = []
    opened: dict[str, FamilySource] = {}
    for name, dataset in {dataset.name: dataset for dataset in datasets}.items():
        try:
            source = open_source(
                dataset,
                kind=choice.kind,
                data_dir=choice.data_dir,
                samples=catalog().samples(name),
                opened=opened,
            )
            status = source.status()
        except SourceUnavailableError as error:
            lines.append(f"  {name}: {str(error).removeprefix(name).lstrip(': ')}")
            continue
        if status.state is not State.AVAILABLE:
            lines.append(f"  {name}: {status.state}: {status.detail}")
    if lines:
        raise SourceUnavailableError(
            f"the build's rows came from --source {choice.kind}, where these are not at hand:\n"
            + "\n".join(lines)
            + "\nGive --data-dir DIR where they lie prepared, as for the build; or --source "
            f"{choice.kind} to fetch them."
        )


def _print(
    found: list,
    counts: dict[str, int],
    against: tuple[str, ...],
    num_sets: int,
    *,
    wide: bool,
) -> None:
    print_wrapped(
        f"{counts['examples']:,} training examples compared with {counts['evaluation_examples']:,} "
        f"examples of {num_sets} evaluation sets ({', '.join(against)})."
    )
    if not found:
        click.echo("None occurs in them: no whole example, no whole text, no 13 words in a row.")
        return
    print_table(
        ["train", "evaluation", "split", "examples", "of", "in", "of", "kinds", "why"],
        [
            [
                f.dataset,
                f.evaluation,
                f.split,
                f"{f.examples:,}",
                f"{f.compared:,}",
                f"{f.evaluation_examples:,}",
                f"{f.evaluation_compared:,}",
                ", ".join(f"{count:,} {kind}" for kind, count in f.kinds.items()),
                f.explanation,
            ]
            for f in found
        ],
        wide=wide,
    )
    for finding in found:
        for match in finding.shown:
            click.echo(
                f"\n{finding.dataset} {for_line(match.key)} and {finding.evaluation} "
                f"{for_line(match.evaluation_key)}, {match.kind}:"
            )
            text = for_line(match.words)
            click.echo(f"  {text if len(text) <= _WIDTH else text[:_WIDTH] + '...'}")
