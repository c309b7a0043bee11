"""A page for each cluster: every dataset with what it asks and a prompt, filled from its own rows.

Nothing here is written by hand: declarations, templates and embedded rows say it all. Texts are
shown as text, whatever is in them.
"""

import re

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.escaping import for_markdown, for_terminal
from flan_tasks.core.example import Example
from flan_tasks.core.render import render
from flan_tasks.core.template import FORWARD, INVERTED
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows.reading import read_examples
from flan_tasks.raw_rows.samples import SamplesSource


def dataset_pages() -> dict[str, str]:
    """Returns path -> page, one for each cluster of the collection."""
    found = catalog()
    return {f"prompts/{cluster}.md": _page(found, cluster) for cluster in found.clusters}


def fenced(text: str, language: str = "text") -> str:
    """Returns a block of code that shows a text to the letter, and which nothing in it can end."""
    text = for_terminal(text)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _title(cluster: str) -> str:
    """Returns the name of a cluster as a heading, such as "Closed book QA"."""
    words = [word.upper() if word in ("nli", "qa") else word for word in cluster.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def _page(found: Catalog, cluster: str) -> str:
    datasets = [found[name] for name in found.clusters[cluster]]
    parts = [
        f"# {_title(cluster)}",
        f"The prompts of `flan:mix.{cluster}`, one for each of its datasets, filled with the first "
        "embedded row. `flan show NAME --all` prints every template of one; "
        "[the table of datasets](../datasets.md) has sources, sizes and citations.",
    ]
    for dataset in datasets:
        parts += _dataset(found, dataset)
    return "\n\n".join(parts) + "\n"


def _dataset(found: Catalog, dataset: Dataset) -> list[str]:
    templates = found.templates(dataset.name)
    template = templates.of_kind(FORWARD)[0]
    filled = render(template, _first_example(found, dataset))
    about = [
        f"{len(templates.of_kind(FORWARD))} templates"
        + (f" and {len(turned)} inverted" if (turned := templates.of_kind(INVERTED)) else ""),
        f"metrics {', '.join(dataset.metrics)}",
        f"license {for_markdown(dataset.license)}",
    ]
    if dataset.part_of:
        about.insert(0, f"part of {dataset.part_of}")
    if not dataset.is_trained_on:
        about.append("evaluated only")
    return [
        f"## {dataset.name}",
        for_markdown(dataset.summary),
        f"*{'; '.join(about)}.*",
        f"`{dataset.name}.{template.id}`:",
        fenced(filled.inputs),
        "Target:",
        fenced(filled.targets),
    ]


def _first_example(found: Catalog, dataset: Dataset) -> Example:
    source = SamplesSource(dataset.name, found.samples(dataset.name))
    for split in dataset.splits.names:
        for _, results in read_examples(dataset, source, split):
            for result in results:
                if isinstance(result, Example):
                    return result
    raise LookupError(f"{dataset.name} has no embedded row that gives an example")
