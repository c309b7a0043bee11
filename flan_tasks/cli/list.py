"""`flan list`: datasets, or mixtures with the share of each dataset and cluster."""

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_table, print_wrapped
from flan_tasks.core.dataset import FLAN_2021, Dataset
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import HuggingFace, Tfds, origin_name
from flan_tasks.core.part_tree import MARK
from flan_tasks.core.parts import EXAMPLES
from flan_tasks.core.template import FORWARD, INVERTED
from flan_tasks.datasets import catalog
from flan_tasks.jobs.shares import MixtureShares, named, shares


@click.command(name="list")
@click.argument("names", nargs=-1)
@click.option("--mixtures", is_flag=True, help="Show mixtures with rates and shares.")
@click.option("--suites", is_flag=True, help="Show benchmarks and the ways to ask them.")
@options.wide
@options.module
@options.as_json
def command(
    names: tuple[str, ...], mixtures: bool, suites: bool, wide: bool, as_json: bool
) -> None:
    """Lists datasets (of NAMES: datasets, clusters), or with --mixtures mixtures.

    Rates are from declared sizes; a build computes them from the rows at hand.
    """
    if suites:
        if mixtures:
            raise click.UsageError("give one of --mixtures and --suites")
        _print_suites(names, wide=wide, as_json=as_json)
    elif as_json:
        found = {"datasets": [_about(d) for d in _datasets(() if mixtures else names)]}
        if not names:
            found["families"] = [_about_family(family) for family in catalog().families.values()]
        found["mixtures"] = [shares(m).to_json() for m in _mixtures(names if mixtures else ())]
        print_json(found)
    elif mixtures:
        _print_mixtures(_mixtures(names), whole=bool(names), wide=wide)
    else:
        datasets = _datasets(names)
        _print_datasets(datasets, wide=wide)
        if not names:
            _print_families(wide=wide)
        texts = {
            f"{dataset.family or dataset.name}: {dataset.summary} {dataset.citation}": None
            for dataset in (datasets if names else ())
        }
        for text in texts:
            print_wrapped(text, wide=wide)


def _print_suites(names: tuple[str, ...], *, wide: bool, as_json: bool) -> None:
    import dataclasses

    from flan_tasks.suites.library import open_suite, suite_names
    from flan_tasks.suites.tables import suites_table
    from flan_tasks.suites.tasks import where_to_get

    suites = [open_suite(name)[0] for name in names or suite_names()]
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
        click.echo(where_to_get(suite))
    if not names:
        click.echo("`flan list --suites NAME` says where its files are from.")


def _datasets(names: tuple[str, ...]) -> tuple[Dataset, ...]:
    return catalog().expand(names) if names else catalog().datasets


def _mixtures(names: tuple[str, ...]) -> list[Mixture]:
    return [named(name) for name in names] if names else list(catalog().mixtures)


def _about(dataset: Dataset) -> dict:
    templates = catalog().templates(dataset.name)
    return {
        "name": dataset.name,
        "cluster": dataset.cluster,
        "part_of": dataset.part_of,
        "collection": dataset.collection,
        "source": _source_name(dataset),
        "license": dataset.license,
        "citation": dataset.citation,
        "options": list(dataset.options)
        if dataset.options
        else ("per example" if dataset.options_per_example else []),
        "forward": len(templates.of_kind(FORWARD)),
        "inverted": len(templates.of_kind(INVERTED)),
        "size": dict(dataset.size),
        "splits": list(dataset.splits.names),
        "summary": dataset.summary,
    }


def _about_family(family: Family) -> dict:
    templates = catalog().templates(family.name)
    sizes = [family.task(name).declared_rows("train") for name in family.members]
    return {
        "name": family.name,
        "tasks": len(family.members),
        "clusters": len(family.clusters),
        "collection": family.collection,
        "source": _source_name(family.shared),
        "license": family.license,
        "citation": family.citation,
        "forward": len(templates.of_kind(FORWARD)),
        "inverted": len(templates.of_kind(INVERTED)),
        "train_rows": sum(size or 0 for size in sizes),
        "summary": family.summary,
    }


