"""`flan infer`: answers to prompts of a file."""

import click

from flan_tasks.cli import options
from flan_tasks.cli.gin_command import GinCommand
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.core.counting import are, counted
from flan_tasks.specs.eval_config import InferSpec


@click.command(name="infer", cls=GinCommand)
@spec_options(InferSpec)
def command(spec: InferSpec) -> None:
    """Answers PROMPTS: JSON lines with a `prompt` or `inputs` each, or text with one a line.

    Lines come back with a `prediction`. With --gin_file runs/infer.gin the options are gin's.
    """
    _infer(spec)


@command.with_gin
def from_gin(arguments: tuple[str, ...]) -> None:
    """Answers what a gin file with T5X's names says, such as runs/infer.gin."""
    from flan_tasks.specs.gin_files import load
    from flan_tasks.trainer.main import parse

    given = parse(arguments)
    loaded = load(given.files, given.bindings, root=InferSpec)
    for note in loaded.notes:
        options.warn(note)
    if given.dry_run:
        click.echo(loaded.operative, nl=False)
    else:
        _infer(loaded.run)


def _infer(spec: InferSpec) -> None:
    from flan_tasks.cli.progress import AnswerProgress
    from flan_tasks.core.kept_memory import keep_freed_memory
    from flan_tasks.jobs.models import infer

    keep_freed_memory()
    watch = AnswerProgress()
    count = infer(spec, progress=watch, say=options.warn, note=watch.note)
    options.end_progress()
    click.echo(f"{counted(count, 'answer')} {are(count)} in {spec.output_path}")
