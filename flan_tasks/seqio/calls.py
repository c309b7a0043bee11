"""What users call for SeqIO: tasks and mixtures as objects, registered or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import PromptSpec
from flan_tasks.datasets import catalog

if TYPE_CHECKING:
    import seqio


def task(
    name: str,
    *,
    template: str | None = None,
    rank: bool = False,
    seed: int = 0,
    source: str | None = None,
    data_dir: str | Path | Mapping[str, str | Path] | None = None,
    vocab: str | Path | None = None,
    register_as: str | None = None,
    **prompts: Any,
) -> seqio.Task:
    """Returns a SeqIO task for one dataset, unregistered unless `register_as` names it.

    Args:
      name: the dataset, or a task in full, "rte.hence", "flan:rte.hence.rank" or
        "niv2:task1344_glue_entailment_classification.definition_above".
      template: id of one template, for evaluation; None draws among several, for training.
      rank: whether each option becomes an example to be scored; needs `template`, or prompts
        without instruction.
      seed: what the draws depend on where `get_dataset` is called without a seed.
      source: kind of source; None is what `configure` or the environment say.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, parents,
        clusters and kinds of source to theirs, where `all` is for the rest.
      vocab: bytes, t5, or a path.
      register_as: a name of your own, e.g. "my:rte"; SeqIO's Evaluator and T5X want names.
      **prompts: the fields of `PromptSpec`, such as `shots=5`, `options=False`,
        `option_order="shuffled"`, `templates=["hence"]` or `kinds=["forward"]`.

    Raises:
      UnknownNameError: no such dataset, template or argument.
      DeclarationError: arguments contradict each other.
    """
    from flan_tasks.core.configuration import resolve

    with extras.needed_for("A SeqIO task"):
        from flan_tasks.seqio.task import Prompts, make_task, register

    asked = catalog().task_name(name)
    if template and asked.template and template != asked.template:
        raise DeclarationError(f'{name}: template="{template}" is another; leave one of them out')
    made = make_task(
        asked.dataset,
        prompts=Prompts(
            template=template or asked.template or None,
            variation=PromptSpec.from_json(prompts).variation,
            rank=rank or asked.is_rank,
        ),
        seed=seed,
        configuration=lambda: resolve(source=source, data_dir=data_dir, vocab=vocab),
        name_as=register_as,
    )
    return register(made) if register_as else made


def mixture(
    name: str,
    *,
    seed: int = 0,
    source: str | None = None,
    data_dir: str | Path | Mapping[str, str | Path] | None = None,
    vocab: str | Path | None = None,
    allow_missing: bool = False,
    register_as: str | None = None,
    **settings: Any,
) -> seqio.Mixture:
    """Returns a SeqIO mixture, unregistered unless `register_as` names it.

    Args:
      name: a published mixture, dataset or cluster; or a new name, with a declaration.
      seed: what the draws depend on where `get_dataset` is called without a seed.
      source: kind of source; None is what `configure` or the environment say.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, parents,
        clusters and kinds of source to theirs, where `all` is for the rest.
      vocab: bytes, t5, or a path.
      allow_missing: go on without datasets whose rows are not available.
      register_as: a name of your own, e.g. "my:no_nli".
      **settings: fields of `Mixture`, such as `exclude=["nli"]` or `cap=1_000`, which replace those
        of the published mixture or declare a new one; and of `PromptSpec`, such as `shots=5`.
        `kinds` are the mixture's, which are those drawn among.

    Raises:
      UnknownNameError: the declaration names something unknown, or an argument is none.
      DeclarationError: it cannot work.
    """
    from flan_tasks.core.configuration import resolve

    with extras.needed_for("A SeqIO mixture"):
        from flan_tasks.seqio.planned_mixture import make_mixture
        from flan_tasks.seqio.task import register

    declared = {part.name for part in dataclasses.fields(Mixture)} - {"name"}
    prompts = {part.name for part in dataclasses.fields(PromptSpec)}
    for key in settings:
        if key not in declared | prompts:
            raise unknown_name("argument of mixture", key, declared | prompts)
    fields = {
        key: _as_tuple(value)
        for key, value in settings.items()
        if key in declared and value is not None
    }
    how = {key: value for key, value in settings.items() if key not in declared}
    made = make_mixture(
        _declared(name, fields),
        seed=seed,
        configuration=lambda: resolve(source=source, data_dir=data_dir, vocab=vocab),
        allow_missing=allow_missing,
        variation=PromptSpec.from_json(how).variation,
        name_as=register_as,
    )
    return register(made) if register_as else made


def _declared(name: str, fields: dict[str, Any]) -> Mixture:
    """Returns a published mixture with some fields replaced, or a new one."""
    if fields and not catalog().knows(name):
        return Mixture(name=name, **fields)
    return dataclasses.replace(catalog().mixture(name), **fields)


def _as_tuple(value: Any) -> Any:
    # A lone text stays one, for the declaration to refuse: its letters are no names.
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return tuple(value) if several else value
