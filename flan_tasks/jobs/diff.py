"""What differs between two builds, or two mixtures."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.part_tree import MARK, part_tree
from flan_tasks.datasets import catalog
from flan_tasks.engine.local_copy import local_folder
from flan_tasks.jobs.shares import MixtureShares, shares
from flan_tasks.reports.compare import Difference, Side, compare, side_of_build
from flan_tasks.reports.part_changes import with_declared


class NotComparableError(DeclarationError):
    """Two things are not of one kind, or a path is neither."""

    exit_code = 2


def diff(a: str | os.PathLike | Mixture, b: str | os.PathLike | Mixture) -> Difference:
    """Returns what differs between two builds, or two mixtures.

    Args:
      a, b: builds, by directory or address; or mixtures, each by name, as a TOML file or declared.

    Raises:
      DeclarationError: one is a build and the other a mixture, or a path is neither.
      UnknownNameError: there is no such mixture.
      BuildError: a directory is no complete build.
    """
    sides = _side(a), _side(b)
    if (sides[0].folder is None) != (sides[1].folder is None):
        build = next(side for side in sides if side.folder)
        raise NotComparableError(
            f"{build.name} is a build and the other a mixture; give two of one kind"
        )
    return compare(*sides)


def _side(item: str | os.PathLike | Mixture) -> Side:
    if isinstance(item, Mixture):
        return _side_of_mixture(item.name, item)
    name = os.fspath(item)
    path = path_or_address(name)
    if isinstance(path, Address):
        return replace(side_of_build(local_folder(path)), name=name)
    if path.is_dir():
        return side_of_build(path)
    if len(path.parts) > 1 and path.suffix != ".toml":
        raise NotComparableError(
            f"{name} is no directory; wanted a build, or a mixture by its name"
        )
    mixture = read_mixture(path) if path.suffix == ".toml" else catalog().mixture(name)
    return _side_of_mixture(name, mixture)


def _side_of_mixture(name: str, mixture: Mixture) -> Side:
    by_share = shares(mixture)
    trained = [one for one in by_share.datasets if not one.evaluated_only]
    tasks = {f"{one.part}{MARK}{one.name}".strip(MARK): asdict(one) for one in trained}
    templates = {
        task: {t.id: t.texts for t in catalog().templates(one["name"]).of_kind(*mixture.kinds)}
        for task, one in tasks.items()
    }
    settings = mixture.to_json()
    declared = settings.pop("parts", ())
    del settings["name"]
    return Side(name, settings, tasks, templates, parts=_parts(mixture, by_share, declared))


def _parts(
    mixture: Mixture, by_share: MixtureShares, declared: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Returns part -> weight, share, tasks, how its prompts are made and what is declared."""
    if not mixture.parts:
        return {}
    prompts = {
        leaf.path: {**leaf.prompts, "fewest_shots": leaf.fewest_shots}
        for leaf in part_tree(mixture, catalog()).leaves
    }
    names: dict[str, set[str]] = {one.path: set() for one in by_share.parts}
    for one in by_share.datasets:
        path = one.part
        while path and not one.evaluated_only:
            names[path].add(one.name)
            path = path.rpartition(MARK)[0]
    facts = {
        one.path: {
            **prompts.get(one.path, {}),
            **{"weight": one.weight, "share": one.share, "tasks": len(names[one.path])},
        }
        for one in by_share.parts
    }
    return with_declared(facts, declared)
