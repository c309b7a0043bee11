"""One training step and one evaluation step, as pure functions to be compiled."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_tasks.models.model import Model
from flan_tasks.models.partition import BATCH
from flan_tasks.specs.config import LossConfig, TrainSpec
from flan_tasks.trainer.head_loss import head_loss
from flan_tasks.trainer.loss import Sums, normalizer
from flan_tasks.trainer.optim import Optimizer, clip_by_global_norm, global_norm

Tree = Any
Batch = Mapping[str, jax.Array]


def trained_part(model: Model, tree: Tree, *, adapters_only: bool | None) -> Tree:
    """A tree of parameters, or of what belongs to them, with None where they are frozen.

    By default the adapters, or the soft prompt, alone are trained if the model has any.
    """
    if adapters_only is None:
        adapters_only = model.config.has_adapters
    if not adapters_only:
        return tree

    def keep(path: tuple, leaf: Any) -> Any:
        return leaf if model.is_adapter(tuple(key.key for key in path)) else None

    return jax.tree_util.tree_map_with_path(
        keep, tree, is_leaf=lambda value: isinstance(value, tuple)
    )


def merged(trained: Tree, whole: Tree) -> Tree:
    """A whole tree with the trained part put in its place."""
    return jax.tree.map(
        lambda new, old: old if new is None else new, trained, whole, is_leaf=lambda x: x is None
    )


def make_train_step(
    run: TrainSpec, model: Model, optimizer: Optimizer, mesh: Mesh, *, num_tasks: int
) -> Callable[[Tree, Tree, Batch, jax.Array], tuple[Tree, Tree, dict[str, jax.Array]]]:
    """Returns (parameters, optimizer state, batch, step) -> (parameters, state, what was found).

    Gradients of microbatches are those of the summed loss, added up and divided once, so that
    the number of microbatches changes rounding only (and which activations are dropped). If the
    loss or the gradient is not finite, parameters and state stay as they are, and `skipped` is 1.
    """
    dropout = jax.random.fold_in(jax.random.key(run.seed), 1) if run.model.dropout else None

    def pick(tree: Tree) -> Tree:
        return trained_part(model, tree, adapters_only=run.optimizer.adapters_only)

    def sums_of(trained: Tree, whole: Tree, batch: Batch, key: jax.Array | None):
        params = merged(trained, whole)
        return head_loss(
            model,
            params,
            model.stream(params, batch, key),
            batch,
            run.loss,
            mesh,
            positions=run.head_positions,
            num_tasks=num_tasks,
        )

    def gradients(params: Tree, batch: Batch, key: jax.Array | None) -> tuple[Tree, Sums]:
        gradients_of = jax.grad(sums_of, has_aux=True)
        if run.num_microbatches == 1:
            return gradients_of(pick(params), params, batch, key)
        parts = jax.tree.map(lambda x: _in_parts(x, run.num_microbatches, mesh), dict(batch))

        def add(total: tuple[Tree, Sums], part: tuple[jax.Array, Batch]):
            number, batch = part
            part_key = None if key is None else jax.random.fold_in(key, number)
            return jax.tree.map(
                jnp.add, total, gradients_of(pick(params), params, batch, part_key)
            ), None

        first = jax.tree.map(lambda x: x[0], parts)
        like = jax.eval_shape(lambda: gradients_of(pick(params), params, first, key))
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
        numbers = jnp.arange(run.num_microbatches)
        return jax.lax.scan(add, zero, (numbers, parts))[0]

    def step(params: Tree, state: Tree, batch: Batch, number: jax.Array):
        key = None if dropout is None else jax.random.fold_in(dropout, number)
        grads, sums = gradients(params, batch, key)
        return updated(params, state, batch, grads, sums)

    @jax.named_scope("optimizer")
    def updated(params: Tree, state: Tree, batch: Batch, grads: Tree, sums: Sums):
        factor = 1.0 / normalizer(sums, run.loss)
        grads = jax.tree.map(lambda leaf: leaf * factor, grads)
        norm = global_norm(grads)
        if run.optimizer.clip_norm:
            grads = clip_by_global_norm(grads, norm, run.optimizer.clip_norm)
        rate = optimizer.schedule(state["step"])
        moved, new_state = optimizer.update(grads, state, pick(params))
        is_finite = jnp.isfinite(sums["loss"]) & jnp.isfinite(norm)

        def if_finite(new: Tree, old: Tree) -> Tree:
            return jax.tree.map(lambda a, b: jnp.where(is_finite, a, b), new, old)

        metrics = {
            **sums,
            "grad_norm": norm,
            "learning_rate": rate,
            "real_tokens": _real_tokens(batch),
            "skipped": 1 - is_finite.astype(jnp.int32),
        }
        return (
            if_finite(merged(moved, params), params),
            if_finite(new_state, state),
            metrics,
        )

    return step


def make_eval_step(
    model: Model, mesh: Mesh, *, num_tasks: int, positions: int
) -> Callable[[Tree, Batch], Sums]:
    """Returns (parameters, batch) -> sums, without dropout, z-loss and smoothing.

    `positions` of a device meet the head at a time, as in `head_loss`.
    """
    plain = LossConfig(z_loss=0.0)

    def step(params: Tree, batch: Batch) -> Sums:
        x = model.stream(params, batch)
        counts = {"positions": positions, "num_tasks": num_tasks}
        return head_loss(model, params, x, batch, plain, mesh, **counts)[1]

    return step


def _in_parts(values: jax.Array, parts: int, mesh: Mesh) -> jax.Array:
    """[rows, ...] as [parts, rows / parts, ...], every device's rows staying on it."""
    rows = values.reshape(values.shape[0] // parts, parts, *values.shape[1:])
    return jax.lax.with_sharding_constraint(
        rows.swapaxes(0, 1), NamedSharding(mesh, PartitionSpec(None, BATCH))
    )


def _real_tokens(batch: Batch) -> jax.Array:
    """How many positions are not padding, on both sides."""
    sides = [
        batch[name] for name in ("encoder_segment_ids", "decoder_segment_ids") if name in batch
    ]
    return jnp.asarray(sum(jnp.sum(side > 0) for side in sides))
