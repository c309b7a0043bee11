"""What users call for rows: `flan_tasks.rows`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.mixture import Mixture
from flan_tasks.specs.build_spec import BuildSpec, build_spec_of

if TYPE_CHECKING:
    from flan_tasks.row_views.view import RowsView


def rows(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec,
    *,
    limit: int | None = None,
    **settings: Any,
) -> RowsView:
    """Returns the rows that `flan build` with the same arguments would write, writing none.

    The view is indexed, sliced and gone through like a list of dicts, which have the columns of a
    `jsonl` build; rows are rendered when they are asked for, without TensorFlow and JAX.

    Args:
      mixture: a mixture, cluster or dataset by name, a TOML file, a `Mixture`; or a whole
        `BuildSpec`.
      limit: the view has the first so many rows; None means all.
      **settings: the fields of `BuildSpec`, such as `seed=1`, `style="messages"`, `shots=2` or
        `allow_missing=True`; source, data_dir and the vocabulary are by default what `configure` or
        the environment say. Where `lengths` are named, prompts are made to fit
        `lengths["inputs"]` tokens with EOS, and rows that cannot are left out, as in builds with
        ids; else they stay whole, as in text formats, and exemplars are fitted to 1,024.

    Raises:
      UnknownNameError: the mixture, or a name in it, or that of a setting is unknown.
      ConfigError: settings have the wrong type or range, or do not go together.
      DeclarationError: there is no row.
      SourceUnavailableError: rows of some datasets cannot be read.
    """
    with extras.needed_for("Rows"):
        from flan_tasks.row_views.opening import open_rows

    return open_rows(build_spec_of(mixture, settings), limit=limit)
