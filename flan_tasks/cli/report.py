"""`flan report`: what is in a build, as one HTML page or in the terminal."""

from pathlib import Path

import click

from flan_tasks.cli import options


@click.command(name="report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; by default FOLDER's name and -report.html, here.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Examples to sample evenly from the whole build; tasks with few of them get more.",
)
@click.option("--vocab", help="Vocabulary to show tokens by; by default that of the build.")
@click.option("--text", is_flag=True, help="Print tables here instead.")
@options.wide
def command(
    folder: Path, out: Path | None, examples: int, vocab: str | None, text: bool, wide: bool
) -> None:
    """Shows the build in FOLDER: shares, templates, lengths, sources, and its examples.

    Every build holds such a page already, report.html; this one may sample more.
    """
    if text:
        from flan_tasks.reports.make import read_build
        from flan_tasks.reports.terminal import print_report

        print_report(*read_build(folder, examples=examples, vocabulary=vocab), wide=wide)
        return
    from flan_tasks.jobs.report import report

    path = report(folder, out, examples=examples, vocab=vocab)
    click.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser")
