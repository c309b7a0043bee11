"""Cross-entropy on target tokens, as sums, so that parts of a batch add up to the whole."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from flan_tasks.specs.config import AVERAGE_PER_SEQUENCE, NUM_TOTAL_TARGET_TOKENS, LossConfig

Sums = dict[str, jax.Array]
Batch = Mapping[str, jax.Array]


class TokenLosses(NamedTuple):
    """What each token contributes, before it is weighted; float32[...] each."""

    loss: jax.Array
    """What is minimized: with smoothing and z-loss."""
    plain: jax.Array
    """The cross-entropy alone."""
    z_part: jax.Array
    """The z-loss."""
    correct: jax.Array
    """1 where the likeliest piece is the target."""


def loss_sums(logits: jax.Array, batch: Batch, config: LossConfig, *, num_tasks: int = 0) -> Sums:
    """Returns what the loss, its parts and the accuracy are made of, summed over target tokens.

    Args:
      logits: [batch, length, vocabulary].
      batch: T5X's features; `segment_tasks` gives sums by task if `num_tasks` is not 0.
      config: the weights of the parts.
      num_tasks: how many tasks there are.
    """
    losses = token_losses(logits, batch["decoder_target_tokens"], config)
    return summed(losses, batch, config, num_tasks=num_tasks)


def token_losses(logits: jax.Array, targets: jax.Array, config: LossConfig) -> TokenLosses:
    """Returns the losses of tokens, for logits [..., vocabulary] and int targets [...].

    With p = softmax(logits), confidence c = 1 - label_smoothing and the rest spread evenly over
    the other pieces, the loss of a token is the cross-entropy with that target distribution less
    its entropy, plus z_loss * log(Z)^2 (T5X, `losses.cross_entropy_with_logits`). The sum of the
    logits and a masked sum replace the one-hot targets, which would be as large as the logits.
    """
    logits = logits.astype(jnp.float32)
    pieces = logits.shape[-1]
    highest = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    log_z = jnp.log(jnp.sum(jnp.exp(logits - highest), axis=-1)) + highest[..., 0]
    # A comparison and a sum, unlike a gather, stay where a sharded vocabulary is.
    places = jax.lax.broadcasted_iota(targets.dtype, logits.shape, logits.ndim - 1)
    hit = places == targets[..., None]
    target_logit = jnp.sum(jnp.where(hit, logits, 0.0), axis=-1)
    plain = log_z - target_logit
    entropy = plain
    if config.label_smoothing:
        confidence = 1.0 - config.label_smoothing
        low = config.label_smoothing / (pieces - 1)
        mixed = (confidence - low) * target_logit + low * jnp.sum(logits, axis=-1)
        least = -(confidence * math.log(confidence) + (pieces - 1) * low * math.log(low + 1e-20))
        entropy = log_z - mixed - least
    z_part = config.z_loss * jnp.square(log_z)
    # argmax breaks ties as T5X does: the first.
    correct = (jnp.argmax(logits, axis=-1) == targets).astype(jnp.float32)
    return TokenLosses(entropy + z_part, plain, z_part, correct)


def summed(losses: TokenLosses, batch: Batch, config: LossConfig, *, num_tasks: int = 0) -> Sums:
    """Returns the sums of `loss_sums`, of losses [batch, length].

    AVERAGE_PER_SEQUENCE adds `sequence_loss`, the loss with every example's tokens weighted to sum
    to one, and `sequences`, how many examples have any; NUM_TOTAL_TARGET_TOKENS adds `positions`,
    padding included. Both are sums over rows too.
    """
    weights = batch["decoder_loss_weights"].astype(jnp.float32)
    sums = {
        "loss": jnp.sum(losses.loss * weights),
        "cross_entropy": jnp.sum(losses.plain * weights),
        "z_loss": jnp.sum(losses.z_part * weights),
        "correct": jnp.sum(losses.correct * weights),
        "tokens": jnp.sum(weights),
    }
    if config.loss_normalizing_factor == AVERAGE_PER_SEQUENCE:
        shares = weights_by_sequence(weights, batch.get("decoder_segment_ids"))
        sums["sequence_loss"] = jnp.sum(losses.loss * shares)
        sums["sequences"] = jnp.sum(shares)
    elif config.loss_normalizing_factor == NUM_TOTAL_TARGET_TOKENS:
        sums["positions"] = jnp.float32(losses.loss.size)
    if num_tasks and "segment_tasks" in batch:
        # Padding has task -1 and weight 0; the last bin takes it, and is cut off.
        tasks = jnp.where(batch["segment_tasks"] < 0, num_tasks, batch["segment_tasks"]).ravel()
        for name, values in (
            ("task_loss", losses.plain * weights),
            ("task_correct", losses.correct * weights),
            ("task_tokens", weights),
        ):
            bins = jnp.zeros(num_tasks + 1, jnp.float32).at[tasks].add(values.ravel())
            sums[name] = bins[:num_tasks]
    return sums


def weights_by_sequence(weights: jax.Array, segments: jax.Array | None) -> jax.Array:
    """Weights divided by their sum over their example, so that each example has one in all.

    Args:
      weights: float[batch, length].
      segments: int[batch, length]; which example of its row a position is of, 0 on padding. None
        if every row is one example.

    Returns:
      float[batch, length]; 0 where an example has no weight.
    """
    if segments is None:
        totals = jnp.sum(weights, axis=-1, keepdims=True)
    else:

        def of_row(row: jax.Array, ids: jax.Array) -> jax.Array:
            return jnp.zeros(row.shape[0] + 1, row.dtype).at[ids].add(row)[ids]

        # Row by row, so that rows stay on the devices they are on.
        totals = jax.vmap(of_row)(weights, segments)
    return jnp.where(totals > 0, weights / jnp.where(totals > 0, totals, 1.0), 0.0)


def objective(sums: Sums, config: LossConfig) -> jax.Array:
    """The sum whose gradient is taken; `normalizer` is what it is divided by."""
    is_by_sequence = config.loss_normalizing_factor == AVERAGE_PER_SEQUENCE
    return sums["sequence_loss" if is_by_sequence else "loss"]


def objective_weights(batch: Batch, config: LossConfig) -> jax.Array:
    """What the losses of tokens are weighted by in `objective`: float32[batch, length]."""
    weights = batch["decoder_loss_weights"].astype(jnp.float32)
    if config.loss_normalizing_factor == AVERAGE_PER_SEQUENCE:
        return weights_by_sequence(weights, batch.get("decoder_segment_ids"))
    return weights


def normalizer(sums: Sums, config: LossConfig) -> jax.Array | float:
    """What the summed loss is divided by: a count of the whole batch, or T5X's constant."""
    factor = config.loss_normalizing_factor
    if factor is not None and not isinstance(factor, str):
        return factor
    counts = {AVERAGE_PER_SEQUENCE: "sequences", NUM_TOTAL_TARGET_TOKENS: "positions"}
    return jnp.maximum(sums[counts.get(factor or "", "tokens")], 1.0)
