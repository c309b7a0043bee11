"""`flan gin-from-t5x`: a gin file of T5X's, as one of ours."""

from pathlib import Path

import click

from flan_tasks.cli import options


@click.command(name="gin-from-t5x")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Prints FILE, a gin file for T5X, as one that runs here.

    Lines that mean nothing here are left as comments that say why. If any line cannot be
    translated, all of these are named with what to write instead, and the exit code is 1. `flan
    train`, `eval` and `infer` read FILE itself in the same way.
    """
    from flan_tasks.specs.gin_statements import find
    from flan_tasks.specs.t5x_gin import translation

    path = find(str(file))
    translated = translation([path], is_t5x=True)
    if translated is None or path not in translated.files:
        options.warn(f"{file} is a file of ours already")
        return
    click.echo(f"# From {file}, for `flan {translated.kind} --gin_file THIS_FILE`.")
    click.echo(translated.files[path].text, nl=False)
    for note in (*translated.notes, *(f"{at}: {why}" for at, why in translated.reasons.items())):
        options.warn(note)
