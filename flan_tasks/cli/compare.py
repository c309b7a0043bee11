"""`flan compare`: what differs between the scores of models."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table, print_wrapped, say
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_line
from flan_tasks.specs.eval_config import NORMALIZATIONS

if TYPE_CHECKING:
    from flan_tasks.jobs.compare import ModelComparison

_FORMATS = ("text", "markdown", "latex", "csv", "json")
_FILES = {"markdown": "comparison.md", "latex": "comparison.tex", "csv": "comparison.csv"}


@click.command(name="compare")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="A B [C ...]",
)
@click.option("--name", "names", multiple=True, help="What to call A, B, ...; give one for each.")
@click.option(
    "--held-out",
    multiple=True,
    metavar="NAME",
    help="A dataset, cluster, or mixture (its held-out side) that was not trained on.",
)
@click.option(
    "--trained-on",
    multiple=True,
    metavar="NAME",
    help="A dataset, cluster, mixture or build that was. What is neither shows what was forgotten.",
)
@click.option("--common", is_flag=True, help="Compare what all have, where they are not the same.")
@click.option(
    "--normalize",
    type=click.Choice(NORMALIZATIONS),
    help="Compare options by this in place of their sums of log-probabilities.",
)
@click.option(
    "--flips",
    "shown",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How many answers that changed to print of each model.",
)
@options.printed_form(_FORMATS)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write comparison.json, .csv, .md, .tex and flips.jsonl, with all answers that changed.",
)
@options.module
@options.wide
@click.pass_context
def command(
    ctx: click.Context,
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    held_out: tuple[str, ...],
    trained_on: tuple[str, ...],
    common: bool,
    normalize: str | None,
    shown: int,
    form: str,
    out: Path | None,
    wide: bool,
) -> None:
    """Compares evaluations B, C, ... with A: directories of `flan eval`.

    Answers are paired example by example and must be to the same prompts. A change has an interval
    (bootstrap over passages) and a p (McNemar's exact test, sign flips, or the jackknife),
    corrected for the number of datasets (Holm).
    """
    from flan_tasks.jobs.compare import compare

    result = compare(
        folders,
        names=names,
        held_out=held_out,
        trained_on=trained_on,
        common=common,
        normalize=normalize,
        progress=options.progress,
    )
    options.end_progress()
    for line in result.settings:
        options.warn(f"a setting differs: {line}")
    if result.left_out:
        options.warn(f"not in all of them, so left out: {', '.join(result.left_out)}")
    if result.unchecked:
        files = counted(result.unchecked, "file")
        options.warn(f"not checked, as without a digest: {files} of answers")
    if out is not None:
        result.write(out)
    if form == "json":
        print_json(result.to_json())
    elif form != "text":
        click.echo(result.texts()[_FILES[form]], nl=False)
    else:
        _print(result, shown, wide=wide, roles_known=bool(trained_on), normalize=normalize)
        if out is not None:
            say(f"\neverything is in {out}")


def _print(
    result: "ModelComparison",
    shown: int,
    *,
    wide: bool,
    roles_known: bool,
    normalize: str | None,
) -> None:
    from flan_tasks.evaluation.comparison_tables import HELD_OUT, NEITHER
    from flan_tasks.evaluation.normalizing import NORMALIZED
    from flan_tasks.evaluation.summary import FEW

    for place, (caption, columns, lines) in enumerate(result.tables):
        if place:
            click.echo()
        print_wrapped(caption, bold=True)
        print_table(columns, lines, wide=wide, grouped=len(result.names) > 2)
    click.echo()
    print_wrapped(
        "95%: of the change, with other examples of these datasets; p: were there no difference, "
        f"corrected for {counted(len(result.changes[0]), 'dataset')}; no interval below {FEW} "
        "examples or passages"
    )
    roles = {mean.name for mean in result.gains[0]}
    if NEITHER in roles:
        print_wrapped(f"{NEITHER}: not trained on, not of a held-out cluster; a loss is forgetting")
    elif HELD_OUT in roles and not roles_known:
        print_wrapped("--trained-on tells what was trained on from what may be forgotten")
    for name, one in zip(result.names[1:], result.comparisons, strict=True):
        ways = Counter(flip.way for flip in one.flips)
        # The table above is of sums of log-probabilities where options were ranked, unless another
        # way was asked for.
        means = ways.pop(NORMALIZED, 0) if normalize is None else 0
        print_wrapped(
            f"{name}: {counted(ways.total(), 'answer')} changed in worth"
            + (f", and {means:,} by the mean of each token" if means else "")
            + ("" if shown or not one.flips else "; --flips N prints some, --out DIR writes all")
        )
        for flip in one.flips[:shown]:
            click.echo()
            print_wrapped(f"{flip.unit}, {flip.key}", bold=True)
            for label, text in (
                ("prompt", flip.prompt),
                ("right", flip.answer),
                (result.names[0], flip.predictions[0]),
                (name, flip.predictions[1]),
            ):
                print_wrapped(f"{label}: {for_line(text)}", indent="  ", wide=wide)
