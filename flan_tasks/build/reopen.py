"""From a build directory back to the examples it was made of."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from flan_tasks.build.contamination import Part
from flan_tasks.build.plan import Plan, make_plan
from flan_tasks.build.prepare import Prepared, Progress, SourceChoice, prepare
from flan_tasks.build.store import Store
from flan_tasks.build.writers import WRITERS
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture


def reopen(
    manifest: Mapping[str, Any],
    catalog: Catalog,
    *,
    source: SourceChoice,
    store: Store | None = None,
    progress: Progress | None = None,
) -> tuple[Prepared, Plan]:
    """Prepares and plans a build once more, from its manifest.

    Args:
      manifest: of a complete build.
      catalog: where its datasets are looked up.
      source: where its rows come from.
      store: where examples are kept; the default store if None.
      progress: told what is being read.

    Raises:
      BuildError: the rows, normalizers or mixture at hand are not those the build was made of.
      SourceUnavailableError: rows cannot be had.
    """
    found = prepare(
        _mixture(manifest["mixture"]),
        catalog,
        source=source,
        split=manifest["split"],
        store=store,
        allow_missing=bool(manifest["missing"]),
        drop_against=(manifest.get("decontaminated") or {}).get("against", ()),
        progress=progress,
    )
    built = {task["name"]: task for task in manifest["tasks"]}
    problems = [
        f"{name}: the build has {task['available']:,} examples of it, at hand are none"
        for name, task in built.items()
        if name not in {item.dataset.name for item in found.ingredients}
    ]
    for item in found.ingredients:
        name = item.dataset.name
        if name not in built:
            problems.append(f"{name}: at hand, and not in the build")
        elif built[name]["store_key"] != item.examples.key:
            problems.append(f"{name}: its source, version or normalizer is another")
    if problems:
        raise BuildError(
            "\n".join(
                [
                    "the examples at hand are not those the build was made of; name its source "
                    f"({manifest['command']}):",
                    *(f"  {problem}" for problem in problems),
                ]
            )
        )
    plan = make_plan(
        found,
        seed=manifest["seed"],
        num_examples=None if WRITERS[manifest["format"]].grouped else manifest["examples"],
        grouped=WRITERS[manifest["format"]].grouped,
    )
    return found, plan


def drawn(prepared: Prepared, plan: Plan) -> tuple[Part, ...]:
    """Returns the examples a plan draws, each once, dataset by dataset."""
    rows = plan.rows(0, len(plan))
    return tuple(
        Part(
            item.dataset,
            prepared.split,
            item.examples,
            np.unique(rows.example[rows.task == number]),
        )
        for number, item in enumerate(plan.ingredients)
    )


def _mixture(found: Mapping[str, Any]) -> Mixture:
    known = {field.name for field in fields(Mixture)}
    return Mixture(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found.items()
            if name in known
        }
    )
