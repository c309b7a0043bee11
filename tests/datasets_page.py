"""docs/datasets.md, made from the declarations."""

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import FLAN_2021, Dataset
from flan_tasks.core.origin import HuggingFace, Tfds, origin_name
from flan_tasks.core.template import FORWARD, INVERTED


def datasets_page(catalog: Catalog) -> str:
    """Returns the page: a table for each cluster, then what overlaps with what."""
    datasets = catalog.datasets
    parents = {d.parent for d in datasets if d.collection == FLAN_2021}
    lines = [
        "# Datasets",
        "",
        "Made from the declarations by `pytest --update-golden`; edit those, not this page.",
        "",
        f"{len(parents)} datasets of FLAN 2021 in "
        f"{len({d.cluster for d in datasets if d.collection == FLAN_2021})} clusters, as "
        f"{sum(d.collection == FLAN_2021 for d in datasets)} tasks, and "
        f"{sum(d.collection != FLAN_2021 for d in datasets)} further ones that stand in no default "
        "mixture (*). Train rows are those declared for the pinned version, less what is carved "
        "for validation and test; a build reads at most 30,000 of a dataset. Templates are forward "
        "+ inverted. `flan sources` says what is available on your machine.",
        "",
    ]
    for cluster, names in catalog.clusters.items():
        lines += [f"## {cluster}", ""]
        lines += [
            "| dataset | asks | source | access | train rows | options | metrics | templates "
            "| license |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [_row(catalog, catalog[name]) for name in names]
        lines.append("")
    lines += ["## Shared text", "", "Followed transitively by mixtures with `drop_overlaps`.", ""]
    lines += [f"- {d.name}: {', '.join(d.overlaps)}" for d in datasets if d.overlaps]
    lines += ["", "## Citations", ""]
    lines += [f"- {d.name}: {d.citation}" for d in datasets]
    return "\n".join(lines) + "\n"


def _row(catalog: Catalog, dataset: Dataset) -> str:
    templates = catalog.templates(dataset.name)
    rows = dataset.declared_rows("train")
    cells = [
        dataset.name
        + ("" if dataset.collection == FLAN_2021 else " *")
        + (f" (part of {dataset.part_of})" if dataset.part_of else ""),
        dataset.summary,
        _source(dataset),
        _status(dataset),
        "evaluated only" if not dataset.is_trained_on else f"{rows:,}" if rows else "not declared",
        ", ".join(dataset.options) or ("per example" if dataset.options_per_example else ""),
        ", ".join(dataset.metrics),
        f"{len(templates.of_kind(FORWARD))} + {len(templates.of_kind(INVERTED))}",
        dataset.license,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _source(dataset: Dataset) -> str:
    origin = dataset.source
    if isinstance(origin, Tfds):
        return f"TFDS `{origin.name}`"
    if isinstance(origin, HuggingFace):
        return f"Hugging Face `{origin_name(origin)}`"
    return ", ".join(f"`{path}`" for path in dict.fromkeys(origin.paths.values()))


def _status(dataset: Dataset) -> str:
    origin = dataset.source
    found = "downloads"
    if isinstance(origin, Tfds) and origin.gone:
        found = f"gone: {origin.gone}"
    elif origin.manual:
        found = f"manual: {origin.manual}"
    others = [
        f"`{origin_name(other.origin)}`" + ("" if other.tested else " (untested)")
        for other in dataset.alternatives
        if isinstance(other.origin, (HuggingFace, Tfds))
    ]
    return found + (f"; or {', '.join(others)}" if others else "")
