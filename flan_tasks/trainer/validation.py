"""Loss and accuracy on other rows, while a run trains."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from flan_tasks.trainer.data import PassSource, batches
from flan_tasks.trainer.feedback import by_task

Tree = Any


def evaluate(
    params: Tree, step: Callable, source: PassSource, mesh: Mesh, *, most: int
) -> dict[str, Any]:
    """Returns loss and accuracy per target token, over all tasks and of each.

    Args:
      params: the parameters.
      step: a compiled evaluation step.
      source: what to evaluate on.
      mesh: the devices.
      most: batches at most; 0 is all.
    """
    total: dict[str, Any] | None = None
    for _, batch in batches(source, mesh, 0, min(source.steps, most or source.steps)):
        batch_sums = step(params, batch)
        total = batch_sums if total is None else jax.tree.map(jnp.add, total, batch_sums)
    sums = jax.device_get(total)
    tokens = max(float(sums["tokens"]), 1.0)
    weights = sums["task_tokens"]
    return {
        "loss": float(sums["cross_entropy"]) / tokens,
        "accuracy": float(sums["correct"]) / tokens,
        "target_tokens": int(sums["tokens"]),
        "task_loss": by_task(source.tasks, sums["task_loss"], weights),
        "task_accuracy": by_task(source.tasks, sums["task_correct"], weights),
    }