def _print_families(*, wide: bool) -> None:
    """Prints a line for each family; its members are shown where it is named."""
    abouts = [_about_family(family) for family in catalog().families.values()]
    if not abouts:
        return
    click.echo()
    more = ["source"] if wide else []
    print_table(
        ["family", "tasks", "clusters", "train rows", "templates", "licence", *more],
        [
            [
                about["name"],
                f"{about['tasks']:,}",
                f"{about['clusters']}",
                f"{about['train_rows']:,}",
                f"{about['forward']}+{about['inverted']}",
                about["license"],
                *([about["source"]] if wide else []),
            ]
            for about in abouts
        ],
        wide=wide,
    )
    print_wrapped(f"`flan list {abouts[0]['name']}` shows the tasks of a family.", wide=wide)


def _source_name(dataset: Dataset) -> str:
    origin = dataset.source
    if isinstance(origin, Tfds):
        return f"tfds {origin.name}"
    return f"hf {origin_name(origin)}" if isinstance(origin, HuggingFace) else "files"


def _print_datasets(datasets: tuple[Dataset, ...], *, wide: bool) -> None:
    rows = []
    for dataset in datasets:
        about = _about(dataset)
        size = dataset.declared_rows("train")
        train = f"{size:,}" if size else "0" if not dataset.is_trained_on else "-"
        row = [
            about["cluster"],
            about["name"] + ("" if catalog().is_default(dataset) else " *"),
            train,
            f"{about['forward']}+{about['inverted']}",
            about["license"],
        ]
        rows.append([*row, about["source"], about["part_of"] or ""] if wide else row)
    more = ["source", "part of"] if wide else []
    print_table(
        ["cluster", "dataset", "train rows", "templates", "licence", *more],
        rows,
        wide=wide,
        grouped=True,
    )
    parents = {dataset.parent for dataset in datasets if dataset.collection == FLAN_2021}
    click.echo()
    members = sum(bool(dataset.family) for dataset in datasets)
    what = f"{len(datasets) - members} datasets and parts, {len(parents)} of the 62"
    if members:
        what = f"{members:,} tasks of families" + (f", {what}" if members < len(datasets) else "")
    notes = [f"{what}; templates are forward+inverted."]
    if not all(dataset.is_trained_on for dataset in datasets):
        notes.append("With 0 train rows a dataset is evaluated only.")
    if any(not catalog().is_default(dataset) for dataset in datasets):
        notes.append("* is in no default mixture.")
    if not wide:
        notes.append("--wide adds sources, and what is part of what.")
    print_wrapped(" ".join(notes), wide=wide)


def _print_mixtures(mixtures: list[Mixture], *, whole: bool, wide: bool) -> None:
    for mixture in mixtures:
        about = shares(mixture)
        trained = [one for one in about.datasets if not one.evaluated_only]
        print_wrapped(f"{mixture.name}: {mixture.description}", wide=wide)
        held = f"; held out: {', '.join(about.held_out)}" if about.held_out else ""
        text = f"{len({one.name for one in trained})} datasets and parts to train on{held}"
        print_wrapped(text, indent="  ", wide=wide)
        if about.parts:
            _print_parts(about, whole=whole, wide=wide)
            continue
        for cluster, share in about.clusters.items():
            click.echo(f"  {cluster:32s} {share:7.2%}")
            for one in trained if whole else ():
                if one.cluster == cluster:
                    note = "" if one.size_declared else "  (size not declared)"
                    click.echo(f"    {one.name:30s} {one.share:7.2%}  rate {one.rate:>8,.1f}{note}")
        click.echo()
    if not whole:
        click.echo("`flan list --mixtures NAME` shows each dataset's rate and share.")


def _print_parts(about: MixtureShares, *, whole: bool, wide: bool) -> None:
    """Prints a mixture with parts as a tree: shares of all, the datasets under their part."""
    for part in about.parts:
        depth = part.path.count(MARK)
        name = "  " * depth + part.path.rsplit(MARK, 1)[-1]
        click.echo(f"  {name:36s} {part.share:7.2%}  weight {part.weight:g}")
        for one in about.datasets if whole else ():
            if one.part == part.path and not one.evaluated_only:
                note = "" if one.size_declared else "  (size not declared)"
                indented = "  " * (depth + 1) + one.name
                click.echo(f"  {indented:36s} {one.share:7.2%}  rate {one.rate:>8,.1f}{note}")
    if about.weights != EXAMPLES:
        text = (
            f"Shares are of {about.weights.replace('_', ' ')}; of rows a build says them, which "
            "measures how long they are."
        )
        print_wrapped(text, indent="  ", wide=wide)
    click.echo()
