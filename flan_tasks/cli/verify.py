"""`flan verify`: compares a built directory with its manifest, or a store with its checksums."""

import json
from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.address_options import PathOrAddress
from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.counting import counted

_DEFAULT = "default"


@click.command(name="verify")
@click.argument("folder", type=PathOrAddress(), required=False)
@click.option(
    "--store",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[DIR]",
    help="Check the examples kept in DIR, by default those of FLAN_TASKS_STORE.",
)
@options.as_json
def command(folder: Path | Address | None, store: str | None, as_json: bool) -> None:
    """Checks every file, hash and count of the build in FOLDER, or at an address."""
    if folder is None and store is None:
        raise click.UsageError("name the FOLDER of a build, or give --store")
    found: dict[str, object] = {"ok": True}
    lines = []
    if folder is not None:
        from flan_tasks.jobs.verify import verify

        build = verify(folder)
        found |= {"examples": build.examples, "files": build.files}
        lines.append(
            f"{folder}: {counted(build.files, 'file')} and {counted(build.examples, 'example')} "
            "are what the manifest says"
        )
    if store is not None:
        from flan_tasks.jobs.verify import verify_store

        kept = verify_store(None if store == _DEFAULT else path_or_address(store))
        found |= {"stored": kept.files, "without_checksum": list(kept.without_checksum)}
        lines.append(f"{kept.folder}: of its files {kept.files} are what was stored")
        if older := len(kept.without_checksum):
            lines.append(f"not checked, as they are older than checksums: {older}")
    click.echo(json.dumps(found) if as_json else "\n".join(lines))
