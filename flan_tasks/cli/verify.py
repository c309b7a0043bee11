"""`flan verify`: compares a built directory with its manifest, or a store with its checksums."""

import json
from pathlib import Path

import click

from flan_tasks.cli import options

_DEFAULT = "default"


@click.command(name="verify")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--store",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[DIR]",
    help="Check the examples kept in DIR, by default those of FLAN_TASKS_STORE.",
)
@options.as_json
def command(folder: Path | None, store: str | None, as_json: bool) -> None:
    """Checks every file, hash and count of the build in FOLDER."""
    if folder is None and store is None:
        raise click.UsageError("name the FOLDER of a build, or give --store")
    found: dict[str, object] = {"ok": True}
    lines = []
    if folder is not None:
        from flan_tasks.engine.directory import verify

        manifest = verify(folder)
        found |= {"examples": manifest["examples"], "files": len(manifest["files"])}
        lines.append(
            f"{folder}: {len(manifest['files'])} files and {manifest['examples']:,} examples are "
            "what the manifest says"
        )
    if store is not None:
        from flan_tasks.store.checksum import check
        from flan_tasks.store.store import default_store

        root = default_store() if store == _DEFAULT else Path(store)
        checked = check(root)
        found |= {"stored": checked.sound, "without_checksum": list(checked.without)}
        lines.append(f"{root}: of its files {checked.sound} are what was stored")
        if checked.without:
            lines.append(f"not checked, as they are older than checksums: {len(checked.without)}")
    click.echo(json.dumps(found) if as_json else "\n".join(lines))
