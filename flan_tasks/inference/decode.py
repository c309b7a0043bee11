"""Text from a model: greedy, sampled or by beam search, with cached keys and values.

Rows are written together, and those whose answers have ended take the next prompts, so that short
answers do not wait for a long one. Draws depend on the seed of each example and on how many tokens
it has, so what is written beside it does not matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.core.choice import mix
from flan_tasks.inference.beams import beam_search
from flan_tasks.inference.choosing import choose, possible
from flan_tasks.inference.pool import Waiting, length_class, pooled
from flan_tasks.inference.programs import TARGETS, Programs, bucket, inputs_batch
from flan_tasks.models.model import Model, Tree
from flan_tasks.specs.eval_config import Decoding

# The state of rows that are written: tokens [B, steps], the sums of their log-probabilities, their
# numbers with EOS, whether EOS came, whether the answer has ended; keys of draws, logits, cache.
_State = dict[str, Any]
# What is read of it.
_OUTPUTS = ("tokens", "scores", "lengths", "stopped")


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
    waiting = [Waiting((), len(ids), i) for i, ids in enumerate(prompts)]
    answers: dict[int, Generated] = {}
    longest = max((length_class(one.length) for one in waiting), default=1)
    for batch in pooled([waiting], tokens=batch_size * longest, most=batch_size):
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
    """Returns one answer for each prompt; arguments as `generate` has them.

    `length` is at least that of the prompts; `rows` are written at once, each by the next prompt
    when the answer of the one before has ended.
    """
    rows_write = _beams if decoding.method == "beam" else _refilled
    shape = _Shape(length, rows, bucket(decoding.max_tokens, TARGETS), eos_id)
    keys = _key_data([mix(decoding.seed, number) for number in seeds])
    return rows_write(model, params, prompts, keys, decoding, shape, programs)


class _Shape(NamedTuple):
    """What the programs of a batch depend on."""

    length: int
    """Tokens of inputs."""
    rows: int
    """Rows that are written at once."""
    steps: int
    """Room for the tokens of an answer."""
    eos_id: int
    """Ends an answer."""


def _beams(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    keys: np.ndarray,
    decoding: Decoding,
    shape: _Shape,
    programs: Programs,
) -> list[Generated]:
    """Writes batch by batch, each until its last example is done."""
    how: dict[str, Any] = {"decoding": decoding, "steps": shape.steps, "eos_id": shape.eos_id}
    name = ("beam decoding", replace(decoding, seed=0), shape.steps, shape.eos_id)
    answers = []
    for begin in range(0, len(prompts), shape.rows):
        part = prompts[begin : begin + shape.rows]
        batch = _inputs(model, part, shape.length, shape.rows)
        write = partial(beam_search, model, **how)
        outputs = programs.call(name, write, params, batch, _filled(keys[begin:], shape.rows))
        answers += _answers(outputs, range(len(part)))
    return answers


def _refilled(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    keys: np.ndarray,
    decoding: Decoding,
    shape: _Shape,
    programs: Programs,
) -> list[Generated]:
    """Writes token by token; rows whose answers have ended take the next prompts."""
    if not prompts:
        return []
    rows = shape.rows
    # A quarter of the rows at a time: reading a few prompts takes a program as large.
    share = max(rows // 4 // programs.multiple, 1) * programs.multiple
    name = (replace(decoding, seed=0), shape.steps, shape.eos_id)

    def begun(numbers: Sequence[int], size: int) -> _State:
        batch = _inputs(model, [prompts[n] for n in numbers], shape.length, size)
        is_prompt = np.arange(size) < len(numbers)
        begin = partial(_begin, model, steps=shape.steps)
        of_rows = _filled(keys[list(numbers)], size)
        return programs.call(
            ("reading prompts", shape.steps), begin, params, batch, of_rows, is_prompt
        )

    answers: dict[int, Generated] = {}
    # The prompt of each row; -1 is none.
    of_row = np.full(rows, -1)
    first = min(rows, len(prompts))
    of_row[:first] = range(first)
    state, following = begun(range(first), rows), first
    write = partial(_write, model, decoding=decoding, steps=shape.steps, eos_id=shape.eos_id)
    while True:
        left = len(prompts) - following
        # Rows without a prompt have ended from the beginning.
        enough = np.int32(min(share, left) if left else rows)
        state = programs.call((f"{decoding.method} decoding", *name), write, params, state, enough)
        ended = np.flatnonzero(np.asarray(state["ended"]) & (of_row >= 0))
        done = _answers([state[part] for part in _OUTPUTS], ended)
        answers |= dict(zip(of_row[ended].tolist(), done, strict=True))
        of_row[ended] = -1
        if not left and (of_row < 0).all():
            return [answers[number] for number in range(len(prompts))]
        free = np.flatnonzero(of_row < 0)
        for begin in range(0, len(free), share):
            places = free[begin : begin + share][: len(prompts) - following]
            if not len(places):
                break
            numbers = range(following, following + len(places))
            more = begun(numbers, share)
            # What is beyond the rows is dropped.
            slots = np.full(share, rows, np.int32)
            slots[: len(places)] = places
            state = programs.call(("filling rows",), partial(_put, model), state, more, slots)
            of_row[places] = numbers
            following += len(numbers)


def _inputs(
    model: Model, prompts: Sequence[np.ndarray], length: int, rows: int
) -> dict[str, np.ndarray]:
    return inputs_batch(model.config.architecture, prompts, length=length, rows=rows)


def _filled(keys: np.ndarray, rows: int) -> np.ndarray:
    """The keys of some rows; rows of padding repeat the last, as they do its prompt."""
    return keys[np.minimum(np.arange(rows), len(keys) - 1)]


def _answers(outputs: Sequence[Any], rows: Iterable[int]) -> list[Generated]:
    tokens, scores, lengths, stopped = (np.asarray(part) for part in outputs)
    answers = []
    for row in rows:
        used = int(lengths[row]) - bool(stopped[row])
        answers.append(Generated(tokens[row, :used], float(scores[row]), bool(stopped[row])))
    return answers


def _key_data(numbers: Sequence[int]) -> np.ndarray:
    """Keys of JAX's default generator, uint32[n, 2], from 64-bit numbers."""
    return np.array([(n >> 32, n & 0xFFFFFFFF) for n in numbers], np.uint32)


