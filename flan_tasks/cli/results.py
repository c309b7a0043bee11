"""`flan results`: scores, answers and training as one HTML page."""

import click

from flan_tasks.cli import options
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.core.escaping import for_line
from flan_tasks.specs.results_spec import ResultsSpec


@click.command(name="results")
@spec_options(ResultsSpec)
def command(spec: ResultsSpec) -> None:
    """Shows evaluations and training runs in FOLDERS: scores, templates, classes, answers, curves.

    Every evaluation holds such a page already, results.html. With two it shows what changed.
    """
    from flan_tasks.jobs.results import results

    path = results(spec, progress=options.progress)
    options.end_progress()
    click.echo(f"{for_line(str(path))} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser")
