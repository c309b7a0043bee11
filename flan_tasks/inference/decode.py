"""Text from a model: greedy, sampled or by beam search, with cached keys and values.

One program reads the inputs and writes all tokens of a batch; it ends early when every row has
ended. Draws depend on the seed of each example, so its batch and its place there do not matter.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.core.choice import mix
from flan_tasks.inference.pool import Waiting, pooled
from flan_tasks.inference.programs import INPUTS, TARGETS, Programs, bucket, inputs_batch
from flan_tasks.models.model import Cache, Model, Tree
from flan_tasks.specs.eval_config import Decoding

_NEVER = -1e9


class Generated(NamedTuple):
    """One answer."""

    tokens: np.ndarray
    """Its tokens, without EOS."""
    score: float
    """Sum of the log-probabilities of its tokens and EOS; for beams, after the length penalty."""
    ended: bool
    """Whether it ended by itself, not by `max_tokens`."""


def generate(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    decoding: Decoding,
    *,
    eos_id: int,
    batch_size: int,
    programs: Programs,
    seeds: Sequence[int] | None = None,
) -> list[Generated]:
    """Returns one answer for each prompt.

    Args:
      model: the network.
      params: its parameters.
      prompts: ids of the inputs, EOS included.
      decoding: how tokens are chosen.
      eos_id: ends an answer.
      batch_size: prompts read at once.
      programs: keeps what is compiled.
      seeds: a number for each prompt that samples depend on; its place in `prompts` by default.

    Raises:
      EvaluationError: too many programs would be compiled.
    """
    seeds = range(len(prompts)) if seeds is None else seeds
    waiting = [Waiting((), bucket(len(ids), INPUTS), i) for i, ids in enumerate(prompts)]
    answers: dict[int, Generated] = {}
    for batch in pooled([waiting], size=batch_size):
        texts = generate_batch(
            model,
            params,
            [prompts[i] for i in batch.items],
            decoding,
            eos_id=eos_id,
            length=batch.length,
            rows=batch.rows,
            programs=programs,
            seeds=[seeds[i] for i in batch.items],
        )
        answers |= dict(zip(batch.items, texts, strict=True))
    return [answers[number] for number in range(len(prompts))]


def generate_batch(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    decoding: Decoding,
    *,
    eos_id: int,
    length: int,
    rows: int,
    programs: Programs,
    seeds: Sequence[int],
) -> list[Generated]:
    """Returns one answer for each prompt of a batch; arguments as `generate` has them.

    `length` and `rows` are the shape of the batch, at least that of the prompts.
    """
    steps = bucket(decoding.max_tokens, TARGETS)
    write = partial(_beam if decoding.method == "beam" else _token_by_token, model)
    how = {"decoding": decoding, "steps": steps, "eos_id": eos_id}
    name = (f"{decoding.method} decoding", replace(decoding, seed=0), steps, eos_id)
    batch = inputs_batch(model.config.architecture, prompts, length=length, rows=rows)
    # Rows of padding repeat the last prompt with its seed, and so end when it does.
    numbers = [*seeds, *[seeds[-1]] * (rows - len(prompts))]
    keys = _key_data([mix(decoding.seed, number) for number in numbers])
    outputs = programs.call(name, partial(write, **how), params, batch, keys)
    tokens, scores, lengths, ended = (np.asarray(part) for part in outputs)
    answers = []
    for row in range(len(prompts)):
        used = int(lengths[row]) - bool(ended[row])
        answers.append(Generated(tokens[row, :used], float(scores[row]), bool(ended[row])))
    return answers


def _key_data(numbers: Sequence[int]) -> np.ndarray:
    """Keys of JAX's default generator, uint32[n, 2], from 64-bit numbers."""
    return np.array([(n >> 32, n & 0xFFFFFFFF) for n in numbers], np.uint32)


def _token_by_token(
    model: Model,
    params: Tree,
    batch: dict[str, jax.Array],
    keys: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    eos_id: int,
) -> tuple[jax.Array, ...]:
    """Returns tokens [B, steps], scores, lengths with EOS, and whether each row ended."""
    rows = keys.shape[0]
    logits, cache = model.prefill(params, batch, steps)

    def unfinished(state: tuple) -> jax.Array:
        step, _, ended, *_ = state
        return (step < decoding.max_tokens) & ~jnp.all(ended)

    def write(state: tuple) -> tuple:
        step, tokens, ended, lengths, scores, logits, cache = state
        token = _choose(_possible(logits, model), keys, step, decoding)
        token = jnp.where(ended, 0, token)
        gained = jnp.take_along_axis(jax.nn.log_softmax(logits), token[:, None], axis=1)[:, 0]
        scores = scores + jnp.where(ended, 0.0, gained)
        lengths = lengths + ~ended
        tokens = jax.lax.dynamic_update_slice_in_dim(tokens, token[:, None], step, axis=1)
        ended = ended | (token == eos_id)
        logits, cache = model.decode_step(params, cache, token)
        return step + 1, tokens, ended, lengths, scores, logits, cache

    state = (
        jnp.zeros((), jnp.int32),
        jnp.zeros((rows, steps), jnp.int32),
        jnp.zeros(rows, bool),
        jnp.zeros(rows, jnp.int32),
        jnp.zeros(rows, jnp.float32),
        logits,
        cache,
    )
    _, tokens, ended, lengths, scores, *_ = jax.lax.while_loop(unfinished, write, state)
    return tokens, scores, lengths, ended


def _possible(scores: jax.Array, model: Model) -> jax.Array:
    """Returns scores of tokens with the ids that only pad the vocabulary made impossible."""
    real = jnp.arange(scores.shape[-1]) < model.config.vocabulary_size
    return jnp.where(real, scores, -jnp.inf)


def _choose(logits: jax.Array, keys: jax.Array, step: jax.Array, how: Decoding) -> jax.Array:
    if how.method == "greedy":
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    logits = likeliest(logits / how.temperature, how)

    def draw(key: jax.Array, of_row: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.wrap_key_data(key), step)
        return jax.random.categorical(key, of_row)

    return jax.vmap(draw)(keys, logits).astype(jnp.int32)


def likeliest(logits: jax.Array, how: Decoding) -> jax.Array:
    """Returns logits [B, V] with all but the tokens to sample among at minus infinity."""
    if how.top_k:
        highest, _ = jax.lax.top_k(logits, min(how.top_k, logits.shape[-1]))
        logits = jnp.where(logits < highest[:, -1:], -jnp.inf, logits)
    if how.top_p < 1:
        highest = jnp.flip(jnp.sort(logits, axis=-1), axis=-1)
        shares = jax.nn.softmax(highest, axis=-1)
        # A token counts while those before it have less than the share: the first always does.
        is_likely = jnp.cumsum(shares, axis=-1) - shares < how.top_p
        least = jnp.min(jnp.where(is_likely, highest, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits < least, -jnp.inf, logits)
    return logits


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


def _beam(
    model: Model,
    params: Tree,
    batch: dict[str, jax.Array],
    keys: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    eos_id: int,
) -> tuple[jax.Array, ...]:
    """Returns what `_token_by_token` does, of the best beam of each example.

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
    chances = _possible(jax.nn.log_softmax(state.logits), model)
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
