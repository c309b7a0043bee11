"""Which token comes next: the likeliest, or one drawn among the likely."""

import jax
import jax.numpy as jnp

from flan_tasks.models.model import Model
from flan_tasks.specs.eval_config import Decoding


def possible(scores: jax.Array, model: Model) -> jax.Array:
    """Returns scores of tokens with the ids that only pad the vocabulary made impossible."""
    real = jnp.arange(scores.shape[-1]) < model.config.vocabulary_size
    return jnp.where(real, scores, -jnp.inf)


def choose(logits: jax.Array, keys: jax.Array, steps: jax.Array, how: Decoding) -> jax.Array:
    """Returns the next token of each row, int32[B].

    Args:
      logits: of the next tokens, [B, V].
      keys: of the rows' draws, as data.
      steps: how many tokens each row has, which its draw depends on.
      how: the likeliest, or drawn.
    """
    if how.method == "greedy":
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    logits = likeliest(logits / how.temperature, how)

    def draw(key: jax.Array, step: jax.Array, of_row: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.wrap_key_data(key), step)
        return jax.random.categorical(key, of_row)

    return jax.vmap(draw)(keys, steps, logits).astype(jnp.int32)


def chosen(
    logits: jax.Array, keys: jax.Array, steps: jax.Array, how: Decoding, model: Model
) -> tuple[jax.Array, jax.Array]:
    """Returns the next token of each row among those that are `possible`, and its log-probability.

    Arguments are those of `choose`, and the model.
    """
    token = choose(possible(logits, model), keys, steps, how)
    value = jnp.take_along_axis(logits, token[:, None], axis=1)
    if how.method != "greedy":
        return token, value[:, 0] - jax.nn.logsumexp(logits, axis=1)
    # The highest is known already, but for ids that only pad the vocabulary: one pass less.
    padding = logits[:, model.config.vocabulary_size :]
    highest = jnp.maximum(value, jnp.max(padding, axis=1, keepdims=True, initial=-jnp.inf))
    total = jnp.sum(jnp.exp(logits - highest), axis=1)
    return token, (value - highest)[:, 0] - jnp.log(total)


def likeliest(logits: jax.Array, how: Decoding) -> jax.Array:
    """Returns logits [B, V] with all but the tokens to sample among at minus infinity."""
    if how.top_k:
        highest, _ = jax.lax.top_k(logits, min(how.top_k, logits.shape[-1]))
        logits = jnp.where(logits < highest[:, -1:], -jnp.inf, logits)
    if how.top_p < 1:
        highest = jnp.flip(jnp.sort(logits, axis=-1), axis=-1)
        shares = jax.nn.softmax(highest, axis=-1)
        # A token counts while those before it have less than the share: the first always does.
        is_likely = jnp.cumsum(shares, axis=-1) - shares < how.top_p
        least = jnp.min(jnp.where(is_likely, highest, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits < least, -jnp.inf, logits)
    return logits
