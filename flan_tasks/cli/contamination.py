"""`flan contamination`: whether examples of a build occur in evaluation sets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options
from flan_tasks.cli.address_options import PathOrAddress
from flan_tasks.cli.table import print_json, print_table, print_wrapped
from flan_tasks.core.address import Address
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_line
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.specs.contamination_presets import PRESETS

if TYPE_CHECKING:
    from flan_tasks.jobs.contamination import Contamination

_WIDTH = 300


@click.command(name="contamination")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--against",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Suite, dataset, cluster or mixture (its held-out side), or a file or folder: MMLU, BBH "
    "and MGSM as published, or a table of texts; more may follow, or be given by the option again.",
)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default=PRESETS[0],
    show_default=True,
    help="The rule: whole texts and 13 words (fields), n words (gpt3), or more than half of an "
    "evaluation prompt (tulu).",
)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    help="Where rows come from: by default where the build's did, as far as nothing must be "
    "downloaded.",
)
@options.data_dir
@click.option("--allow-missing", is_flag=True, help="Compare with the sets that are available.")
@click.option("--store", type=PathOrAddress(), metavar="DIR", help="Where examples are kept.")
@click.option(
    "--show",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Matches quoted for each pair of datasets.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with the quoted matches and both texts of each.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what --json prints to this file, for flan eval --contamination.",
)
@options.wide
@options.module
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    more: tuple[str, ...],
    against: tuple[str, ...],
    preset: str,
    source: str | None,
    data_dir: Path | None,
    allow_missing: bool,
    store: Path | Address | None,
    show: int,
    html: Path | None,
    out: Path | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Compares the examples of the build in FOLDER with evaluation sets.

    Case, punctuation and blanks aside, three kinds of overlap are found: a whole example, a whole
    text of 8 words or more, 13 words in a row; with --preset those that GPT-3's or Tulu 3's authors
    looked for. Exits with 1 where there is any; `flan build --drop-contaminated NAME
    --contamination-preset PRESET` builds without them.
    """
    from flan_tasks.jobs.contamination import contamination

    options.read_quietly()
    result = contamination(
        folder,
        (*against, *more),
        preset=preset,
        source=source,
        data_dir=data_dir,
        allow_missing=allow_missing,
        store=store,
        show=show,
        modules=options.modules(),
        progress=options.progress,
    )
    options.end_progress()
    if html is not None:
        from flan_tasks.core.whole import write_text

        write_text(html, result.to_html())
    if out is not None:
        from flan_tasks.core.whole import write_text

        write_text(out, json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n")
    if as_json:
        print_json(result.to_json())
    else:
        _print(result, wide=wide)
    ctx.exit(1 if result.findings else 0)


def _print(result: "Contamination", *, wide: bool) -> None:
    from flan_tasks.decontamination.matches import meaning
    from flan_tasks.engine.folded import folded_names
    from flan_tasks.jobs.contamination import folded_findings

    print_wrapped(
        f"{counted(result.examples, 'training example')} compared with "
        f"{counted(result.evaluation_examples, 'example')} of "
        f"{counted(len(result.compared), 'evaluation set')} "
        f"({', '.join(map(for_line, result.against))})."
    )
    if result.missing:
        names = list(result.missing) if wide else folded_names(result.missing)
        print_wrapped(f"Not compared with, as not available: {', '.join(names)}.")
    if not result.findings:
        print_wrapped(f"None occurs in them. Looked for: {meaning(result.preset)}.")
        return
    print_wrapped(f"Found: {meaning(result.preset)}.")
    print_table(
        ["evaluation", "split", "shared", "of", "share", "too short"],
        [
            [
                for_line(one.name),
                one.split,
                f"{len(one.keys):,}",
                f"{one.examples:,}",
                f"{one.share:.2%}",
                f"{one.too_short:,}",
            ]
            for one in result.sets
            if one.keys
        ],
        wide=wide,
    )
    click.echo()
    print_table(
        ["train", "evaluation", "split", "examples", "of", "in", "of", "kinds", "why"],
        [
            [
                f.dataset,
                for_line(f.evaluation),
                f.split,
                f"{f.examples:,}",
                f"{f.compared:,}",
                f"{f.evaluation_examples:,}",
                f"{f.evaluation_compared:,}",
                ", ".join(f"{count:,} {kind}" for kind, count in f.kinds.items()),
                f.explanation,
            ]
            for f in folded_findings(result.findings)
        ],
        wide=wide,
    )
    for finding in result.findings:
        for match in finding.shown:
            click.echo(
                f"\n{finding.dataset} {for_line(match.key)} and {for_line(finding.evaluation)} "
                f"{for_line(match.evaluation_key)}, {match.kind}, {match.share:.0%} of the latter:"
            )
            text = for_line(match.words)
            click.echo(f"  {text if len(text) <= _WIDTH else text[:_WIDTH] + '...'}")
