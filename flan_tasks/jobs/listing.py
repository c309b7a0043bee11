"""What is declared: the facts of each dataset and family, as `flan list` prints them.

An installed package has those of what is published in a file, which setup.py has this module write
when a wheel is built; so a list needs neither the declarations nor the templates. In a checkout,
where they may change, they are read.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what takes longer to import than the file to read
    from flan_tasks.core.catalog import Catalog
    from flan_tasks.core.dataset import Dataset
    from flan_tasks.core.family import Family

PUBLISHED = Path(__file__).resolve().parent.parent / "datasets" / "published.json"


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """One dataset, or one task of a family."""

    name: str
    """Its name."""
    cluster: str
    """The ability it tests."""
    part_of: str | None
    """The dataset it is one part of; None where it stands for itself."""
    of_the_62: str
    """The dataset of FLAN's 62 that it is, or is a part of; empty for others."""
    family: str
    """The family it is a task of; empty for a dataset by itself."""
    collection: str
    """What it was published in."""
    in_default_mixtures: bool
    """Whether the mixtures of its collection have it."""
    source: str
    """Where its rows come from."""
    license: str
    """Its license."""
    citation: str
    """A line that finds the paper."""
    options: Sequence[str] | str
    """Its answers; "per example" where each example has its own."""
    forward: int
    """Number of templates that ask for the answer."""
    inverted: int
    """Number of templates that hold it."""
    size: Mapping[str, int]
    """Source split -> rows, as declared."""
    splits: Sequence[str]
    """Those of train, validation and test it has."""
    train_rows: int | None
    """Rows of train by the declared size; None where that is not declared."""
    summary: str
    """What it asks, in one line."""


@dataclass(frozen=True, kw_only=True)
class FamilyFacts:
    """One family, without its tasks."""

    name: str
    """Its name."""
    tasks: int
    """Number of its tasks."""
    clusters: int
    """Number of clusters they lie in."""
    languages: int
    """Number of languages of their texts."""
    collection: str
    """What it was published in."""
    source: str
    """Where its rows come from."""
    license: str
    """License of tasks that state none."""
    citation: str
    """A line that finds the paper."""
    forward: int
    """Number of templates that ask for the answer."""
    inverted: int
    """Number of templates that hold it."""
    train_rows: int
    """Rows of train, of the tasks whose size is declared."""
    summary: str
    """What its tasks ask, in one line."""


@dataclass(frozen=True)
class Listing:
    """Datasets by cluster and name, and families by name."""

    datasets: tuple[DatasetFacts, ...]
    """Datasets."""
    families: tuple[FamilyFacts, ...] = ()
    """Families; their tasks are not among the datasets."""


def listing(names: Iterable[str] = (), *, own: bool = True) -> Listing:
    """Returns the facts of what is declared.

    Args:
      names: of datasets, clusters, families and their tasks; none means all datasets and families.
      own: whether a user's datasets and families may have been added.

    Raises:
      UnknownNameError: a name is none of these.
      DeclarationError: the index of a family is malformed.
    """
    if names := tuple(names):
        from flan_tasks.datasets import catalog

        return Listing(tuple(_dataset(catalog(), dataset) for dataset in catalog().expand(names)))
    if not PUBLISHED.exists():
        return _declared(own=None)
    published = _read(PUBLISHED)
    if not own:
        return published
    added = _declared(own=True)
    return Listing(
        tuple(sorted(published.datasets + added.datasets, key=lambda d: (d.cluster, d.name))),
        tuple(sorted(published.families + added.families, key=lambda family: family.name)),
    )


def write_published() -> None:
    """Writes the facts of what is published into this package, which is then to be installed."""
    from flan_tasks.core import whole

    text = json.dumps(dataclasses.asdict(_declared(own=False)), ensure_ascii=False, indent=0)
    whole.write_text(PUBLISHED, text + "\n")


def _read(path: Path) -> Listing:
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Listing(
        tuple(DatasetFacts(**values) for values in facts["datasets"]),
        tuple(FamilyFacts(**values) for values in facts["families"]),
    )


def _declared(*, own: bool | None) -> Listing:
    """Facts from declarations: of users' alone, of published ones alone, or of both."""
    from flan_tasks.datasets import catalog

    every = catalog()
    return Listing(
        tuple(_dataset(every, d) for d in every.datasets if own in (None, every.is_own(d.name))),
        tuple(
            _family(every, family)
            for family in every.families.values()
            if own in (None, every.is_own(family.name))
        ),
    )


def _dataset(catalog: "Catalog", dataset: "Dataset") -> DatasetFacts:
    from flan_tasks.core.dataset import FLAN_2021

    options = dataset.options or ("per example" if dataset.options_per_example else ())
    return DatasetFacts(
        name=dataset.name,
        cluster=dataset.cluster,
        part_of=dataset.part_of,
        of_the_62=dataset.parent if dataset.collection == FLAN_2021 else "",
        family=dataset.family,
        collection=dataset.collection,
        in_default_mixtures=catalog.is_default(dataset),
        source=_source(dataset),
        license=dataset.license,
        citation=dataset.citation,
        options=options,
        **_templates(catalog, dataset.name),
        size=dict(dataset.size),
        splits=dataset.splits.names,
        train_rows=dataset.declared_rows("train"),
        summary=dataset.summary,
    )


def _family(catalog: "Catalog", family: "Family") -> FamilyFacts:
    from flan_tasks.core.outline import outline

    counts = outline(family)
    return FamilyFacts(
        name=family.name,
        tasks=counts.tasks,
        clusters=len(counts.clusters),
        languages=len(counts.languages),
        collection=family.collection,
        source=_source(family.shared),
        license=family.license,
        citation=family.citation,
        **_templates(catalog, family.name),
        train_rows=counts.train_rows,
        summary=family.summary,
    )


def _templates(catalog: "Catalog", name: str) -> dict[str, Any]:
    from flan_tasks.core.template import KINDS

    templates = catalog.templates(name)
    return {kind: len(templates.of_kind(kind)) for kind in KINDS}


def _source(dataset: "Dataset") -> str:
    from flan_tasks.core.origin import HuggingFace, Tfds, origin_name

    origin = dataset.source
    if isinstance(origin, Tfds):
        return f"tfds {origin.name}"
    return f"hf {origin_name(origin)}" if isinstance(origin, HuggingFace) else "files"
