"""`flan build`: a mixture into a directory of shards, with what is in it before and after."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options
from flan_tasks.cli.address_options import PathOrAddress
from flan_tasks.cli.build_tables import (
    print_after,
    print_before,
    print_lengths,
    print_overlaps,
    print_vocabulary,
    print_warnings,
)
from flan_tasks.cli.runner import runner_options
from flan_tasks.cli.spec_options import said_as_options, spec_options
from flan_tasks.cli.table import print_wrapped, say
from flan_tasks.core.address import Address
from flan_tasks.core.environment import VOCAB
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.runner_spec import LOCAL, RunnerSpec

if TYPE_CHECKING:
    from flan_tasks.engine.runner import Runner
    from flan_tasks.jobs.build import PlannedBuild

# Written with TensorFlow, which the workers import where there are several.
_TENSORFLOW_FORMATS = ("tfrecord", "packed-tfrecord", "arrayrecord", "seqio-cache")
_VOCAB = (
    "bytes, t5, a SentencePiece model, a tokenizer.json, or a folder with one; formats with ids "
    f"need one (default {VOCAB}, or t5), text formats then count tokens."
)


@click.command(name="build")
@click.option(
    "--out",
    type=PathOrAddress(),
    metavar="DIR",
    help="Directory to build: new or empty; or an address of one, as s3://bucket/folder.",
)
@spec_options(BuildSpec, helps={"vocab": _VOCAB, "report": "Write no report.html."})
@runner_options
@click.option("--dry-run", is_flag=True, help="Print what would be built and stop.")
@click.option("--explain", is_flag=True, help="Say why stored examples are read anew.")
@options.wide
@options.as_json
def command(
    spec: BuildSpec,
    out: Path | Address | None,
    how: RunnerSpec,
    dry_run: bool,
    explain: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Builds MIXTURE: a mixture, cluster or dataset by name, or a TOML file of yours."""
    from flan_tasks.engine.runners import runner_of
    from flan_tasks.jobs.build import check_out, explain_store

    if out is None and not dry_run:
        raise click.UsageError("--out DIR is needed (or --dry-run)")
    with said_as_options(RunnerSpec):
        runner = runner_of(how)
    if out is not None and not dry_run:
        check_out(out)
    if explain:
        for line in explain_store(spec):
            say(f"store: {line}", err=True)
    planned = plan_with_tables(spec, runner=runner, wide=wide, quietly=as_json)
    if dry_run:
        if as_json:
            found = {"tasks": planned.tasks, "examples": planned.examples}
            too_small = dict(planned.prepared.too_small)
            left_out = {"too_small": too_small} if too_small else {}
            click.echo(json.dumps({**found, "missing": dict(planned.missing), **left_out}))
        return
    assert out is not None
    write_with_tables(planned, out, how=how, runner=runner, wide=wide, as_json=as_json)


def plan_with_tables(
    spec: BuildSpec, *, runner: "Runner | None" = None, wide: bool = False, quietly: bool = False
) -> "PlannedBuild":
    """Plans a build, and prints what is going to be built unless `quietly`.

    Args:
      spec: what is asked for.
      runner: who reads rows that the store does not have; None is this process.
      wide: whether tables have a line for each row.
      quietly: whether nothing is printed.
    """
    from flan_tasks.engine.folded import folded_reasons
    from flan_tasks.jobs.build import plan_build

    options.read_quietly()
    with said_as_options(BuildSpec):
        planned = plan_build(spec, runner=runner, reading=options.progress, opened=print_vocabulary)
    options.end_progress()
    if not quietly:
        refused = {dataset.name: dataset.license for dataset in planned.refused}
        for names, license in folded_reasons(refused):
            print_wrapped(f"{names}: left out by its license ({license})", wide=wide)
        print_overlaps(planned.overlaps)
        print_before(planned, wide=wide)
        if planned.length_choices:
            print_lengths(planned, wide=wide)
    return planned


def write_with_tables(
    planned: "PlannedBuild",
    out: Path | Address,
    *,
    how: RunnerSpec | None = None,
    runner: "Runner | None" = None,
    wide: bool = False,
    as_json: bool = False,
) -> None:
    """Writes a build, and prints how far it is and what came of it.

    Args:
      planned: the build.
      out: its directory.
      how: who builds, as it was asked for; None is this process.
      runner: who that is; None is this process.
      wide: whether tables have a line for each row.
      as_json: whether the manifest is printed in their place.
    """
    from flan_tasks.cli.progress import BuildProgress

    is_here = how is None or (how.runner, how.workers) == (LOCAL, 1)
    is_new = isinstance(out, Address) or not out.exists()
    if planned.spec.format in _TENSORFLOW_FORMATS and is_here and is_new:
        options.import_tensorflow_quietly()  # it will be, and its lines belong to nobody
    built = planned.write(out, runner=runner, progress=BuildProgress())
    options.end_progress()
    if as_json:
        click.echo(json.dumps({"out": str(out), "was_there": built.was_there, **built.manifest}))
        print_warnings(built.warnings)
    else:
        print_after(built, wide=wide)
