"""From a build directory back to the examples it was made of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import BuildError
from flan_tasks.decontamination.compared import Part
from flan_tasks.engine.asked_for import recorded_spec
from flan_tasks.engine.from_spec import plan_rows, prepare_spec
from flan_tasks.engine.recipe import GROWN_FROM
from flan_tasks.engine.writers import WRITERS
from flan_tasks.plan.exemplars import Queries, choose_exemplars
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient, MeanTokens, Prepared, Progress, SourceChoice
from flan_tasks.store.store import Store

_CHUNK = 2048


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
      BuildError: the rows, normalizers or mixture are not those the build was made of.
      SourceUnavailableError: rows are not available.
    """
    spec = recorded_spec(manifest)
    found = prepare_spec(spec, catalog, source=source, store=store, progress=progress)
    built = {task["name"]: task for task in manifest["tasks"]}
    found = replace(
        found,
        mean_tokens={
            name: MeanTokens(**task["mean_tokens"])
            for name, task in built.items()
            if "mean_tokens" in task
        },
    )
    problems = [
        f"{name}: the build has {counted(task['available'], 'example')} of it, none are available"
        for name, task in built.items()
        if name not in {item.name for item in found.ingredients}
    ]
    for item in found.ingredients:
        name = item.name
        if name not in built:
            problems.append(f"{name}: available, and not in the build")
        elif built[name]["store_key"] != item.examples.key:
            problems.append(f"{name}: its source, version or normalizer is another")
    if problems:
        raise BuildError(
            "\n".join(
                [
                    "the available examples are not those the build was made of; name its source "
                    f"({manifest['command']}):",
                    *(f"  {problem}" for problem in problems),
                ]
            )
        )
    if WRITERS[spec.format].grouped:
        # One pass of them is every example; the record has a number either way.
        plan = plan_rows(found, replace(spec, examples=None))
        if len(plan) == spec.examples:
            return found, plan
    stages = [stage["rows"] for stage in (manifest.get("recipe") or {}).get(GROWN_FROM, ())]
    return found, plan_rows(found, spec, grown_from=stages)


def drawn(prepared: Prepared, plan: Plan, *, left_out: Sequence[int] = ()) -> tuple[Part, ...]:
    """Returns the examples a build has, as query or exemplar, each once, dataset by dataset.

    Args:
      prepared: the mixture.
      plan: its rows.
      left_out: those that are in no file.
    """
    gone = np.asarray(left_out, np.int64)
    rows = plan.rows(0, len(plan)).take(np.setdiff1d(np.arange(len(plan)), gone))
    parts: list[Part] = []
    for number, item in enumerate(plan.ingredients):
        here = rows.task == number
        numbers = np.unique(rows.example[here])
        if item.exemplars is not None and item.exemplars.examples.key == item.examples.key:
            numbers = np.union1d(
                numbers, _exemplars(item, plan, rows.example[here], rows.epoch[here])
            )
        part = Part(item.dataset, prepared.split, item.examples, numbers)
        before = next((n for n, one in enumerate(parts) if _same_examples(one, part)), None)
        if before is None:
            parts.append(part)
        else:  # it is in several parts of the mixture
            together = np.union1d(parts[before].chosen, numbers)
            parts[before] = replace(parts[before], numbers=together)
    return tuple(parts)


def _same_examples(one: Part, other: Part) -> bool:
    """Whether numbers mean the same examples in both."""
    a, b = one.examples, other.examples
    return one.dataset.name == other.dataset.name and (a.key, len(a)) == (b.key, len(b))


def _exemplars(item: Ingredient, plan: Plan, example: np.ndarray, epoch: np.ndarray) -> np.ndarray:
    # Those that may stand in a prompt; the token budget leaves some of them out.
    assert item.exemplars is not None
    seen: set[int] = set()
    for start in range(0, len(example), _CHUNK):
        here = slice(start, start + _CHUNK)
        queries = Queries(
            item.name,
            item.examples.take(example[here]),
            item.examples.hashes_of(example[here]),
            epoch[here],
        )
        for chosen in choose_exemplars(
            item.exemplars,
            queries,
            shots=item.variation.shots,
            fewest=item.fewest_shots,
            seed=plan.seed,
        ):
            seen.update(number for number, _ in chosen)
    return np.asarray(sorted(seen), np.int64)
