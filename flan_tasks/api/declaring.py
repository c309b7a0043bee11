"""Declarations from Python: datasets, families and mixtures of yours, and templates."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

from flan_tasks.core.arguments import Arguments
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.template import TemplateSet
from flan_tasks.datasets import catalog

OWN_CLUSTER = "own"
A = TypeVar("A", bound=Dataset | Family | Mixture)


def templates(name: str) -> TemplateSet:
    """Returns the templates of a dataset.

    Raises:
      UnknownNameError: there is no such dataset.
      TemplateError: its template file is malformed.
    """
    if not isinstance(name, str):
        raise Arguments("templates").refuse("name", name, "the name of a dataset")
    return catalog().templates(name)


def add(
    item: A,
    *,
    templates: str | Path | None = None,
    cluster: str = OWN_CLUSTER,
    samples: str | Path | None = None,
) -> A:
    """Adds a dataset, family or mixture of yours, so that every command and SeqIO know it by name.

    Its templates are linted when they are used by `flan lint`, and read here, so that a malformed
    file is known at once.

    Args:
      item: the declaration.
      templates: for a dataset or family, its template file.
      cluster: for a dataset, the ability it tests; an existing cluster or one of your own. Members
        of a family have theirs in its index.
      samples: for a dataset, a JSONL file of embedded rows, `{"split": ..., "row": {...}}` a line;
        for a family, with the task of each, `{"task": ..., "split": ..., "row": {...}}`.

    Raises:
      DeclarationError: the name is taken, or a dataset or family comes without templates.
      TemplateError: the template file is malformed.
    """
    if not isinstance(item, Dataset | Family | Mixture):
        want = "a Dataset, a Family or a Mixture"
        raise Arguments("add").refuse("item", item, want)
    if isinstance(item, Mixture):
        if templates is not None or samples is not None:
            raise DeclarationError(
                f'mixture "{item.name}": templates and samples belong to datasets'
            )
        added: Dataset | Family | Mixture = catalog().add_mixture(item)
    else:
        kind = "family" if isinstance(item, Family) else "dataset"
        if templates is None:
            raise DeclarationError(f'{kind} "{item.name}": give templates=, its template file')
        # Before adding: one that fails can be added again.
        catalog().read_templates(Path(templates), shown=str(templates))
        place = Path(samples) if samples is not None else None
        if isinstance(item, Family):
            if cluster != OWN_CLUSTER:
                raise DeclarationError(
                    f'family "{item.name}": clusters are those of its members, in its index'
                )
            added = catalog().add_family(
                item, templates=Path(templates), samples=place, shown=str(templates), own=True
            )
        else:
            added = catalog().add(
                item,
                cluster=cluster,
                templates=Path(templates),
                samples=place,
                shown=str(templates),
                own=True,
            )
    _register_late(added)
    return cast(A, added)


def _register_late(item: Dataset | Family | Mixture) -> None:
    """Registers an addition with SeqIO where `flan_tasks.registration` is imported already."""
    import sys

    registration = sys.modules.get("flan_tasks.registration")
    if registration is not None:
        registration.register_item(item)
