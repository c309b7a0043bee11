"""What is declared: the facts of each dataset and family, as `flan list` prints them.

An installed package has those of what is published in two files, which setup.py has this module
write when a wheel is built; so a list needs neither the declarations nor the templates. In a
checkout, where they may change, they are read.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what takes longer to import than the file to read
    from flan_tasks.core.catalog import Catalog
    from flan_tasks.core.dataset import Dataset
    from flan_tasks.core.family import Family
    from flan_tasks.core.origin import Origin

PUBLISHED = Path(__file__).resolve().parent.parent / "datasets" / "published.json"
# Beside it: the tasks of each family, a file that is read where a family is named alone.
_TASKS = "published_tasks.json"


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
        tasks = None if own else _published_tasks(names)
        if tasks is not None:
            return Listing(tasks)
        from flan_tasks.datasets import catalog

        return Listing(_named(catalog(), names))
    if not PUBLISHED.exists():
        return _declared(own=None)
    published = _read(PUBLISHED)
    if not own:
        return published
    added = _declared(own=True)
    return Listing(
        _by_cluster(published.datasets + added.datasets),
        tuple(sorted(published.families + added.families, key=lambda family: family.name)),
    )


def write_published() -> None:
    """Writes the facts of what is published into this package, which is then to be installed."""
    from flan_tasks.core import whole

    text = json.dumps(dataclasses.asdict(_declared(own=False)), ensure_ascii=False, indent=0)
    whole.write_text(PUBLISHED, text + "\n")
    from flan_tasks.datasets import catalog

    every = catalog()
    families = [family for family in every.families.values() if not every.is_own(family.name)]
    tasks = {family.name: _without_repeats(_members(every, family)) for family in families}
    text = json.dumps(tasks, ensure_ascii=False, indent=0)
    whole.write_text(PUBLISHED.with_name(_TASKS), text + "\n")


def _without_repeats(facts: Sequence[DatasetFacts]) -> dict[str, Any]:
    """What most tasks of a family have, once, and of each task what differs from it."""
    tasks = [dataclasses.asdict(one) for one in facts]
    texts = [{name: json.dumps(value) for name, value in task.items()} for task in tasks]
    usual = {name: Counter(one[name] for one in texts).most_common(1)[0][0] for name in texts[0]}
    return {
        "usual": {name: json.loads(text) for name, text in usual.items()},
        "tasks": [
            {name: value for name, value in task.items() if text[name] != usual[name]}
            for task, text in zip(tasks, texts, strict=True)
        ],
    }


def _published_tasks(names: Iterable[str]) -> tuple[DatasetFacts, ...] | None:
    """Facts of the tasks of published families; None where a name is another, or in a checkout."""
    path = PUBLISHED.with_name(_TASKS)
    if not path.exists():
        return None
    families = json.loads(path.read_text(encoding="utf-8"))
    if not families.keys() >= set(names):
        return None
    return _by_cluster(
        DatasetFacts(**(families[name]["usual"] | task))
        for name in dict.fromkeys(names)
        for task in families[name]["tasks"]
    )


def _by_cluster(facts: Iterable[DatasetFacts]) -> tuple[DatasetFacts, ...]:
    return tuple(sorted(facts, key=lambda one: (one.cluster, one.name)))


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


def _named(catalog: "Catalog", names: Iterable[str]) -> tuple[DatasetFacts, ...]:
    """Facts of what names mean; of a family's tasks from its index, without building them."""
    chosen: dict[str, DatasetFacts] = {}
    for name in names:
        # Another may have the name of one of its clusters.
        family = catalog.families.get(name)
        if family is not None:
            found = _members(catalog, family)
        else:
            found = [_dataset(catalog, dataset) for dataset in catalog.expand([name])]
        chosen |= {facts.name: facts for facts in found}
    return _by_cluster(chosen.values())


def _members(catalog: "Catalog", family: "Family") -> list[DatasetFacts]:
    """What `_dataset` says of each task of a family that its name means."""
    from flan_tasks.core.dataset import FLAN_2021
    from flan_tasks.core.naming import MEMBER_MARK

    counts: dict[tuple[str, ...], dict[str, int]] = {}
    found = []
    for member in family.members.values():
        if not member.in_default_mixtures:
            continue
        name = f"{family.name}{MEMBER_MARK}{member.name}"
        if member.templates not in counts:
            counts[member.templates] = catalog.template_kinds(name)
        splits = family.splits_of(member)
        source = family.source if family.tables is None else family.tables.table(member).source
        found.append(
            DatasetFacts(
                name=name,
                cluster=member.cluster,
                part_of=None,
                of_the_62=name if family.collection == FLAN_2021 else "",
                family=family.name,
                collection=family.collection,
                in_default_mixtures=family.collection == catalog.collection,
                source=_source(source),
                license=member.license or family.license,
                citation=member.citation or family.citation,
                options=(
                    "per example" if family.options_per_example and member.has_options else ()
                ),
                **counts[member.templates],
                size=dict(member.size),
                splits=splits.names,
                train_rows=splits.declared_rows("train", member.size),
                summary=family.summary,
            )
        )
    return found


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
        source=_source(dataset.source),
        license=dataset.license,
        citation=dataset.citation,
        options=options,
        **catalog.template_kinds(dataset.name),
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
        source=_source(family.source),
        license=family.license,
        citation=family.citation,
        **catalog.template_kinds(family.name),
        train_rows=counts.train_rows,
        summary=family.summary,
    )


def _source(origin: "Origin") -> str:
    from flan_tasks.core.origin import HuggingFace, Tfds, origin_name

    if isinstance(origin, Tfds):
        return f"tfds {origin.name}"
    return f"hf {origin_name(origin)}" if isinstance(origin, HuggingFace) else "files"
