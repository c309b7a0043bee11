"""`flan sources`: for each dataset, whether its rows are available and what it takes."""

from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table

_DETAIL = "what there is, or what to do"


@click.command(name="sources")
@click.argument("names", nargs=-1)
@options.source
@options.data_dir
@options.wide
@options.module
@options.as_json
def command(
    names: tuple[str, ...], source: str, data_dir: Path | None, wide: bool, as_json: bool
) -> None:
    """Says for NAMES (datasets, clusters), or all, if rows are available; downloads nothing."""
    from flan_tasks.jobs.sources import sources
    from flan_tasks.raw_rows import State

    states = sources(names, source=source, data_dir=data_dir)
    if as_json:
        print_json(states.to_json())
        return
    if wide:
        print_table(
            ["cluster", "dataset", "state", _DETAIL, "or"],
            [
                [one.cluster, one.name, one.state, one.detail, "; ".join(one.alternatives)]
                for one in states.sources
            ],
            wide=True,
        )
    else:
        # What needs hands stands together, and last.
        order = [str(state) for state in State]
        print_table(
            ["state", "dataset", _DETAIL],
            [
                [one.state, one.name, "; or ".join([one.detail, *one.alternatives])]
                for one in sorted(states.sources, key=lambda one: order.index(one.state))
            ],
            grouped=True,
        )
    click.echo("\n" + ", ".join(f"{count} {state}" for state, count in states.counts.items()))
