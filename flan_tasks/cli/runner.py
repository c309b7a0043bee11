"""Options that say who builds, which are the fields of `RunnerSpec`; none changes a byte."""

import functools
from typing import Any

import click

from flan_tasks.cli.spec_options import said_as_options
from flan_tasks.core.field_docs import field_docs
from flan_tasks.specs.runner_spec import BEAM, DASK, LOCAL, RunnerSpec

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


def runner_options(function: Any) -> Any:
    """Adds the options to a command, which gets them as `how`, a `RunnerSpec`."""

    @functools.wraps(function)
    def command(*args: Any, **values: Any) -> Any:
        names = ("workers", "runner", "scheduler", "beam_args", "worker_timeout")
        fields = {name: values.pop(name) for name in names}
        with said_as_options(RunnerSpec):
            how = RunnerSpec(**fields)
        return function(*args, how=how, **values)

    docs = field_docs(RunnerSpec)
    for option in (
        click.option(
            "--worker-timeout", type=float, metavar="SECONDS", help=docs["worker_timeout"]
        ),
        click.option(
            "--beam_args",
            "--beam-args",
            metavar="OPTIONS",
            help=docs["beam_args"],
        ),
        click.option("--scheduler", metavar="ADDRESS", help=docs["scheduler"]),
        click.option(
            "--runner",
            type=click.Choice((LOCAL, BEAM, DASK)),
            default=LOCAL,
            show_default=True,
            help=docs["runner"],
        ),
        click.option(
            "--workers", type=Workers(), default="1", show_default=True, help=docs["workers"]
        ),
    ):
        command = option(command)
    return command
