"""What users call for rows: `flan_tasks.rows`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flan_tasks.core import extras
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import variation_of

if TYPE_CHECKING:
    from flan_tasks.row_views.view import RowsView


def rows(
    mixture: str | os.PathLike[str] | Mixture,
    *,
    split: str = "train",
    seed: int = 0,
    examples: int | None = None,
    limit: int | None = None,
    style: str = "inputs-targets",
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    vocab: str | os.PathLike[str] | None = None,
    lengths: Mapping[str, int] | None = None,
    store: str | os.PathLike[str] | None = None,
    allow_missing: bool = False,
    drop_contaminated: Sequence[str] = (),
    drop_overlaps: bool = False,
    shots: int = 0,
    options: bool = True,
    option_order: str = "fixed",
    templates: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    num_templates: int | None = None,
    instructions: str = "full",
) -> RowsView:
    """Returns the rows that `flan build` with the same arguments would write, writing none.

    The view is indexed, sliced and gone through like a list of dicts, which have the columns of a
    `jsonl` build; rows are rendered when they are asked for, without TensorFlow and JAX.

    Args:
      mixture: the name of a mixture, cluster or dataset; a mixture in TOML; or a `Mixture`.
      split: train, validation or test.
      seed: number that all choices depend on.
      examples: rows that are planned; None means one pass of the capped mixture.
      limit: the view has the first so many rows; None means all.
      style: names of the columns of texts, as in builds.
      source: kind of source; None is what `configure` or the environment say, or declared.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, parents,
        clusters and kinds of source to theirs, where `all` is for the rest.
      vocab: bytes, t5, or a path; for `shots` and `lengths`, which count tokens.
      lengths: where given, prompts are made to fit `lengths["inputs"]` tokens with EOS, and rows
        that cannot are left out, as in builds with ids; else they stay whole, as in text formats,
        and exemplars are fitted to 1,024.
      store: where examples are kept.
      allow_missing: go on without datasets whose rows cannot be read.
      drop_contaminated: datasets, clusters or mixtures; training examples that occur in their
        evaluation sets are left out.
      drop_overlaps: leave out datasets that share text with held-out ones by declaration.
      shots, options, option_order, templates, kinds, num_templates, instructions: as in `task`.

    Raises:
      UnknownNameError: the mixture, or a name in it, is unknown.
      DeclarationError: arguments contradict each other, or there is no row.
      SourceUnavailableError: rows of some datasets cannot be read.
    """
    from flan_tasks.core.configuration import resolve

    with extras.needed_for("Rows"):
        from flan_tasks.plan.prepare import SourceChoice
        from flan_tasks.row_views.opening import open_rows

    found = resolve(source=source, data_dir=data_dir, vocab=_path(vocab))
    return open_rows(
        Path(mixture) if isinstance(mixture, os.PathLike) else mixture,
        split=split,
        style=style,
        seed=seed,
        examples=examples,
        limit=limit,
        source=SourceChoice(found.source, found.data_dir, apart=True),
        vocab=found.vocab,
        lengths=lengths,
        store=_path(store),
        allow_missing=allow_missing,
        drop_contaminated=drop_contaminated,
        drop_overlaps=drop_overlaps,
        variation=variation_of(
            shots=shots,
            options=options,
            option_order=option_order,
            templates=templates,
            kinds=kinds,
            num_templates=num_templates,
            instructions=instructions,
        ),
    )


def _path(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)
