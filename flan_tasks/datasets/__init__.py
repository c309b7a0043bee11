"""The declared datasets, one module for each cluster; a module's name is its cluster's.

Families, whose members lie in clusters of their own, have a module each.
"""

import copy
import dataclasses
import importlib
import pkgutil
from functools import cache, partial

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import FLAN_2021, Dataset
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.resources import folder

_FLAN_2022, _WITHOUT = "flan2022", "without."
# Modules that declare families.
_FAMILIES = ("benchmarks", "natural_instructions", "p3")


@cache
def catalog() -> Catalog:
    """The one catalog of this process; `flan_tasks.add` adds to it."""
    found = Catalog(collection=FLAN_2021)
    templates, samples = folder("templates"), folder("samples")
    for cluster in clusters():
        module = importlib.import_module(f"{__name__}.{cluster}")
        for dataset in vars(module).values():
            if isinstance(dataset, Dataset):
                rows = samples / cluster / f"{dataset.samples_file}.jsonl"
                found.add(
                    _versioned(dataset),
                    cluster=cluster,
                    templates=templates / cluster / f"{dataset.template_file}.toml",
                    samples=rows if rows.exists() else None,
                )
    for module_name in _FAMILIES:
        for family in vars(importlib.import_module(f"{__name__}.{module_name}")).values():
            if isinstance(family, Family):
                # A family of many tables has a folder of them.
                kind = ".jsonl" if family.tables is None else ""
                rows = samples / "families" / f"{family.name}{kind}"
                found.add_family(
                    dataclasses.replace(family, version=family.version or 1),
                    templates=templates / "families" / f"{family.name}.toml",
                    samples=rows if rows.exists() else None,
                )
    for path in sorted(folder("mixtures").glob("*.toml")):
        found.add_mixture_file(path)
        name = path.name.removesuffix(".toml")
        if name.startswith(_WITHOUT):
            whole = f"{_FLAN_2022}.{name}"
            found.add_derived_mixture(whole, partial(_also_without, found, _FLAN_2022, name))
    return found


def _versioned(dataset: Dataset) -> Dataset:
    """Returns a dataset with its version; the first need not be stated, as most have no other."""
    dataset = copy.copy(dataset)  # whose checks were made when it was built
    vars(dataset)["version"] = dataset.version or 1
    return dataset


def _also_without(found: Catalog, collection: str, without: str) -> Mixture:
    """Returns a collection without what a mixture holds out, in each of its parts.

    Other parts hold the same texts as tasks of their own: SNLI's are in chain of thought, in
    Natural Instructions and in P3, so what overlaps with the held-out datasets is left out as well.
    """
    whole, mixture = found.mixture(collection), found.mixture(without)
    what = without.removeprefix(_WITHOUT)
    return dataclasses.replace(
        whole,
        name=f"{collection}.{without}",
        description=f"{collection} without {what} and what shares text with it, in every part.",
        exclude=mixture.exclude,
        hold_out=mixture.hold_out,
        drop_overlaps=True,
    )


def clusters() -> tuple[str, ...]:
    """Names of the clusters that have a module here; modules with an underscore are parts."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(n for n in found if not n.startswith("_") and n not in _FAMILIES))


def names() -> tuple[str, ...]:
    """Names of all datasets, by cluster."""
    return tuple(dataset.name for dataset in catalog().datasets)


def get(name: str) -> Dataset:
    """Returns a dataset by name.

    Raises:
      UnknownNameError: there is none; the nearest names are given.
    """
    return catalog()[name]
