"""Rows cut along their length, so that few positions meet the head at a time.

Logits are the largest array there is: a vocabulary wide where the stream is `embed`. Rows stay
whole in number, so that each device has its own of every part.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# Positions of a device whose logits are in memory at once, unless it is said.
POSITIONS = 1024


def num_parts(rows: int, length: int, positions: int) -> int:
    """Returns into how many parts rows [rows, length] are cut.

    Args:
      rows: of a device.
      length: of a row.
      positions: of a part at most, if rows are not more; 0 cuts nothing.
    """
    if not positions:
        return 1
    return -(-length // max(1, positions // max(1, rows)))


def parted(values: jax.Array, parts: int) -> jax.Array:
    """Returns [B, T, ...] as [parts, B, T / parts, ...], with zeros where T does not divide."""
    rows, length, *rest = values.shape
    size = -(-length // parts)
    padding = [(0, 0), (0, parts * size - length), *[(0, 0)] * len(rest)]
    return jnp.moveaxis(jnp.pad(values, padding).reshape(rows, parts, size, *rest), 1, 0)


def joined(values: jax.Array, length: int) -> jax.Array:
    """Returns [parts, B, T / parts, ...] as [B, T, ...]; what `parted` took apart."""
    parts, rows, size, *rest = values.shape
    return jnp.moveaxis(values, 0, 1).reshape(rows, parts * size, *rest)[:, :length]


def by_parts(function: Callable[..., Any], parts: int, *arrays: jax.Array) -> Any:
    """Returns `function(*arrays)`, computed for one part after the other.

    Args:
      function: of arrays [B, t, ...] to a tree of such; each position for itself.
      parts: how many; with 1 it is called as it is.
      arrays: [B, T, ...] each.
    """
    if parts == 1:
        return function(*arrays)
    values = jax.lax.map(lambda part: function(*part), tuple(parted(x, parts) for x in arrays))
    return jax.tree.map(lambda x: joined(x, arrays[0].shape[1]), values)
