"""Values weighed by a softmax of logits, with a gradient that keeps no array of queries by keys.

The backward pass computes the weights again, from queries, keys and each query's largest logit and
sum; what the softmax subtracts from their gradient is a sum over the output's width, as in
FlashAttention (Dao et al. 2022, appendix B). There are no tiles: arrays of queries by keys exist
while a layer is computed, and are not kept for all of them.
"""

from functools import partial

import jax
import jax.numpy as jnp

from flan_tasks.models.products import einsum_float32

# Added where attention may not look; finite, so that a row of padding stays finite.
FORBIDDEN = -1e10


def capped(logits: jax.Array, cap: float) -> jax.Array:
    """Returns logits bounded smoothly, cap tanh(x / cap) (Gemma Team 2024); 0 bounds nothing."""
    return cap * jnp.tanh(logits / cap) if cap else logits


def masked(
    products: jax.Array, bias: jax.Array | None, mask: jax.Array, scale: float, cap: float
) -> jax.Array:
    """Returns float32 logits of products of queries and keys; `FORBIDDEN` where masked."""
    logits = capped(products * scale, cap)
    return jnp.where(mask, logits if bias is None else logits + bias, FORBIDDEN)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def weighed(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: jax.Array | None,
    mask: jax.Array,
    scale: float,
    cap: float,
) -> jax.Array:
    """Returns softmax(cap(scale QK') + bias) V, [B, kv_heads, group, T, head_dim].

    Args:
      query: [B, kv_heads, group, T, head_dim].
      key: [B, kv_heads, S, head_dim].
      value: as `key`, or with the axis of the group before S.
      bias: float32 of the dimensions [B, kv_heads, group, T, S], or 1; None adds nothing.
      mask: bool of the same dimensions, or 1; where it is False nothing is looked at.
      scale: of the products.
      cap: as `capped` takes it.
    """
    return _forward(query, key, value, bias, mask, scale, cap)[0]


def _forward(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    bias: jax.Array | None,
    mask: jax.Array,
    scale: float,
    cap: float,
) -> tuple:
    logits = masked(einsum_float32("bkgtd,bksd->bkgts", query, key), bias, mask, scale, cap)
    highest = jnp.max(logits, axis=-1, keepdims=True)
    weights = jnp.exp(logits - highest)
    total = jnp.sum(weights, axis=-1, keepdims=True)
    output = einsum_float32(f"bkgts,{_names(value)}->bkgtd", weights.astype(value.dtype), value)
    output = (output / total).astype(query.dtype)
    return output, (query, key, value, bias, mask, highest, total, output)


def _backward(scale: float, cap: float, saved: tuple, gradient: jax.Array) -> tuple:
    query, key, value, bias, mask, highest, total, output = saved
    products = einsum_float32("bkgtd,bksd->bkgts", query, key)
    weights = jnp.exp(masked(products, bias, mask, scale, cap) - highest) * (1.0 / total)
    names = _names(value)
    of_value = _turned(f"bkgtd,bkgts->{names}", gradient, weights.astype(gradient.dtype))
    of_weights = einsum_float32(f"bkgtd,{names}->bkgts", gradient, value)
    mean = jnp.sum(gradient.astype(jnp.float32) * output, axis=-1, keepdims=True)
    of_logits = jnp.where(mask, weights * (of_weights - mean), 0.0)
    of_bias = None if bias is None else _summed(of_logits, bias.shape)
    if cap:
        of_logits *= 1.0 - jnp.square(jnp.tanh(products * (scale / cap)))
    of_products = (of_logits * scale).astype(query.dtype)
    of_query = jnp.einsum("bkgts,bksd->bkgtd", of_products, key)
    of_key = _turned("bkgtd,bkgts->bksd", query, of_products)
    return of_query, of_key, of_value, of_bias, None


weighed.defvjp(_forward, _backward)


def _names(value: jax.Array) -> str:
    return "bksd" if value.ndim == 4 else "bkgsd"


def _turned(spec: str, narrow: jax.Array, wide: jax.Array) -> jax.Array:
    """Returns an einsum whose last two axes are computed the other way round, and turned after.

    So the array of queries by keys is read as it lies. The barrier keeps XLA from turning that
    instead.
    """
    names, last = spec[:-2], spec[-2:]
    return jax.lax.optimization_barrier(jnp.einsum(names + last[::-1], narrow, wide)).swapaxes(
        -1, -2
    )


def _summed(values: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Sums values over the axes that a shape has 1 in."""
    if shape[0] == 1 and len(values) > 1:
        # A sum over the first axis, as a product: XLA on a CPU goes through the array by columns.
        ones = jnp.ones(len(values), values.dtype)
        values = jnp.tensordot(ones, values, 1, precision=jax.lax.Precision.HIGHEST)[None]
    axes = tuple(n for n, size in enumerate(shape) if size == 1)
    return jnp.sum(values, axis=axes, keepdims=True) if axes != (0,) else values
