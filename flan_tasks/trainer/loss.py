"""Cross-entropy on target tokens, as sums, so that parts of a batch add up to the whole."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from flan_tasks.specs.config import LossConfig

Sums = dict[str, jax.Array]


def loss_sums(
    logits: jax.Array, batch: Mapping[str, jax.Array], config: LossConfig, *, num_tasks: int = 0
) -> Sums:
    """Returns what the loss, its parts and the accuracy are made of, summed over target tokens.

    With p = softmax(logits), confidence c = 1 - label_smoothing and the rest spread evenly over
    the other pieces, the loss of a token is the cross-entropy with that target distribution less
    its entropy, plus z_loss * log(Z)^2 (T5X, `losses.cross_entropy_with_logits`). The sum of the
    logits and a masked sum replace the one-hot targets, which would be as large as the logits.

    Args:
      logits: [batch, length, vocabulary].
      batch: T5X's features; `segment_tasks` gives sums by task if `num_tasks` is not 0.
      config: the weights of the parts.
      num_tasks: how many tasks there are.
    """
    logits = logits.astype(jnp.float32)
    targets = batch["decoder_target_tokens"]
    weights = batch["decoder_loss_weights"].astype(jnp.float32)
    pieces = logits.shape[-1]
    highest = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    log_z = jnp.log(jnp.sum(jnp.exp(logits - highest), axis=-1)) + highest[..., 0]
    # A comparison and a sum, unlike a gather, stay where a sharded vocabulary is.
    hit = jax.lax.broadcasted_iota(targets.dtype, logits.shape, 2) == targets[..., None]
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
    sums = {
        "loss": jnp.sum((entropy + z_part) * weights),
        "cross_entropy": jnp.sum(plain * weights),
        "z_loss": jnp.sum(z_part * weights),
        "correct": jnp.sum(correct * weights),
        "tokens": jnp.sum(weights),
    }
    if num_tasks and "segment_tasks" in batch:
        # Padding has task -1 and weight 0; the last bin takes it, and is cut off.
        tasks = jnp.where(batch["segment_tasks"] < 0, num_tasks, batch["segment_tasks"]).ravel()
        for name, values in (
            ("task_loss", plain * weights),
            ("task_correct", correct * weights),
            ("task_tokens", weights),
        ):
            bins = jnp.zeros(num_tasks + 1, jnp.float32).at[tasks].add(values.ravel())
            sums[name] = bins[:num_tasks]
    return sums


def normalizer(sums: Sums, config: LossConfig) -> jax.Array | float:
    """What the summed loss is divided by: target tokens, or T5X's constant."""
    if config.loss_normalizing_factor is not None:
        return config.loss_normalizing_factor
    return jnp.maximum(sums["tokens"], 1.0)
