"""Which token comes next: the likeliest, or one drawn among the likely."""

import jax
import jax.numpy as jnp

from flan_tasks.models.model import Model
from flan_tasks.specs.eval_config import Decoding

# Tokens among which the likeliest is looked for at once.
BLOCK = 128


def possible(scores: jax.Array, model: Model) -> jax.Array:
    """Returns scores of tokens with the ids that only pad the vocabulary made impossible."""
    real = jnp.arange(scores.shape[-1]) < model.config.vocabulary_size
    return jnp.where(real, scores, -jnp.inf)


def highest(logits: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Returns the first of the likeliest of the first `size` tokens, int32[B], and its logit, [B].

    The block of tokens that has it is looked for first: XLA on a CPU takes a fifth of the time for
    maxima that it takes for their places.
    """
    rows, width = logits.shape
    blocks = width // BLOCK
    of_blocks = jnp.max(logits[:, : blocks * BLOCK].reshape(rows, blocks, BLOCK), axis=2)
    whole = size // BLOCK
    parts = [of_blocks[:, :whole]]
    if size % BLOCK:
        parts.append(jnp.max(logits[:, whole * BLOCK : size], axis=1, keepdims=True))
    of_blocks = jnp.concatenate(parts, axis=1)
    begin = jnp.argmax(of_blocks, axis=1) * BLOCK
    tokens = begin[:, None] + jnp.arange(BLOCK)
    of_tokens = jnp.take_along_axis(logits, jnp.minimum(tokens, width - 1), axis=1)
    place = jnp.argmax(jnp.where(tokens < size, of_tokens, -jnp.inf), axis=1)
    return (begin + place).astype(jnp.int32), jnp.max(of_blocks, axis=1)


def drawn(logits: jax.Array, keys: jax.Array, steps: jax.Array, how: Decoding) -> jax.Array:
    """Returns a token of each row, int32[B], drawn among the likely.

    Args:
      logits: of the next tokens, [B, V].
      keys: of the rows' draws, as data.
      steps: how many tokens each row has, which its draw depends on.
      how: which are likely, and the temperature.
    """
    logits = likeliest(logits / how.temperature, how)

    def draw(key: jax.Array, step: jax.Array, of_row: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.wrap_key_data(key), step)
        return jax.random.categorical(key, of_row)

    return jax.vmap(draw)(keys, steps, logits).astype(jnp.int32)


def chosen(
    logits: jax.Array, keys: jax.Array, steps: jax.Array, how: Decoding, model: Model
) -> tuple[jax.Array, jax.Array]:
    """Returns the next token of each row among those that are `possible`, and its log-probability.

    It is the likeliest, or `drawn`, whose arguments these are; and the model.
    """
    if how.method != "greedy":
        token = drawn(possible(logits, model), keys, steps, how)
        value = jnp.take_along_axis(logits, token[:, None], axis=1)
        return token, value[:, 0] - jax.nn.logsumexp(logits, axis=1)
    size = model.config.vocabulary_size
    token, value = highest(logits, size)
    # The highest is known already, but for ids that only pad the vocabulary: one pass less.
    most = jnp.maximum(value, jnp.max(logits[:, size:], axis=1, initial=-jnp.inf))
    total = jnp.sum(jnp.exp(logits - most[:, None]), axis=1)
    return token, value - most - jnp.log(total)


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
