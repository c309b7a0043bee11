"""A soft prompt: trained vectors that stand before every example's inputs (Lester et al. 2021).

A decoder reads them once, as what all examples begin with. An encoder looks both ways, so there
they become something else in every example, and stand before each anew.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from flan_tasks.models.layers import parameter
from flan_tasks.specs.model_config import ModelConfig

# Where the vectors lie in the tree of parameters.
VECTORS = ("prompt", "vectors")
# Feature of packed rows of encoders: the place where each example begins, int32[rows, examples];
# the width of the rows where there is none.
STARTS = "encoder_starts"


class SoftPrompt(nnx.Module):
    """The vectors; uniform in [-0.5, 0.5] at first, as Lester et al. 2021 draw random ones."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.dtype = jnp.dtype(config.dtype)
        shape = (config.prompt_length, config.embed)
        self.vectors = parameter(rngs.adapters, _uniform, shape, ("prompt", "embed"))

    def __call__(self) -> jax.Array:
        """Returns all vectors, [length, embed]."""
        return self.vectors[...].astype(self.dtype)

    def put(self, x: jax.Array, tokens: jax.Array) -> jax.Array:
        """Returns embeddings [B, T, embed] with vectors where `laid_out` has put them."""
        numbers = jnp.maximum(-1 - tokens, 0)
        return jnp.where(tokens[..., None] < 0, jnp.take(self(), numbers, axis=0), x)


def laid_out(
    tokens: jax.Array, segments: jax.Array, starts: jax.Array | None, length: int
) -> tuple[jax.Array, jax.Array]:
    """Returns an encoder's tokens and segment ids with a soft prompt before each example.

    Args:
      tokens: int32[B, T].
      segments: int32[B, T]; 0 is padding.
      starts: where each example begins, as STARTS; None: each row is one example.
      length: vectors of the prompt; in the tokens the k-th of them, from 0, is -1 - k.

    Returns:
      int32[B, T + length * most examples of a row], both; what is left is padding at the end.
    """
    rows, width = tokens.shape
    if starts is None:
        starts = jnp.zeros((rows, 1), jnp.int32)
    most = starts.shape[1]
    row = jnp.arange(rows)[:, None]
    index = jnp.arange(width)
    # Each token moves by the prompts at and before its example.
    places = index + length * jnp.sum(starts[:, :, None] <= index, axis=1)
    prompts = (starts + length * jnp.arange(most))[:, :, None] + jnp.arange(length)
    first = jnp.take_along_axis(segments, jnp.minimum(starts, width - 1), axis=1)
    of_prompts = jnp.where(starts < width, first, 0)[:, :, None]

    def put(values: jax.Array, of_vectors: jax.Array) -> jax.Array:
        spread = jnp.broadcast_to(of_vectors, prompts.shape).reshape(rows, -1)
        empty = jnp.zeros((rows, width + most * length), jnp.int32)
        return empty.at[row, places].set(values).at[row, prompts.reshape(rows, -1)].set(spread)

    return put(tokens, -1 - jnp.arange(length)), put(segments, of_prompts)


def _uniform(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -0.5, 0.5)
