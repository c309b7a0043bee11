"""`flan verify`: compares a built directory with its manifest."""

import json
from pathlib import Path

import click

from flan_tasks.cli import options


@click.command(name="verify")
@click.argument("folder", type=click.Path(path_type=Path))
@options.as_json
def command(folder: Path, as_json: bool) -> None:
    """Checks every file, hash and count of the build in FOLDER."""
    from flan_tasks.build.directory import verify

    manifest = verify(folder)
    if as_json:
        found = {"ok": True, "examples": manifest["examples"], "files": len(manifest["files"])}
        click.echo(json.dumps(found))
    else:
        click.echo(
            f"{folder}: {len(manifest['files'])} files and {manifest['examples']:,} examples are "
            "what the manifest says"
        )
