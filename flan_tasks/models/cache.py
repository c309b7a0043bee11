"""What decoding remembers of the tokens read: keys and values of every layer, and their places.

A cache is a plain dict of arrays, given and returned, so it goes through `jax.jit` and loops.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from flan_tasks.models.attention import not_after, same_segment

Cache = dict[str, jax.Array]

# Where queries may look, bool[B, T, S], and the bias of it; None adds nothing.
MaskAndBias = tuple[jax.Array, jax.Array | None]

# Position of a place that holds nothing.
EMPTY = -1
# Where the rows of a batch lie; everything else has them first.
_ROWS = {"key": 1, "value": 1, "cross_key": 1, "cross_value": 1}


def new_cache(key: jax.Array, value: jax.Array, positions: jax.Array, steps: int) -> Cache:
    """Returns a cache of keys and values [layers, B, T, kv_heads, head_dim] with room for `steps`.

    `positions` int32[B, T] holds `EMPTY` for padding. A row's next position follows its last.
    """
    more = [(0, 0), (0, 0), (0, steps), (0, 0), (0, 0)]
    return {
        "key": jnp.pad(key, more),
        "value": jnp.pad(value, more),
        "positions": jnp.pad(positions, [(0, 0), (0, steps)], constant_values=EMPTY),
        "next": jnp.max(positions, axis=1, initial=EMPTY) + 1,
        "used": jnp.asarray(positions.shape[1], jnp.int32),
    }


def grown(cache: Cache, key: jax.Array, value: jax.Array) -> Cache:
    """Returns the cache after one more token a row, of keys and values [layers, B, 1, ...].

    Rows whose beginnings differ in length still write to the same place: positions, not places,
    say what comes after what.
    """
    place = cache["used"]
    write = jax.lax.dynamic_update_slice_in_dim
    return {
        **cache,
        "key": write(cache["key"], key, place, axis=2),
        "value": write(cache["value"], value, place, axis=2),
        "positions": write(cache["positions"], cache["next"][:, None], place, axis=1),
        "next": cache["next"] + 1,
        "used": place + 1,
    }


def cached_step(
    cache: Cache,
    places: jax.Array,
    segments: jax.Array | None,
    bias: Callable[[jax.Array, jax.Array], jax.Array | None],
) -> tuple[jax.Array, MaskAndBias, MaskAndBias]:
    """Returns how new tokens look at each other and at the cache.

    Args:
      cache: of the tokens before.
      places: of the new tokens after the cache, int32[B, T].
      segments: of the new tokens; None is one segment.
      bias: positions of queries and keys -> bias of attention.

    Returns:
      The positions of the new tokens, int32[B, T], their attention to themselves, and to the cache.
    """
    positions = cache["next"][:, None] + places
    past = cache["positions"]
    past_mask = jnp.broadcast_to((past >= 0)[:, None, :], (*positions.shape, past.shape[1]))
    past_bias = bias(positions, past)
    own_mask = not_after(positions, positions)
    if segments is not None:
        own_mask &= same_segment(segments, segments)
    return positions, (own_mask, bias(positions, positions)), (past_mask, past_bias)


def rows_of(cache: Cache, rows: jax.Array) -> Cache:
    """Returns the cache of the given rows, in their order; rows may repeat."""
    chosen = {}
    for name, value in cache.items():
        whole = value.ndim == 0
        chosen[name] = value if whole else jnp.take(value, rows, axis=_ROWS.get(name, 0))
    return chosen


def rows_put(cache: Cache, more: Cache, slots: jax.Array) -> Cache:
    """Returns the cache with the rows of another in the given slots; those beyond are left out.

    Both have the same length. What rows have in common, the next place to write, stays as it is.
    """
    changed = {}
    for name, value in cache.items():
        if value.ndim == 0:
            changed[name] = value
        elif _ROWS.get(name, 0) == 1:
            changed[name] = value.at[:, slots].set(more[name], mode="drop")
        else:
            changed[name] = value.at[slots].set(more[name], mode="drop")
    return changed
