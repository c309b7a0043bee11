"""The arithmetic of attention: who may look where, and what comes of it; no parameters here.

`xla` is the reference; `cudnn` is the fused kernel on GPUs, with mask and bias folded into one.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flan_tasks.core.errors import ModelError

# Added where attention may not look; finite, so that a row of padding stays finite.
FORBIDDEN = -1e10
# The same in bfloat16, where sums of it must not overflow.
FORBIDDEN_FUSED = -1e9


class Seen(NamedTuple):
    """Keys that queries look at, and how."""

    key: jax.Array
    """[B, S, kv_heads, head_dim]; of one row that all queries see, [1, ...]."""
    value: jax.Array
    """As `key`."""
    mask: jax.Array
    """bool[B, T, S], or of a shape that broadcasts to it."""
    bias: jax.Array | None = None
    """float32[B, heads, T, S] or broadcasting to it; None adds nothing."""


class View(NamedTuple):
    """How queries look at keys, in every layer alike but for windows."""

    mask: jax.Array
    """bool[B, T, S], or of a shape that broadcasts to it."""
    bias: jax.Array | None
    """float32[B, heads, T, S] or broadcasting to it; None adds nothing."""
    queries: jax.Array
    """Positions of the queries, int32[B, T] or [1, T]; only differences to those of keys count."""
    keys: jax.Array
    """Positions of the keys, int32[B, S] or [1, S]."""

    def within(self, window: jax.Array | None) -> "View":
        """Returns what is left of it where keys lie less than `window` tokens away; None is all."""
        if window is None:
            return self
        away = jnp.abs(self.queries[:, :, None] - self.keys[:, None, :])
        return self._replace(mask=self.mask & (away < window))

    def seen(self, key: jax.Array, value: jax.Array) -> Seen:
        """Returns keys and values with how they are looked at."""
        return Seen(key, value, self.mask, self.bias)


class Turn(NamedTuple):
    """How RoPE turns the queries and keys of a layer."""

    positions: jax.Array
    """Of the tokens, int32[B, T]."""
    waves: jax.Array
    """Radians a position for each pair of columns, float32[head_dim / 2]."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def einsum_float32(spec: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns an einsum of two arrays, summed and returned in float32.

    Its gradient is computed in the arrays' own type: by default a float32 gradient would turn both
    backward products of a bfloat16 model into float32 ones.
    """
    return jnp.einsum(spec, a, b, preferred_element_type=jnp.float32)


def _einsum_forward(spec: str, a: jax.Array, b: jax.Array) -> tuple:
    return einsum_float32(spec, a, b), (a, b)


def _einsum_backward(spec: str, saved: tuple, gradient: jax.Array) -> tuple:
    a, b = saved
    _, transposed = jax.vjp(partial(jnp.einsum, spec), a, b)
    return transposed(gradient.astype(a.dtype))


einsum_float32.defvjp(_einsum_forward, _einsum_backward)


def attend(
    query: jax.Array,
    parts_seen: Sequence[Seen],
    *,
    scale: float,
    cap: float = 0.0,
    rate: float = 0.0,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """Returns softmax(scale * QK' + bias) V as [B, T, heads, head_dim], over all of `seen` at once.

    A `cap` bounds scale * QK' before the bias is added, as `capped` does.
    Several parts are attended to as if they were one, without being copied together: a cache, what
    all rows share, and what has just been read. Softmax is in float32. Dropout is one mask for all
    queries.
    """
    batch, length, heads, width = query.shape
    kv_heads = parts_seen[0].key.shape[2]
    # Heads first, as XLA on a CPU multiplies matrices best; whole training steps showed no gain.
    query = query.reshape(batch, length, kv_heads, heads // kv_heads, width)
    query = query.transpose(0, 2, 3, 1, 4)
    parts = []
    for part in parts_seen:
        key = part.key.swapaxes(1, 2)
        if len(key) < batch:
            logits = einsum_float32("bkgtd,ksd->bkgts", query, key[0]) * scale
        else:
            logits = einsum_float32("bkgtd,bksd->bkgts", query, key) * scale
        logits = capped(logits, cap)
        if part.bias is not None:
            bias = part.bias
            logits += bias.reshape(bias.shape[0], kv_heads, -1, *bias.shape[2:])
        parts.append(jnp.where(part.mask[:, None, None], logits, FORBIDDEN))
    joined = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
    weights = jax.nn.softmax(joined, axis=-1).astype(query.dtype)
    if dropout_key is not None and rate:
        keep = jax.random.bernoulli(
            dropout_key, 1.0 - rate, (*weights.shape[:-2], 1, weights.shape[-1])
        )
        weights = jnp.where(keep, weights / (1.0 - rate), jnp.zeros((), weights.dtype))
    output: Any = 0
    begin = 0
    for part in parts_seen:
        end = begin + part.key.shape[1]
        value = part.value.swapaxes(1, 2)
        if len(value) < batch:
            output += jnp.einsum("bkgts,ksd->bkgtd", weights[..., begin:end], value[0])
        else:
            output += jnp.einsum("bkgts,bksd->bkgtd", weights[..., begin:end], value)
        begin = end
    return output.transpose(0, 3, 1, 2, 4).reshape(batch, length, heads, width)


def attend_fused(query: jax.Array, seen: Seen, *, scale: float) -> jax.Array:
    """Returns what `attend` does, by cuDNN's fused kernel, without dropout of the weights.

    Raises:
      ModelError: there is no GPU, or cuDNN refuses the shapes.
    """
    if jax.default_backend() != "gpu":
        raise ModelError(
            f'attention "cudnn" needs a GPU and jax runs on {jax.default_backend()}; use "xla"'
        )
    batch, length, heads, _ = query.shape
    shape = (batch, heads, length, seen.key.shape[1])
    # The kernel takes a mask only inside the bias, and a bias only in the type of the queries.
    bias = jnp.zeros((), jnp.float32) if seen.bias is None else seen.bias
    bias = jnp.where(seen.mask[:, None], bias, FORBIDDEN_FUSED).astype(query.dtype)
    try:
        return jax.nn.dot_product_attention(
            query,
            seen.key,
            seen.value,
            bias=jnp.broadcast_to(bias, shape),
            scale=scale,
            implementation="cudnn",
        )
    except (NotImplementedError, ValueError, RuntimeError) as error:
        raise ModelError(
            f'attention "cudnn" refuses queries {query.shape} and keys {seen.key.shape}: {error}; '
            'use "xla"'
        ) from error


def same_segment(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """Returns bool[B, T, S]: whether two tokens are of one example.

    Padding sees padding: its output is finite and nobody looks at it.
    """
    return queries[:, :, None] == keys[:, None, :]


def not_after(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """Returns bool[B, T, S]: whether a key's position is at or before a query's."""
    return keys[:, None, :] <= queries[:, :, None]


def capped(logits: jax.Array, cap: float) -> jax.Array:
    """Returns logits bounded smoothly, cap tanh(x / cap) (Gemma Team 2024); 0 bounds nothing."""
    return cap * jnp.tanh(logits / cap) if cap else logits


def rotate(x: jax.Array, turn: Turn) -> jax.Array:
    """Returns queries or keys [B, T, heads, width] turned by their positions (RoPE).

    Pairs are (i, i + width / 2), as in Llama and Gemma; Su et al. 2021 pair neighbors, which is
    the same but for the order of columns.
    """
    half = x.shape[-1] // 2
    angle = turn.positions[:, :, None, None].astype(jnp.float32) * turn.waves
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    first, second = x[..., :half].astype(jnp.float32), x[..., half:].astype(jnp.float32)
    turned = (first * cosine - second * sine, second * cosine + first * sine)
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)
