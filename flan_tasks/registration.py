"""Importing this module registers every published name with SeqIO.

`flan:<dataset>`, `flan:<dataset>.<template>`, `flan:<dataset>.<template>.rank`, `flan:<parent>` for
datasets in parts, `flan:<family>` and `flan:<family>:<member>`, and `flan:mix.<name>`. Those of one
template of a member are many thousands: `get_mixture_or_task` here registers them when they are
asked for. Bodies are built on first use: no row, vocabulary or metric library is opened before the
first `get_dataset`. What names read: `flan_tasks.configure`.
"""

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from flan_tasks.core import extras
from flan_tasks.core.configuration import current
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import unknown_name
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.naming import PREFIX, TaskName
from flan_tasks.core.template import FORWARD
from flan_tasks.datasets import catalog

with extras.needed_for("Registering with SeqIO"):
    import seqio

    from flan_tasks.seqio.planned_mixture import make_mixture
    from flan_tasks.seqio.task import Prompts, make_task, register


@contextmanager
def _without_collection() -> Iterator[None]:
    """Nothing of what is registered is garbage: looking for some is a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_collection()
def register_all() -> None:
    """Registers every dataset, evaluation task and mixture of the catalog."""
    for dataset in catalog().datasets:
        register_item(dataset)
    for parent in catalog().parents:
        _add_mixture(catalog().mixture(parent), name=str(TaskName(parent)))
    for family in catalog().families.values():
        register_item(family)
    published = {mixture.name for mixture in catalog().mixtures}
    for cluster in catalog().clusters:
        if cluster not in published:
            _add_mixture(catalog().mixture(cluster))
    for mixture in catalog().mixtures:
        register_item(mixture)


def register_item(item: Dataset | Family | Mixture) -> None:
    """Registers one dataset with its evaluation tasks, a family with its members, or one mixture.

    Members have one name each: `get_mixture_or_task` registers those of one template.
    """
    if isinstance(item, Family):
        for member in item.members.values():
            _add_task(item.task(member.name).name, Prompts())
        _add_mixture(catalog().mixture(item.name), name=str(TaskName(item.name)))
        return
    if isinstance(item, Mixture):
        _add_mixture(item)
        return
    _add_task(item.name, Prompts())
    for template in catalog().templates(item.name).of_kind(FORWARD):
        _add_task(item.name, Prompts(template=template.id))
        if item.is_ranked:
            _add_task(item.name, Prompts(template=template.id, rank=True))


def get_mixture_or_task(name: str) -> seqio.Task | seqio.Mixture:
    """Returns what `seqio.get_mixture_or_task` does, and any other task by its name in full.

    `flan:FAMILY:MEMBER.TEMPLATE` and `flan:FAMILY:MEMBER.TEMPLATE.rank` are registered when they
    are first asked for here; from then on SeqIO knows them too.

    Raises:
      UnknownNameError: there is no such task or mixture.
      DeclarationError: the task has no options to rank.
    """
    if name in seqio.TaskRegistry.names() or name in seqio.MixtureRegistry.names():
        return seqio.get_mixture_or_task(name)
    if not name.startswith(PREFIX):
        known = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
        raise unknown_name("SeqIO task or mixture", name, known)
    asked = catalog().task_name(name)
    if str(asked) not in seqio.TaskRegistry.names():
        templates = catalog().templates(asked.dataset).of_kind(FORWARD)
        ids = [template.id for template in templates]
        if asked.template and asked.template not in ids:
            raise unknown_name(f"forward template of {asked.dataset}", asked.template, ids)
        _add_task(asked.dataset, Prompts(template=asked.template or None, rank=asked.is_rank))
    return seqio.TaskRegistry.get(str(asked))


def _add_task(name: str, prompts: Prompts) -> None:
    register(make_task(name, prompts=prompts, configuration=current))


def _add_mixture(declaration: Mixture, *, name: str | None = None) -> None:
    if not any(dataset.is_trained_on for dataset in catalog().members(declaration)):
        return  # test-only: its tasks are evaluated by their own names
    register(
        make_mixture(declaration, configuration=current, name_as=name, task_of=_registered_task)
    )


@functools.cache
def _registered_task(name: str) -> seqio.Task:
    return seqio.TaskRegistry.get(str(TaskName(name)))


register_all()
