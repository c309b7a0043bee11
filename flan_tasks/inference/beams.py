"""Beam search: several answers of an example grow together, and the best that ended is taken."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flan_tasks.inference.choosing import possible
from flan_tasks.models.model import Cache, Model, Tree
from flan_tasks.specs.eval_config import Decoding

_NEVER = -1e9


class _Beams(NamedTuple):
    """The state of a beam search of B examples and K beams."""

    step: jax.Array
    """Tokens written so far."""
    tokens: jax.Array
    """Answers that go on: int32[B, K, steps], and their summed log-probabilities [B, K]."""
    sums: jax.Array
    ended_tokens: jax.Array
    """Answers that ended: int32[B, K, steps], scores after the penalty, lengths with EOS."""
    ended_scores: jax.Array
    ended_lengths: jax.Array
    logits: jax.Array
    """Logits [B * K, V] of the next tokens."""
    cache: Cache


def beam_search(
    model: Model,
    params: Tree,
    batch: dict[str, jax.Array],
    keys: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    eos_id: int,
) -> tuple[jax.Array, ...]:
    """Returns tokens [B, steps], scores, lengths with EOS, and whether ended, of the best beams.

    An answer's score is its summed log-probability over ((5 + n) / 6)^alpha (Wu et al. 2016), n
    its length with EOS. EOS counts where it is among the K best continuations; an example is done
    when K answers have ended, so one beam is greedy decoding.
    """
    rows, wide = keys.shape[0], decoding.beams
    logits, cache = model.prefill(params, batch, steps)
    repeated = jnp.repeat(jnp.arange(rows), wide)
    empty = jnp.zeros((rows, wide, steps), jnp.int32)
    worst = jnp.full((rows, wide), _NEVER)
    state = _Beams(
        step=jnp.zeros((), jnp.int32),
        tokens=empty,
        # At first all beams are equal: only one of them may be continued.
        sums=worst.at[:, 0].set(0.0),
        ended_tokens=empty,
        ended_scores=worst,
        ended_lengths=jnp.zeros((rows, wide), jnp.int32),
        logits=logits[repeated],
        cache=model.select_rows(cache, repeated),
    )

    def unfinished(state: _Beams) -> jax.Array:
        return (state.step < decoding.max_tokens) & ~jnp.all(_done(state))

    state = jax.lax.while_loop(
        unfinished, lambda s: _grow(s, model, params, decoding, eos_id), state
    )
    # What was cut at the last step counts only where nothing has ended.
    has_ended = jnp.any(_is_answer(state.ended_scores), axis=1)
    cut = _penalized(state.sums, state.step, decoding)
    scores = jnp.where(has_ended[:, None], _NEVER, cut)
    scores = jnp.concatenate([state.ended_scores, scores], axis=1)
    picked = jnp.argmax(scores, axis=1)
    tokens = jnp.concatenate([state.ended_tokens, state.tokens], axis=1)
    lengths = jnp.concatenate(
        [state.ended_lengths, jnp.full((rows, wide), state.step, jnp.int32)], axis=1
    )
    row = jnp.arange(rows)
    return tokens[row, picked], scores[row, picked], lengths[row, picked], has_ended


def _is_answer(scores: jax.Array) -> jax.Array:
    """Whether scores are of answers, not of empty places; no penalty brings one to the other."""
    return scores > _NEVER / 1000


def _done(state: _Beams) -> jax.Array:
    """Returns bool[B]: whether as many answers have ended as there are beams."""
    return jnp.all(_is_answer(state.ended_scores), axis=1)


def _penalized(sums: jax.Array, length: jax.Array, how: Decoding) -> jax.Array:
    return sums / ((5.0 + length) / 6.0) ** how.alpha


def _grow(state: _Beams, model: Model, params: Tree, how: Decoding, eos_id: int) -> _Beams:
    rows, wide, _ = state.tokens.shape
    # Over all ids, as in training; then those that cannot be are left out.
    chances = possible(jax.nn.log_softmax(state.logits), model)
    size = chances.shape[-1]
    sums = state.sums[:, :, None] + chances.reshape(rows, wide, size)
    # Twice as many as beams: at most one continuation of each beam is EOS.
    sums, places = jax.lax.top_k(sums.reshape(rows, -1), 2 * wide)
    parent, token = places // size, (places % size).astype(jnp.int32)
    tokens = jnp.take_along_axis(state.tokens, parent[:, :, None], axis=1)
    tokens = jax.lax.dynamic_update_slice_in_dim(tokens, token[:, :, None], state.step, axis=2)
    is_end = token == eos_id
    ending = is_end & (jnp.arange(2 * wide) < wide) & ~_done(state)[:, None]
    ended_scores = jnp.where(ending, _penalized(sums, state.step + 1, how), _NEVER)
    ended_scores, best = jax.lax.top_k(
        jnp.concatenate([state.ended_scores, ended_scores], axis=1), wide
    )
    ended_tokens = jnp.concatenate([state.ended_tokens, tokens], axis=1)
    lengths = jnp.broadcast_to(state.step + 1, is_end.shape)
    ended_lengths = jnp.concatenate([state.ended_lengths, lengths], axis=1)
    sums, going = jax.lax.top_k(jnp.where(is_end, _NEVER, sums), wide)
    origin = jnp.take_along_axis(parent, going, axis=1)
    flat = (origin + jnp.arange(rows)[:, None] * wide).reshape(-1)
    # Keys and values of the inputs are the same for all beams of an example.
    moving = {n: v for n, v in state.cache.items() if not n.startswith("cross_")}
    cache = {**state.cache, **model.select_rows(moving, flat)}
    next_tokens = jnp.take_along_axis(token, going, axis=1)
    logits, cache = model.decode_step(params, cache, next_tokens.reshape(-1))
    return _Beams(
        step=state.step + 1,
        tokens=_of_beams(tokens, going),
        sums=sums,
        ended_tokens=_of_beams(ended_tokens, best),
        ended_scores=ended_scores,
        ended_lengths=jnp.take_along_axis(ended_lengths, best, axis=1),
        logits=logits,
        cache=cache,
    )


def _of_beams(values: Any, beams: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values, beams[:, :, None], axis=1)
