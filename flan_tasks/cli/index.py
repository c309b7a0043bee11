"""`flan index`: the index of a family from a folder of task files."""

from collections import Counter
from pathlib import Path

import click

from flan_tasks.cli.table import print_json, say
from flan_tasks.core.counting import are, counted
from flan_tasks.core.errors import DeclarationError


@click.command(name="index")
@click.argument("family")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder that has task files, itself or in a folder `tasks`, as a checkout of "
    "allenai/natural-instructions has.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; by default FAMILY.index.jsonl in the current folder.",
)
@click.option("--replace", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(family: str, data_dir: Path, out: Path | None, replace: bool, as_json: bool) -> None:
    """Writes a line of facts for each task in --data-dir, and nothing of its text.

    The facts are names, clusters, languages, sizes, licenses, sources and overlaps, and the
    official splits where they lie beside the tasks. FAMILY is the name of the family whose index
    it is to be.
    """
    from flan_tasks.core import whole
    from flan_tasks.core.family_index import write_index
    from flan_tasks.core.naming import check_dataset_name
    from flan_tasks.drafts.task_index import index_folder

    if problems := list(check_dataset_name(family)):
        raise DeclarationError(f"family {family}: " + "; ".join(problems))
    path = out or Path(f"{family}.index.jsonl")
    if path.exists() and not replace:
        raise DeclarationError(f"{path} is there already; --replace writes over it")
    members = index_folder(data_dir)
    whole.write_text(path, write_index(members))
    clusters = Counter(member.cluster for member in members)
    languages = {code for member in members for code in member.languages}
    rows = sum(sum(member.size.values()) for member in members)
    unread = sum(not member.size for member in members)
    if as_json:
        print_json(
            {
                "file": str(path),
                "tasks": len(members),
                "clusters": len(clusters),
                "languages": len(languages),
                "rows": rows,
                "without_file": unread,
            }
        )
        return
    say(
        f"wrote {path}: {counted(len(members), 'task')} in {counted(len(clusters), 'cluster')} and "
        f"{counted(len(languages), 'language')}, {counted(rows, 'row')}"
    )
    if unread:
        say(f"{unread:,} of them {are(unread)} listed without a file, so that sizes are not known")
