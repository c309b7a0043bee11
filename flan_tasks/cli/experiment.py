"""`flan experiment`: studies with factors and seeds, points of the paper, and what they come to."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_table, print_wrapped
from flan_tasks.core.escaping import for_line

if TYPE_CHECKING:
    from flan_tasks.experiments.results import Results
    from flan_tasks.experiments.runs import Run
    from flan_tasks.specs.study import Study

# What a study comes to.
_FILES = ("results.md", "results.json", "results.svg")
_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Budget(click.ParamType):
    """A time, as 90s, 6m or 1h30m."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Returns seconds."""
        found = _TIME.fullmatch(str(value))
        if found is None or not any(found.groups()):
            self.fail(f"{value!r} is no time; write 90s, 6m or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return float(3600 * hours + 60 * minutes + seconds)


@click.command(
    name="experiment",
    context_settings={"ignore_unknown_options": True},
    options_metavar=(
        "--out DIR [--budget TIME] [--status] [--set KEY=VALUE] [--gin.NAME=VALUE ...] [--dry_run]"
    ),
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where results go.")
@click.option("--dry_run", "--dry-run", is_flag=True, help="Print the commands and stop.")
@click.option(
    "--budget",
    type=Budget(),
    metavar="TIME",
    help="Of a study: begin only runs that will end within so long, as 90s, 6m or 1h30m.",
)
@click.option("--status", is_flag=True, help="Of a study: print how far it is, and stop.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of a study: TOML laid over its file, such as train.TRAIN_STEPS=500; may be given again.",
)
@click.option(
    "--pretrained",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Of a study: where what runs begin from lies, for several studies; by default in OUT.",
)
@options.data_dir
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="FILES...")
def command(
    out: Path,
    dry_run: bool,
    budget: float | None,
    status: bool,
    changes: tuple[str, ...],
    pretrained: Path | None,
    data_dir: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Runs a study, or experiments of the paper, and says what they come to.

    A study is a TOML file of yours, or one of ours (wordings, clusters, num_clusters, options,
    inverted, adapters): it says what is varied, and every combination is built, trained and scored
    with every seed, the runs that say most first. What is done is kept by the hash of what it was
    told, and not done again; the same command started twice shares the runs. OUT gets results.md,
    results.json, results.svg and runs.csv.

    Experiments of the paper are gin files such as runs/experiments/leave_out_nli.gin, or the
    beginning of several of their names (leave_out, num_clusters, num_templates, instructions). OUT
    gets experiments.csv and experiments.svg. --gin.NAME=VALUE holds for all training runs.
    """
    from flan_tasks.core.configuration import configure
    from flan_tasks.trainer.main import parse

    macros = [one for one in arguments if one.startswith("--")]
    names = [one for one in arguments if not one.startswith("--")]
    if not names:
        raise click.UsageError("give a study, gin files of experiments, or the name of a series")
    bindings = parse(["--gin_file", names[0], *macros]).bindings
    if data_dir is not None:
        configure(data_dir=data_dir)
    study = _study(names, changes)
    if study is not None:
        from flan_tasks.experiments.runs import plan_runs

        # All of them first: what is wrong with the last is not to be told after hours of the rest.
        runs = plan_runs(study, out, bindings, pretrained=pretrained)
        _run_study(study, runs, out, dry_run=dry_run, status=status, budget=budget)
        return
    if status or budget is not None or changes or pretrained:
        what = "--status, --budget, --set and --pretrained"
        raise click.UsageError(f"{what} are of studies; these are gin files")
    _run_points(names, out, bindings, dry_run=dry_run)


def _study(names: Sequence[str], changes: Sequence[str]) -> "Study | None":
    """Returns the study that is named; None where gin files are.

    Raises:
      DeclarationError: its file cannot be read.
      UsageError: it is named beside something else.
    """
    from flan_tasks.specs.study import FILE, published_studies, read_study

    published = published_studies()
    files = [Path(name) for name in names if name.endswith(FILE)]
    files += [published[name] for name in names if name in published]
    if not files:
        return None
    if len(names) > 1:
        raise click.UsageError(f"{files[0]} is a study, which is run by itself")
    return read_study(files[0], changes)


def _run_study(
    study: "Study",
    runs: "Sequence[Run]",
    out: Path,
    *,
    dry_run: bool,
    status: bool,
    budget: float | None,
) -> None:
    from flan_tasks.cli.experiment_here import do_here
    from flan_tasks.core.counting import counted
    from flan_tasks.core.kept_memory import keep_freed_memory
    from flan_tasks.datasets import catalog
    from flan_tasks.decontamination.matches import evaluation_side
    from flan_tasks.experiments.queue import work
    from flan_tasks.metrics.libraries import require_libraries

    if dry_run:
        for run in runs:
            for step in run.steps:
                click.echo(step.command)
        return
    if status:
        _print(study, runs)
        return
    keep_freed_memory()
    scored = {name for arm in study.arms for name in arm.study.evaluate}
    require_libraries(d for name in sorted(scored) for d in evaluation_side(catalog(), name))
    options.read_quietly()

    left = work(
        runs,
        out,
        do=do_here,
        told=options.warn,
        after=lambda: _write(study, runs, out),
        budget=budget,
    )
    _print(study, runs)
    _write(study, runs, out)
    click.echo(f"\nresults in {for_line(str(out))}: {', '.join(_FILES)}")
    if left:
        click.echo(f"{counted(len(left), 'run')} left; the same command goes on", err=True)


def _print(study: "Study", runs: "Sequence[Run]") -> None:
    """Prints how far runs are, and what those that are done come to."""
    from flan_tasks.core.counting import duration
    from flan_tasks.experiments.queue import states
    from flan_tasks.experiments.results import legend, tables

    rows = [
        [one.run.name, one.state, "" if one.seconds is None else duration(one.seconds)]
        for one in states(runs)
    ]
    print_table(["run", "state", "time"], rows)
    results = _results(study, runs)
    if results is None:
        return
    click.echo()
    print_wrapped(study.question, bold=True)
    for caption, columns, lines in tables(results):
        click.echo()
        print_wrapped(caption)
        click.echo()
        print_table(columns, lines, grouped=True)
    click.echo()
    for line in legend(results):
        print_wrapped(line)


def _write(study: "Study", runs: "Sequence[Run]", out: Path) -> None:
    """Writes what the runs that are done come to."""
    from flan_tasks.engine.directory import write_text
    from flan_tasks.experiments.picture import draw
    from flan_tasks.experiments.results import as_markdown

    results = _results(study, runs)
    if results is None:
        return
    text = json.dumps(results.to_json(), indent=1, ensure_ascii=False) + "\n"
    for name, content in zip(_FILES, (as_markdown(results), text, draw(results)), strict=True):
        write_text(out / name, content)


def _results(study: "Study", runs: "Sequence[Run]") -> "Results | None":
    from flan_tasks.experiments.queue import read_result
    from flan_tasks.experiments.results import results_of

    scored = [run for run in runs if run.is_scored]
    return results_of(study, [found for run in scored if (found := read_result(run)) is not None])


def _run_points(
    names: Sequence[str], out: Path, bindings: Sequence[tuple[str, str]], *, dry_run: bool
) -> None:
    """Runs experiments of the paper, and draws what they come to."""
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

    ours = sorted((folder("gin") / "runs" / "experiments").glob("*.gin"))
    files = [
        file
        for name in names
        for file in [str(path) for path in ours if path.name.startswith(f"{name}_")] or [name]
    ]
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
