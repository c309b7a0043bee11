"""What decoding remembers of the tokens read: keys and values of every layer, and their places.

A cache is a plain dict of arrays, given and returned, so it goes through `jax.jit` and loops. Keys
and values of all layers are one array each, [layers, B, length, kv_heads, head_dim]; or, `laid`, a
tuple of one array a layer in the order in which attention multiplies them, [B, kv_heads, length,
head_dim]. A loop writes into these where they are, and moves none of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from flan_tasks.models.attention import Seen, View, not_after, same_segment

Cache = dict[str, Any]

# What tokens look at, and what is kept of them, given their keys and values, [B, T, kv_heads,
# head_dim].
Look = Callable[[jax.Array, jax.Array], tuple[list[Seen], tuple[jax.Array, jax.Array]]]

# Position of a place that holds nothing.
EMPTY = -1
# Where the rows of a batch lie; everything else has them first.
_PARTS = ("", "cross_", "prompt_")
_LAYERS = ("key", "value")
_ROWS = {f"{part}{name}": 1 for part in _PARTS for name in _LAYERS}


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


def with_prompt(
    prompt: Cache, key: jax.Array, value: jax.Array, positions: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns keys, values and positions of rows with those of a soft prompt, one row, before."""

    def before(of_prompt: jax.Array, of_rows: jax.Array, *, rows: int, along: int) -> jax.Array:
        shape = list(of_prompt.shape)
        shape[rows] = of_rows.shape[rows]
        return jnp.concatenate([jnp.broadcast_to(of_prompt, shape), of_rows], axis=along)

    return (
        before(prompt["key"], key, rows=1, along=2),
        before(prompt["value"], value, rows=1, along=2),
        before(prompt["positions"], positions, rows=0, along=1),
    )


def grown(cache: Cache, key: Any, value: Any) -> Cache:
    """Returns the cache after one more token a row, of keys and values [layers, B, 1, ...].

    Those of a laid cache are what `written` kept of each layer. Rows whose beginnings differ in
    length still write to the same place: positions, not places, say what comes after what.
    """
    place = cache["used"]
    write = jax.lax.dynamic_update_slice_in_dim
    if not is_laid(cache):
        key = write(cache["key"], jnp.asarray(key), place, axis=2)
        value = write(cache["value"], jnp.asarray(value), place, axis=2)
    return {
        **cache,
        "key": key,
        "value": value,
        "positions": write(cache["positions"], cache["next"][:, None], place, axis=1),
        "next": cache["next"] + 1,
        "used": place + 1,
    }


def laid(cache: Cache) -> Cache:
    """Returns the cache with the keys and values of each layer as arrays of their own."""
    return {
        name: tuple(value.swapaxes(2, 3)) if name.endswith(_LAYERS) else value
        for name, value in cache.items()
    }


def unlaid(part: jax.Array) -> jax.Array:
    """Returns keys or values of a laid cache's layer in their usual order of axes."""
    return part.swapaxes(1, 2)


def is_laid(cache: Cache) -> bool:
    """Whether each layer has arrays of its own."""
    return isinstance(cache["key"], tuple)


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


def lengthened(cache: Cache, places: int) -> Cache:
    """Returns a cache, not laid, with so many empty places more behind each prompt's.

    These are the arrays that steps read and never write: of an encoder's inputs, and of `parted`
    prompts.
    """
    changed = dict(cache)
    for name, value in cache.items():
        if not name.startswith(("cross_", "prompt_")):
            continue
        more = [(0, 0)] * value.ndim
        more[_ROWS.get(name, 0) + 1] = (0, places)
        empty = EMPTY if name.endswith("positions") else 0
        changed[name] = jnp.pad(value, more, constant_values=empty)
    return changed


def cached_step(
    cache: Cache,
    places: jax.Array,
    segments: jax.Array | None,
    bias: Callable[[jax.Array, jax.Array], jax.Array | None],
) -> tuple[jax.Array, View, View]:
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
    return positions, View(own_mask, bias(positions, positions), positions, positions), past


def written_step(
    cache: Cache, bias: Callable[[jax.Array, jax.Array], jax.Array | None]
) -> tuple[jax.Array, View]:
    """Returns the positions of one more token a row, int32[B, 1], and how it looks at a laid cache.

    The token is in it already: see `written`.
    """
    positions = cache["next"][:, None]
    write = jax.lax.dynamic_update_slice_in_dim
    places = write(cache["positions"], positions, cache["used"], axis=1)
    return positions, looking_back(positions, places, bias)


def beside(past: Sequence[Seen], own: View) -> Look:
    """Returns how tokens look at what was read before them, and then at themselves."""

    def look(key: jax.Array, value: jax.Array) -> tuple[list[Seen], tuple[jax.Array, jax.Array]]:
        return [*past, own.seen(key, value)], (key, value)

    return look


def written(
    keys: jax.Array, values: jax.Array, place: jax.Array, how: View, past: Sequence[Seen]
) -> Look:
    """Returns how one token a row looks at a layer of a laid cache, and at `past`.

    The token is written there first: where a loop reads an array only after it was written, it is
    written in place, and else copied whole for each token.
    """

    def look(key: jax.Array, value: jax.Array) -> tuple[list[Seen], tuple[jax.Array, jax.Array]]:
        write = jax.lax.dynamic_update_slice_in_dim
        all_keys = write(keys, key.swapaxes(1, 2), place, axis=2)
        all_values = write(values, value.swapaxes(1, 2), place, axis=2)
        seen = how.seen(unlaid(all_keys), unlaid(all_values))
        return [seen, *past], (all_keys, all_values)

    return look


def looking_back(
    positions: jax.Array,
    places: jax.Array,
    bias: Callable[[jax.Array, jax.Array], jax.Array | None],
) -> View:
    """Returns how tokens at `positions` look at cached ones before them, int32[B, S] or [1, S]."""
    mask = jnp.broadcast_to(
        (places >= 0)[:, None, :], (places.shape[0], positions.shape[1], places.shape[1])
    )
    return View(mask, bias(positions, places), positions, places)


def rows_of(cache: Cache, rows: jax.Array) -> Cache:
    """Returns the cache of the given rows, in their order; rows may repeat."""
    chosen: Cache = {}
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
    changed: Cache = {}
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
