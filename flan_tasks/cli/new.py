"""`flan new`: a first draft of a dataset of one's own, that can be checked, shown and built."""

import shlex
from pathlib import Path

import click

from flan_tasks.cli.table import print_json, say
from flan_tasks.datasets import catalog


@click.command(name="new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["classification", "generation"]),
    help="Whether answers are among options. By default classification, or what the rows in "
    "--from look like.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Folder to write to; nothing in it is overwritten.",
)
@click.option(
    "--from",
    "rows",
    type=click.Path(path_type=Path),
    metavar="ROWS",
    help="File of rows that the draft is for (.jsonl, .json, .csv, .tsv, .parquet); it stays "
    "where it is. By default a dozen rows are written, to be replaced.",
)
@click.option("--answer", metavar="COLUMN", help="Column of the answer in these rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    name: str,
    kind: str | None,
    out: Path,
    rows: Path | None,
    answer: str | None,
    as_json: bool,
) -> None:
    """Writes a declaration, templates and rows of a new dataset NAME, to be changed to yours."""
    from flan_tasks.drafts.write import write_draft

    written = write_draft(name, out, catalog=catalog(), kind=kind, rows=rows, answer=answer)
    if as_json:
        print_json(
            {
                "files": [str(path) for path in written.files],
                "guessed": list(written.notes),
                "commands": list(written.commands),
            }
        )
        return
    for path in written.files:
        say(f"wrote {path}")
    if written.notes:
        say("\nGuessed from the rows, and written down to be changed:")
        for note in written.notes:
            say(f"  {note}")
    say("\nNext:")
    if out.resolve() != Path.cwd():
        say(f"  cd {shlex.quote(str(out))}")
    for line in written.commands:
        say(f"  {line}")
