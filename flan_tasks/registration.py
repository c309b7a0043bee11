"""Importing this module registers every published name with SeqIO.

`flan:<dataset>`, `flan:<dataset>.<template>`, `flan:<dataset>.<template>.rank`, `flan:<parent>` for
datasets in parts, `flan:<family>` and `flan:<family>:<member>`, and `flan:mix.<name>`. Those of one
template of a member are many thousands: `get_mixture_or_task` here registers them when they are
asked for. Bodies are built on first use: no row, vocabulary or metric library is opened before the
first `get_dataset`. What names read: `flan_tasks.configure`.
"""

import functools

from flan_tasks.core import extras
from flan_tasks.core.collecting import older_left_alone
from flan_tasks.core.configuration import current
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import unknown_name
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.naming import MEMBER_MARK, PREFIX, MixtureName, TaskName
from flan_tasks.core.outline import is_trained_on, member_names
from flan_tasks.core.template import FORWARD
from flan_tasks.datasets import catalog

with extras.needed_for("Registering with SeqIO"):
    import seqio

    from flan_tasks.seqio.planned_mixture import EngineMixture
    from flan_tasks.seqio.task import EngineTask, Prompts, make_task, register


@older_left_alone()
def register_all() -> None:
    """Registers every dataset, evaluation task and mixture of the catalog."""
    for dataset in catalog().datasets:
        register_item(dataset)
    for parent, parts in catalog().parents.items():
        if any(catalog()[part].is_trained_on for part in parts):
            _add_mixture(parent, name=str(TaskName(parent)))
    for family in catalog().families.values():
        register_item(family)
    published = set(catalog().mixture_names)
    for cluster, members in catalog().clusters.items():
        if cluster not in published and any(catalog()[name].is_trained_on for name in members):
            _add_mixture(cluster)
    for name in sorted(published):
        # Files are read when they are asked for; what is published has something to train on.
        if (mixture := catalog().mixture_if_read(name)) is not None:
            register_item(mixture)
        else:
            _add_mixture(name)


def register_item(item: Dataset | Family | Mixture) -> None:
    """Registers one dataset with its evaluation tasks, a family with its members, or one mixture.

    Members have one name each: `get_mixture_or_task` registers those of one template. What is only
    evaluated has no mixture.
    """
    if isinstance(item, Family):
        for member in member_names(item):
            _add_task(f"{item.name}{MEMBER_MARK}{member}", Prompts())
        if is_trained_on(item):
            _add_mixture(item.name, name=str(TaskName(item.name)))
        return
    if isinstance(item, Mixture):
        if any(dataset.is_trained_on for dataset in catalog().members(item)):
            _add_mixture(item.name)
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
        prompts = Prompts(template=asked.template or None, rank=asked.is_rank)
        register(make_task(asked.dataset, prompts=prompts, configuration=current))
    return seqio.TaskRegistry.get(str(asked))


def _add_task(name: str, prompts: Prompts) -> None:
    """Registers a task that is known to be right, of which nothing is looked up yet."""
    full = str(TaskName(name, prompts.template or "", prompts.rank))
    register(EngineTask(name=full, dataset_name=name, prompts=prompts, configuration=current))


def _add_mixture(declared_as: str, *, name: str | None = None) -> None:
    """Registers a mixture of the catalog, whose declaration is not looked up yet."""
    register(
        EngineMixture(
            name=name or str(MixtureName(declared_as)),
            declare=functools.partial(catalog().mixture, declared_as),
            tasks_of=_registered_tasks,
            configuration=current,
        )
    )


def _registered_tasks(declaration: Mixture) -> list[seqio.Task]:
    return [_registered_task(dataset.name) for dataset in catalog().members(declaration)]


@functools.cache
def _registered_task(name: str) -> seqio.Task:
    full = str(TaskName(name))
    if full in seqio.TaskRegistry.names():
        return seqio.TaskRegistry.get(full)
    # Whoever emptied the registry has mixtures from before, which need no names.
    return make_task(name, prompts=Prompts(), configuration=current)


register_all()
