"""`flan sources`: for each dataset, whether its rows can be had and what it takes."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.datasets import catalog

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
    """Says for NAMES (datasets, clusters), or all, whether rows can be had; downloads nothing."""
    from flan_tasks.raw_rows import State, Status, alternatives, open_source

    found: list[dict[str, Any]] = []
    for name, dataset in _places(names).items():
        try:
            rows = open_source(
                dataset, kind=source, data_dir=data_dir, samples=catalog().samples(dataset.name)
            )
            status = rows.status()
        except SourceUnavailableError as error:
            status = Status(State.NOT_DECLARED, str(error).removeprefix(f"{dataset.name} "))
        except DeclarationError as error:  # files that contradict each other
            status = Status(State.GONE, str(error))
        state, detail = str(status.state), status.detail
        found.append(
            {
                "name": name,
                "cluster": dataset.cluster,
                "state": state,
                "detail": detail,
                "alternatives": list(alternatives(dataset)),
            }
        )
    if as_json:
        print_json({"sources": found})
        return
    if wide:
        print_table(
            ["cluster", "dataset", "state", _DETAIL, "or"],
            [
                [f["cluster"], f["name"], f["state"], f["detail"], "; ".join(f["alternatives"])]
                for f in found
            ],
            wide=True,
        )
    else:
        # What needs hands stands together, and last.
        states = [str(state) for state in State]
        ordered = sorted(found, key=lambda f: states.index(f["state"]))
        print_table(
            ["state", "dataset", _DETAIL],
            [
                [f["state"], f["name"], "; or ".join([f["detail"], *f["alternatives"]])]
                for f in ordered
            ],
            grouped=True,
        )
    counts = Counter(f["state"] for f in found)
    click.echo("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()))


def _places(names: tuple[str, ...]) -> dict[str, Dataset]:
    """Returns what a line shows -> a dataset of it; all members of a family have one place."""
    datasets = catalog().expand(names) if names else catalog().datasets
    members = Counter(dataset.family for dataset in datasets)
    places: dict[str, Dataset] = {}
    for dataset in datasets:
        number = members[dataset.family]
        folded = dataset.family and number > 1
        places.setdefault(
            f"{dataset.family} ({number:,} tasks)" if folded else dataset.name, dataset
        )
    if not names:
        for family in catalog().families.values():
            first = next(iter(family.members))
            places[f"{family.name} ({len(family.members):,} tasks)"] = family.task(first)
    return places
