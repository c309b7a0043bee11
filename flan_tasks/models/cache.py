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
_PARTS = ("", "cross_", "prompt_")
_ROWS = {f"{part}{name}": 1 for part in _PARTS for name in ("key", "value")}


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


def parted(cache: Cache, steps: int) -> Cache:
    """Returns a cache in which prompts stand apart from the `steps` tokens that follow them.

    `prompt_key`, `prompt_value` and `prompt_positions` are read and never written again, so that a
    step writes to, and moves, as little as an answer needs.
    """
    key, value, positions = (cache[name] for name in ("key", "value", "positions"))
    room = (*key.shape[:2], steps, *key.shape[3:])
    return {
        **cache,
        "key": jnp.zeros(room, key.dtype),
        "value": jnp.zeros(room, value.dtype),
        "positions": jnp.full((positions.shape[0], steps), EMPTY, jnp.int32),
        "used": jnp.zeros((), jnp.int32),
        "prompt_key": key,
        "prompt_value": value,
        "prompt_positions": positions,
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
    own_mask = not_after(positions, positions)
    if segments is not None:
        own_mask &= same_segment(segments, segments)
    past = looking_back(positions, cache["positions"], bias)
    return positions, (own_mask, bias(positions, positions)), past


def looking_back(
    positions: jax.Array,
    places: jax.Array,
    bias: Callable[[jax.Array, jax.Array], jax.Array | None],
) -> MaskAndBias:
    """Returns how tokens at `positions` look at cached ones before them, int32[B, S] or [1, S]."""
    mask = jnp.broadcast_to(
        (places >= 0)[:, None, :], (places.shape[0], positions.shape[1], places.shape[1])
    )
    return mask, bias(positions, places)


def rows_of(cache: Cache, rows: jax.Array) -> Cache:
    """Returns the cache of the given rows, in their order; rows may repeat."""
    chosen = {}
    for name, value in cache.items():
        if isinstance(value, tuple):  # of each layer
            chosen[name] = tuple(jnp.take(part, rows, axis=0) for part in value)
        elif value.ndim == 0:
            chosen[name] = value
        else:
            chosen[name] = jnp.take(value, rows, axis=_ROWS.get(name, 0))
    return chosen


def rows_put(cache: Cache, more: Cache, slots: jax.Array) -> Cache:
    """Returns the cache with the rows of another in the given slots; those beyond are left out.

    Both have the same length. What rows have in common, the next place to write, stays as it is.
    """
    changed = {}
    for name, value in cache.items():
        if isinstance(value, tuple):  # of each layer
            parts = zip(value, more[name], strict=True)
            changed[name] = tuple(old.at[slots].set(new, mode="drop") for old, new in parts)
        elif value.ndim == 0:
            changed[name] = value
        elif _ROWS.get(name, 0) == 1:
            changed[name] = value.at[:, slots].set(more[name], mode="drop")
        else:
            changed[name] = value.at[slots].set(more[name], mode="drop")
    return changed
