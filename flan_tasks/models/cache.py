"""What decoding remembers of the tokens read: keys and values of every layer, and their places.

A cache is a plain dict of arrays, given and returned, so it goes through `jax.jit` and loops.
"""

import jax
import jax.numpy as jnp

Cache = dict[str, jax.Array]

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


def rows_of(cache: Cache, rows: jax.Array) -> Cache:
    """Returns the cache of the given rows, in their order; rows may repeat."""
    found = {}
    for name, value in cache.items():
        whole = value.ndim == 0
        found[name] = value if whole else jnp.take(value, rows, axis=_ROWS.get(name, 0))
    return found
