"""`flan lint`: templates alone, together, and filled with sample rows and the user's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_wrapped, say
from flan_tasks.core.counting import counted
from flan_tasks.core.origin import SOURCE_KINDS

if TYPE_CHECKING:
    from flan_tasks.raw_rows.checked_rows import CheckedRows


@click.command(name="lint")
@click.argument("names", nargs=-1)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    help="Read rows from there. By default the embedded rows, and the files of datasets that "
    "declare files.",
)
@options.data_dir
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Rows of each split to read from a source.",
)
@click.option("--all-rows", is_flag=True, help="Read all of them.")
@options.module
@options.as_json
def command(
    names: tuple[str, ...],
    source: str | None,
    data_dir: Path | None,
    rows: int,
    all_rows: bool,
    as_json: bool,
) -> int:
    """Checks the templates of NAMES (datasets, clusters), or all, and the rows of own files.

    Rows are read as `flan build` reads them; the first ten that it would refuse are named. Exits
    with 1 where something is wrong; hints are no fault.
    """
    from flan_tasks.jobs.lint import lint

    options.read_quietly()
    result = lint(
        names,
        source=source,
        data_dir=data_dir,
        most=None if all_rows else rows,
        progress=options.progress,
    )
    options.end_progress()
    faults, hints = result.faults, result.hints
    if as_json:
        print_json(result.to_json())
        return 1 if faults else 0
    for finding in (*faults, *hints):
        say(str(finding))
    for name, checked in result.rows.items():
        print_wrapped(f"{name}: {_counts(checked)}")
    num_rows = sum(len(checked.examples) for checked in result.rows.values())
    of_sources = f" and {num_rows:,} read from sources" if result.rows else ""
    families = f" and {counted(result.families, 'family', 'families')}" if result.families else ""
    of_hints = f", {counted(len(hints), 'hint')}" if hints else ""
    print_wrapped(
        f"{counted(len(faults), 'finding')}{of_hints} in {counted(result.templates, 'template')} "
        f"of {counted(result.datasets, 'dataset')}{families}, each filled with its rows: "
        f"{result.samples:,} embedded{of_sources}.",
        err=bool(faults),
    )
    return 1 if faults else 0


def _counts(checked: "CheckedRows") -> str:
    part = " (the first of each split; --all-rows reads all)" if checked.is_part else ""
    text = f"{counted(checked.rows, 'row')} read{part}, {counted(checked.num_examples, 'example')}"
    if checked.skipped:
        reasons = ", ".join(f"{count:,} {why}" for why, count in checked.skipped.most_common())
        text += f", skipped: {reasons}"
    return text
