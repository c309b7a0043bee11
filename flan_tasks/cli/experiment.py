"""`flan experiment`: experiments of the paper, one after the other, and what they come to."""

from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_table


@click.command(
    name="experiment",
    context_settings={"ignore_unknown_options": True},
    options_metavar="--out DIR [--gin.NAME=VALUE ...] [--dry_run]",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where results go.")
@click.option("--dry_run", "--dry-run", is_flag=True, help="Print the commands and stop.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="FILES...")
def command(out: Path, dry_run: bool, arguments: tuple[str, ...]) -> None:
    """Runs experiments: gin files, or the name of one of our series of them.

    Each builds a mixture, trains on it and scores what was held out, in OUT/NAME; what is done is
    not done again. OUT gets experiments.csv and experiments.svg of all of them. FILES are gin files
    such as runs/experiments/leave_out_nli.gin, or the beginning of several of their names
    (leave_out, num_clusters, num_templates, instructions); --gin.NAME=VALUE holds for all.
    """
    from flan_tasks.cli.experiment_step import run_step
    from flan_tasks.core.resources import folder
    from flan_tasks.datasets import catalog
    from flan_tasks.decontamination.matches import evaluation_side
    from flan_tasks.engine.directory import write_text
    from flan_tasks.evaluation.series import as_csv, draw_series
    from flan_tasks.experiments.points import run_experiment, steps
    from flan_tasks.metrics.libraries import require_libraries
    from flan_tasks.specs.experiment import Experiment
    from flan_tasks.specs.gin_files import load
    from flan_tasks.trainer.main import parse

    given = [one for one in arguments if one.startswith("--")]
    ours = sorted((folder("gin") / "runs" / "experiments").glob("*.gin"))
    files = [
        name
        for one in arguments
        if not one.startswith("--")
        for name in [str(path) for path in ours if path.name.startswith(f"{one}_")] or [one]
    ]
    if not files:
        raise click.UsageError("give gin files of experiments, or the name of a series")
    bindings = parse(["--gin_file", files[0], *given]).bindings
    found = [load([name], bindings, root=Experiment).run for name in files]
    if dry_run:
        for experiment in found:
            for step in steps(experiment, out):
                click.echo(step.command)
        return
    scored = {name for experiment in found for name in experiment.evaluate}
    require_libraries(d for name in sorted(scored) for d in evaluation_side(catalog(), name))
    points = []
    for number, experiment in enumerate(found, start=1):
        options.progress(f"{experiment.name} ({number} of {len(found)})")
        points.append(run_experiment(experiment, out, run=run_step))
        write_text(out / "experiments.csv", as_csv(points))
        write_text(out / "experiments.svg", draw_series(points))
    print_table(
        ["series", "point", "datasets", "mean"],
        [[p.series, p.point, len(p.scores), f"{p.mean:.1f}"] for p in points],
    )
    click.echo(f"\nresults: {out / 'experiments.csv'}, {out / 'experiments.svg'}")
