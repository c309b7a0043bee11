"""Options that say where shards are built; none of them changes a byte of the build."""

import shlex
from typing import Any

import click

# What `--workers` takes for every core.
ALL_CORES = ("all", "0")


class Workers(click.ParamType):
    """A number of processes, or `all`."""

    name = "workers"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        if value.lower() in ALL_CORES:
            from flan_tasks.engine.workers import available_cores

            return available_cores()
        if not value.isascii() or not value.isdecimal():
            self.fail(f"{value!r}: wanted a number of processes, or all", param, ctx)
        return int(value)


def runner_options(command: Any) -> Any:
    """Adds `--workers`, `--runner` and `--beam_args` to a command."""
    for option in (
        click.option(
            "--beam_args",
            "--beam-args",
            metavar="OPTIONS",
            help='Pipeline options for Beam, as "--runner=FlinkRunner --parallelism=64".',
        ),
        click.option(
            "--runner", type=click.Choice(("local", "beam")), default="local", show_default=True
        ),
        click.option(
            "--workers",
            type=Workers(),
            default="1",
            show_default=True,
            help="Local processes that read rows and build shards; all or 0: one for each core.",
        ),
    ):
        command = option(command)
    return command


def chosen_runner(workers: int, runner: str, beam_args: str | None) -> dict[str, Any]:
    """Returns what `build` needs to know of the options.

    Raises:
      UsageError: they do not go together.
      DeclarationError: Beam is not installed.
    """
    if runner == "local":
        if beam_args is not None:
            raise click.UsageError("--beam_args is for --runner beam")
        return {"workers": workers}
    if workers != 1:
        raise click.UsageError(
            "--workers is for --runner local; with Beam say it in --beam_args, as "
            '"--direct_num_workers=2 --direct_running_mode=multi_processing"'
        )
    from flan_tasks.engine.run_beam import Beam

    try:
        words = shlex.split(beam_args or "")
    except ValueError as error:
        raise click.UsageError(f"--beam_args {beam_args!r}: {error}") from error
    return {"map_shards": Beam(words)}
