"""The head and the loss together, few positions at a time: a batch's logits never lie in memory.

The loss is a sum over positions, so its gradient with respect to logits is known as soon as these
are. Gradients of a part are computed beside its loss, and the backward pass only scales them: as
many matrix products as with all logits at once, and nothing computed twice.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_tasks.models import partition
from flan_tasks.models.head_parts import joined, num_parts, parted
from flan_tasks.models.model import Model
from flan_tasks.models.partition import BATCH
from flan_tasks.specs.config import LossConfig
from flan_tasks.trainer.loss import (
    Batch,
    Sums,
    TokenLosses,
    objective,
    objective_weights,
    summed,
    token_losses,
)

Tree = Any
# (parameters of the head, stream, targets) -> losses
LossesOf = Callable[[Tree, jax.Array, jax.Array], TokenLosses]


@jax.named_scope("head_loss")
def head_loss(
    model: Model,
    params: Tree,
    x: jax.Array,
    batch: Batch,
    config: LossConfig,
    mesh: Mesh,
    *,
    positions: int,
    num_tasks: int = 0,
) -> tuple[jax.Array, Sums]:
    """Returns the sum whose gradient is taken, and the sums of `loss_sums`.

    Args:
      model: the network.
      params: its parameters.
      x: the normed stream, [rows, length, embed].
      batch: T5X's features.
      config: the weights of the parts of the loss.
      mesh: the devices; each keeps its rows.
      positions: of a device whose logits are in memory at once; 0 is all.
      num_tasks: how many tasks `segment_tasks` has.
    """
    head, targets = model.head(params), batch["decoder_target_tokens"]
    blocks, (rows, length) = partition.num_blocks(mesh), targets.shape
    parts = num_parts(rows // blocks, length, positions)
    apart = parts > 1 and blocks > 1

    def losses_of(head: Tree, x: jax.Array, targets: jax.Array) -> TokenLosses:
        logits = _on_mesh(model.head_logits(head, x), mesh, rows=None if apart else BATCH)
        return token_losses(logits, targets, config)

    if parts == 1:
        sums = summed(losses_of(head, x, targets), batch, config, num_tasks=num_tasks)
        return objective(sums, config), sums

    def cut(values: jax.Array) -> jax.Array:
        values = parted(values, parts)
        return values.reshape(parts, blocks, -1, *values.shape[2:]) if apart else values

    if mesh.shape["fsdp"] > 1:
        # Gathered once, and not for each part.
        head = jax.tree.map(jax.lax.with_sharding_constraint, head, _gathered(model, mesh))
    weights = objective_weights(batch, config)
    total, losses = _weighted(losses_of, apart, head, cut(x), cut(targets), cut(weights))
    losses = jax.tree.map(
        lambda values: joined(jax.lax.stop_gradient(values).reshape(parts, rows, -1), length),
        losses,
    )
    return total, summed(losses, batch, config, num_tasks=num_tasks)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _weighted(
    losses_of: LossesOf,
    apart: bool,
    head: Tree,
    x: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
) -> tuple[jax.Array, TokenLosses]:
    """Returns the weighted sum of all losses, and the losses, which have no gradient.

    Args:
      losses_of: computes them.
      apart: whether the rows of each device are an axis of their own, behind the one of parts.
      head: the parameters.
      x: the stream, [parts, (blocks,) rows, positions, embed].
      targets: ids, without the last axis.
      weights: likewise; without a gradient too.
    """
    of_part = _of_blocks(losses_of) if apart else losses_of
    losses = jax.lax.map(lambda part: of_part(head, *part), (x, targets))
    return jnp.sum(losses.loss * weights), losses


def _forward(
    losses_of: LossesOf,
    apart: bool,
    head: Tree,
    x: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
) -> tuple:
    def loss(head: Tree, x: jax.Array, targets: jax.Array, weights: jax.Array) -> tuple:
        losses = losses_of(head, x, targets)
        return jnp.sum(losses.loss * weights), losses

    gradients_of: Callable = jax.grad(loss, argnums=(0, 1), has_aux=True)
    if apart:
        # Each device adds up its own gradients of the head: one exchange of them, behind the loop.
        gradients_of = _of_blocks(gradients_of)

    def add(total: Tree, part: tuple) -> tuple:
        (of_head, of_x), losses = gradients_of(head, *part)
        return jax.tree.map(jnp.add, total, of_head), (losses, of_x)

    lead = x.shape[1:2] if apart else ()
    zero = jax.tree.map(lambda leaf: jnp.zeros((*lead, *leaf.shape), leaf.dtype), head)
    losses: TokenLosses
    of_x: jax.Array
    of_head, (losses, of_x) = jax.lax.scan(add, zero, (x, targets, weights))
    if apart:
        of_head = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), of_head)
    return (jnp.sum(losses.loss * weights), losses), (of_head, of_x)


def _backward(losses_of: LossesOf, apart: bool, saved: tuple, gradients: tuple) -> tuple:
    scale, _ = gradients
    of_head, of_x = jax.tree.map(lambda leaf: (leaf * scale).astype(leaf.dtype), saved)
    return of_head, of_x, None, None


_weighted.defvjp(_forward, _backward)


def _of_blocks(function: Callable) -> Callable:
    """A function of the head and arrays of one device's rows, for those of all devices."""

    def of_blocks(head: Tree, *arrays: jax.Array) -> Any:
        axes = (None, *[0] * len(arrays))
        return jax.vmap(function, in_axes=axes, spmd_axis_name=BATCH)(head, *arrays)

    return of_blocks


def _on_mesh(logits: jax.Array, mesh: Mesh, *, rows: tuple[str, ...] | None) -> jax.Array:
    """Logits, the largest array of a step, split over rows and vocabulary."""
    vocabulary = "model" if logits.shape[-1] % mesh.shape["model"] == 0 else None
    return jax.lax.with_sharding_constraint(
        logits, NamedSharding(mesh, PartitionSpec(rows, None, vocabulary))
    )


def _gathered(model: Model, mesh: Mesh) -> Tree:
    """How the head's parameters lie where they are split over the vocabulary alone."""
    shardings = partition.shardings(model.head(model.axes()), model.head(model.abstract()), mesh)
    return jax.tree.map(
        lambda one: NamedSharding(
            mesh, PartitionSpec(*(None if axis == "fsdp" else axis for axis in one.spec))
        ),
        shardings,
    )
