"""What users call for SeqIO: tasks and mixtures as objects, registered or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import variation_of
from flan_tasks.datasets import catalog

if TYPE_CHECKING:
    import seqio


def task(
    name: str,
    *,
    template: str | None = None,
    templates: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    shots: int = 0,
    options: bool = True,
    option_order: str = "fixed",
    num_templates: int | None = None,
    instructions: str = "full",
    rank: bool = False,
    seed: int = 0,
    source: str | None = None,
    data_dir: str | Path | None = None,
    vocab: str | Path | None = None,
    register_as: str | None = None,
) -> seqio.Task:
    """Returns a SeqIO task for one dataset, unregistered unless `register_as` names it.

    Args:
      name: the dataset.
      template: id of one template, for evaluation; None draws among several, for training.
      templates: ids to draw among; None means all of `kinds`.
      kinds: kinds to draw among; None means forward and inverted.
      shots: exemplars from train before each query, as many as fit into the inputs.
      options: whether prompts show the options.
      option_order: fixed, or shuffled for each example and epoch.
      num_templates: draw among the first so many; None means all.
      instructions: full, inputs_only (fields and options alone), or dataset_name (these after
        the name of the dataset).
      rank: whether each option becomes an example to be scored; needs `template`, or prompts
        without instruction.
      seed: what the draws depend on where `get_dataset` is called without a seed.
      source: kind of source; None is what `configure` or the environment say.
      data_dir: a prepared TFDS tree, or a folder of files.
      vocab: bytes, t5, or a path.
      register_as: a name of your own, e.g. "my:rte"; SeqIO's Evaluator and T5X want names.

    Raises:
      UnknownNameError: no such dataset or template.
      DeclarationError: arguments contradict each other.
    """
    from flan_tasks.core.configuration import resolve

    with extras.needed_for("A SeqIO task"):
        from flan_tasks.seqio.task import Prompts, make_task, register

    made = make_task(
        name,
        prompts=Prompts(
            template=template,
            variation=variation_of(
                shots=shots,
                options=options,
                option_order=option_order,
                num_templates=num_templates,
                instructions=instructions,
                templates=templates,
                kinds=kinds,
            ),
            rank=rank,
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
    data_dir: str | Path | None = None,
    vocab: str | Path | None = None,
    allow_missing: bool = False,
    shots: int = 0,
    options: bool = True,
    option_order: str = "fixed",
    num_templates: int | None = None,
    instructions: str = "full",
    templates: Sequence[str] | None = None,
    register_as: str | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    hold_out: Sequence[str] | None = None,
    drop_overlaps: bool | None = None,
    scheme: str | None = None,
    cap: int | None = None,
    cap_per: str | None = None,
    temperature: float | None = None,
    rates: Mapping[str, float] | None = None,
    kinds: Sequence[str] | None = None,
    limit: int | None = None,
) -> seqio.Mixture:
    """Returns a SeqIO mixture, unregistered unless `register_as` names it.

    Args:
      name: a published mixture, dataset or cluster; or a new name, with a declaration.
      seed: what the draws depend on where `get_dataset` is called without a seed.
      source: kind of source; None is what `configure` or the environment say.
      data_dir: a prepared TFDS tree, or a folder of files.
      vocab: bytes, t5, or a path.
      allow_missing: go on without datasets whose rows cannot be had.
      shots: exemplars from train before each query, as many as fit into the inputs.
      options: whether prompts show the options.
      option_order: fixed, or shuffled for each example and epoch.
      num_templates: draw among the first so many of each dataset's; None means all.
      instructions: full, inputs_only (fields and options alone), or dataset_name (these after
        the name of the dataset).
      templates: ids to draw among, "hence" or "rte.hence"; None means all of `kinds`.
      register_as: a name of your own, e.g. "my:no_nli".
      include, exclude, hold_out, drop_overlaps, scheme, cap, cap_per, temperature, rates, kinds,
        limit: as in `Mixture`; they replace those of the published mixture, or declare a new one.

    Raises:
      UnknownNameError: the declaration names something unknown.
      DeclarationError: it cannot work.
    """
    from flan_tasks.core.configuration import resolve

    with extras.needed_for("A SeqIO mixture"):
        from flan_tasks.seqio.planned_mixture import make_mixture
        from flan_tasks.seqio.task import register

    given: dict[str, Any] = {
        "include": include,
        "exclude": exclude,
        "hold_out": hold_out,
        "drop_overlaps": drop_overlaps,
        "scheme": scheme,
        "cap": cap,
        "cap_per": cap_per,
        "temperature": temperature,
        "rates": rates,
        "kinds": kinds,
        "limit": limit,
    }
    lists = ("include", "exclude", "hold_out", "kinds")
    fields = {
        # A lone text stays one, for the declaration to refuse: its letters are no names.
        key: tuple(value) if key in lists and not isinstance(value, str) else value
        for key, value in given.items()
        if value is not None
    }
    made = make_mixture(
        _declared(name, fields),
        seed=seed,
        configuration=lambda: resolve(source=source, data_dir=data_dir, vocab=vocab),
        allow_missing=allow_missing,
        variation=variation_of(
            shots=shots,
            options=options,
            option_order=option_order,
            num_templates=num_templates,
            instructions=instructions,
            templates=templates,
        ),
        name_as=register_as,
    )
    return register(made) if register_as else made


def _declared(name: str, fields: dict[str, Any]) -> Mixture:
    """Returns a published mixture with some fields replaced, or a new one."""
    if fields and not catalog().knows(name):
        return Mixture(name=name, **fields)
    return dataclasses.replace(catalog().mixture(name), **fields)