def _begin(
    model: Model,
    params: Tree,
    batch: dict[str, jax.Array],
    keys: jax.Array,
    is_prompt: jax.Array,
    *,
    steps: int,
) -> _State:
    """Reads prompts; rows that are none count as ended."""
    rows = keys.shape[0]
    logits, cache = model.prefill(params, batch, steps)
    return {
        "tokens": jnp.zeros((rows, steps), jnp.int32),
        "scores": jnp.zeros(rows, jnp.float32),
        "lengths": jnp.zeros(rows, jnp.int32),
        "stopped": jnp.zeros(rows, bool),
        "ended": ~is_prompt,
        "keys": keys,
        "logits": logits,
        "cache": cache,
    }


def _write(
    model: Model,
    params: Tree,
    state: _State,
    enough: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    eos_id: int,
) -> _State:
    """Writes tokens until so many rows have ended, those that had before among them."""
    # Read and never written by a step.
    same = {n: v for n, v in state["cache"].items() if n.startswith("cross_")}
    on_cpu = jax.default_backend() == "cpu"
    parted = {n: tuple(v.swapaxes(2, 3)) for n, v in same.items() if on_cpu and v.ndim > 2}
    params = model.unstacked(params) if on_cpu else params
    rows = jnp.arange(state["ended"].shape[0])
    total = state["cache"]["positions"].shape[1]

    def unfinished(state: _State) -> jax.Array:
        return jnp.sum(state["ended"]) < enough

    def write(state: _State) -> _State:
        ended, lengths, logits = state["ended"], state["lengths"], state["logits"]
        token = choose(possible(logits, model), state["keys"], lengths, decoding)
        gained = jnp.take_along_axis(jax.nn.log_softmax(logits), token[:, None], axis=1)[:, 0]
        place = jnp.where(ended, steps, lengths)
        lengths = lengths + ~ended
        stopped = state["stopped"] | (~ended & (token == eos_id))
        # As attention multiplies them, which it then need not turn for every token.
        laid = {n: tuple(x.swapaxes(1, 2) for x in parts) for n, parts in parted.items()}
        cache = {**state["cache"], **same, **laid}
        logits, cache = model.decode_step(params, cache, token)
        # The oldest place of an answer is free again when the answer is as long as may be.
        cache["used"] = jnp.where(cache["used"] < total, cache["used"], total - steps)
        return {
            **state,
            "tokens": state["tokens"].at[rows, place].set(token, mode="drop"),
            "scores": state["scores"] + jnp.where(ended, 0.0, gained),
            "lengths": lengths,
            "stopped": stopped,
            "ended": ended | stopped | (lengths >= decoding.max_tokens),
            "logits": logits,
            "cache": {name: value for name, value in cache.items() if name not in same},
        }

    moving = {name: value for name, value in state["cache"].items() if name not in same}
    state = jax.lax.while_loop(unfinished, write, {**state, "cache": moving})
    return {**state, "cache": {**state["cache"], **same}}


def _put(model: Model, state: _State, more: _State, slots: jax.Array) -> _State:
    """Puts rows into slots of a state; those beyond its rows are left out."""
    parts = {
        name: value.at[slots].set(more[name], mode="drop")
        for name, value in state.items()
        if name != "cache"
    }
    return {**parts, "cache": model.put_rows(state["cache"], more["cache"], slots)}
