"""The arithmetic of attention: who may look where, and what comes of it; no parameters here.

`xla` is the reference, whose sums are in `weighing`; `cudnn` is the fused kernel on GPUs, with mask
and bias folded into one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flan_tasks.core.errors import ModelError
from flan_tasks.models.products import einsum_float32
from flan_tasks.models.weighing import masked, weighed

# Added where attention may not look, in bfloat16, where sums of it must not overflow.
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
    groups = (kv_heads, heads // kv_heads)
    # Heads first, as XLA on a CPU multiplies matrices best.
    query = query.reshape(batch, length, *groups, width).transpose(0, 2, 3, 1, 4)
    keys = [part.key.swapaxes(1, 2) for part in parts_seen]
    values = [part.value.swapaxes(1, 2) for part in parts_seen]
    if dropout_key is not None and rate:
        # Of all queries alike, so that values are dropped in place of weights.
        lengths = [part.key.shape[1] for part in parts_seen]
        keep = jax.random.bernoulli(dropout_key, 1.0 - rate, (batch, *groups, 1, sum(lengths)))
        values = _dropped(values, keep[..., 0, :, None], rate)
    masks = [part.mask[:, None, None] for part in parts_seen]
    biases = [
        None if part.bias is None else part.bias.reshape(-1, *groups, *part.bias.shape[2:])
        for part in parts_seen
    ]
    if len(parts_seen) == 1 and len(keys[0]) == batch:
        output = weighed(query, keys[0], values[0], biases[0], masks[0], scale, cap)
    else:
        output = _weighed_together(query, keys, values, biases, masks, scale, cap)
    return output.transpose(0, 3, 1, 2, 4).reshape(batch, length, heads, width)


def _weighed_together(
    query: jax.Array,
    keys: Sequence[jax.Array],
    values: Sequence[jax.Array],
    biases: Sequence[jax.Array | None],
    masks: Sequence[jax.Array],
    scale: float,
    cap: float,
) -> jax.Array:
    """Returns what `weighed` does, over several parts at once; one row's are all rows'."""
    parts = []
    for key, bias, mask in zip(keys, biases, masks, strict=True):
        if len(key) < len(query):
            products = einsum_float32("bkgtd,ksd->bkgts", query, key[0])
        else:
            products = einsum_float32("bkgtd,bksd->bkgts", query, key)
        parts.append(masked(products, bias, mask, scale, cap))
    joined = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
    weights = jax.nn.softmax(joined, axis=-1).astype(query.dtype)
    output: Any = 0
    begin = 0
    for value in values:
        end = begin + value.shape[-2]
        names = "ksd" if len(value) < len(query) else "bksd" if value.ndim == 4 else "bkgsd"
        of_part = value[0] if names == "ksd" else value
        output += jnp.einsum(f"bkgts,{names}->bkgtd", weights[..., begin:end], of_part)
        begin = end
    return output


def _dropped(values: Sequence[jax.Array], keep: jax.Array, rate: float) -> list[jax.Array]:
    """Returns values [B, kv_heads, group, S, width] of which those that are not kept are zero.

    `keep` is of all parts, [B, kv_heads, group, S of all, 1].
    """
    begin, dropped = 0, []
    for value in values:
        end = begin + value.shape[2]
        scaled = value[:, :, None] / (1.0 - rate)
        dropped.append(jnp.where(keep[..., begin:end, :], scaled, jnp.zeros((), value.dtype)))
        begin = end
    return dropped


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
