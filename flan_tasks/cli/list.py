"""`flan list`: datasets, or mixtures with the share of each dataset and cluster."""

import click

from flan_tasks.cli import list_options
from flan_tasks.cli.table import print_json, print_table, print_wrapped
from flan_tasks.core.counting import counted
from flan_tasks.jobs.listing import DatasetFacts, FamilyFacts, listing


@click.command(name="list")
@click.argument("names", nargs=-1)
@click.option("--mixtures", is_flag=True, help="Show mixtures with rates and shares.")
@click.option("--suites", is_flag=True, help="Show benchmarks and the ways to ask them.")
@list_options.wide
@list_options.module
@list_options.as_json
def command(
    names: tuple[str, ...], mixtures: bool, suites: bool, wide: bool, as_json: bool
) -> None:
    """Lists datasets (of NAMES: datasets, clusters), or with --mixtures mixtures.

    Rates are from declared sizes; a build computes them from the rows that are available.
    """
    if suites:
        if mixtures:
            raise click.UsageError("give one of --mixtures and --suites")
        _print_suites(names, wide=wide, as_json=as_json)
    elif as_json:
        _print_as_json(names, mixtures)
    elif mixtures:
        from flan_tasks.cli.mixture_shares import mixtures_of, print_mixtures

        print_mixtures(mixtures_of(names), whole=bool(names), wide=wide)
    else:
        listed = listing(names, own=bool(list_options.modules()))
        _print_datasets(listed.datasets, wide=wide)
        if listed.families:
            _print_families(listed.families, wide=wide)
        texts = {
            f"{dataset.family or dataset.name}: {dataset.summary} {dataset.citation}": None
            for dataset in (listed.datasets if names else ())
        }
        for text in texts:
            print_wrapped(text, wide=wide)


def _print_as_json(names: tuple[str, ...], mixtures: bool) -> None:
    from flan_tasks.cli.mixture_shares import mixtures_of

    listed = listing(() if mixtures else names, own=bool(list_options.modules()))
    value = {"datasets": [vars(facts) for facts in listed.datasets]}
    if not names:
        value["families"] = [vars(facts) for facts in listed.families]
    value["mixtures"] = [about.to_json() for about in mixtures_of(names if mixtures else ())]
    print_json(value)


def _print_suites(names: tuple[str, ...], *, wide: bool, as_json: bool) -> None:
    import dataclasses

    from flan_tasks.suites.declared import PROTOCOL_MARK
    from flan_tasks.suites.library import named_suite, open_suite, suite_names
    from flan_tasks.suites.tables import suites_table
    from flan_tasks.suites.tasks import where_to_get

    for name in (one for one in names if PROTOCOL_MARK in one):
        open_suite(name)
    suites = [named_suite(name) for name in names or suite_names()]
    if as_json:
        print_json({"suites": [dataclasses.asdict(suite) for suite in suites]})
        return
    print_table(*suites_table(suites), wide=wide, grouped=True)
    click.echo()
    for suite in suites if names else ():
        print_wrapped(f"{suite.name}: {suite.description} {suite.citation}", wide=wide)
        for protocol in suite.protocols:
            note = f" {protocol.note}" if protocol.note else ""
            print_wrapped(f"{suite.name}@{protocol.name}: {protocol.source}.{note}", wide=wide)
        for part in suite.parts:
            print_wrapped(f"part {part.name}: {part.suite}, {part.average}", wide=wide)
        for what in suite.lacks:
            print_wrapped(f"not here: {what}", wide=wide)
        click.echo(where_to_get(suite))
    if not names:
        click.echo("`flan list --suites NAME` says where its files are from.")


def _print_families(families: tuple[FamilyFacts, ...], *, wide: bool) -> None:
    """Prints a line for each family; its members are shown where it is named."""
    click.echo()
    more = ["source"] if wide else []
    print_table(
        ["family", "tasks", "clusters", "train rows", "templates", "license", *more],
        [
            [
                family.name,
                f"{family.tasks:,}",
                f"{family.clusters}",
                f"{family.train_rows:,}",
                f"{family.forward}+{family.inverted}",
                family.license,
                *([family.source] if wide else []),
            ]
            for family in families
        ],
        wide=wide,
    )
    print_wrapped(f"`flan list {families[0].name}` shows the tasks of a family.", wide=wide)


def _print_datasets(datasets: tuple[DatasetFacts, ...], *, wide: bool) -> None:
    rows = []
    for dataset in datasets:
        size = dataset.train_rows
        train = f"{size:,}" if size else "-" if "train" in dataset.splits else "0"
        row = [
            dataset.cluster,
            dataset.name + ("" if dataset.in_default_mixtures else " *"),
            train,
            f"{dataset.forward}+{dataset.inverted}",
            dataset.license,
        ]
        rows.append([*row, dataset.source, dataset.part_of or ""] if wide else row)
    more = ["source", "part of"] if wide else []
    print_table(
        ["cluster", "dataset", "train rows", "templates", "license", *more],
        rows,
        wide=wide,
        grouped=True,
    )
    of_the_62 = {dataset.of_the_62 for dataset in datasets} - {""}
    click.echo()
    members = sum(bool(dataset.family) for dataset in datasets)
    alone = len(datasets) - members
    what = f"{counted(alone, 'dataset or part', 'datasets and parts')}, {len(of_the_62)} of the 62"
    if members:
        tasks = counted(members, "task of a family", "tasks of families")
        what = tasks + (f", {what}" if alone else "")
    notes = [f"{what}; templates are forward+inverted."]
    if not all("train" in dataset.splits for dataset in datasets):
        notes.append("With 0 train rows a dataset is evaluated only.")
    if not all(dataset.in_default_mixtures for dataset in datasets):
        notes.append("* is in no default mixture.")
    if not wide:
        notes.append("--wide adds sources, and what is part of what.")
    print_wrapped(" ".join(notes), wide=wide)
