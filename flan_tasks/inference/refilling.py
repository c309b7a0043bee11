"""Texts token by token: rows whose answers have ended take the next prompts.

So short answers do not wait for a long one. Prompts are read a quarter of the rows at a time, those
of about one length together, and stand in rows that are as long as the longest. Stop strings are
looked for in the texts of all rows every few tokens. When no prompts are left, a CPU, which takes
as long for a row as it does for its tokens, goes on with the rows that are not done. None of it
changes an answer: a row sees itself alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.inference.choosing import chosen
from flan_tasks.inference.programs import Programs, inputs_batch
from flan_tasks.inference.read_shares import Share, read_at_once, shares_of
from flan_tasks.models.cache import Cache, laid, lengthened, parted, rows_of, rows_put
from flan_tasks.models.model import Model, Tree
from flan_tasks.specs.eval_config import Decoding

# The state of rows that are written: tokens [B, steps], the sums of their log-probabilities, their
# numbers with EOS, whether EOS came, whether the answer has ended; keys of draws; the token that is
# next, and its log-probability; cache. Logits are not kept: a loop would copy them at every step.
_State = dict[str, Any]
# What is read of it.
_OUTPUTS = ("tokens", "scores", "lengths", "stopped", "ended")
# Keys and values that steps read and never write: of prompts, and of what all prompts share.
_CROSS, _PROMPT, _BEGINNING = "cross_", "prompt_", "beginning_"
# Tokens after which stop strings are looked for.
LOOKED = 8
# Fewer rows are not worth a program of their own.
_FEW = 4
# Whether the tokens of an answer hold all of it, whatever follows.
IsOver = Callable[[np.ndarray], bool]


class Generated(NamedTuple):
    """One answer."""

    tokens: np.ndarray
    """Its tokens, without EOS; some more where it ended at a stop string."""
    score: float
    """Sum of the log-probabilities of its tokens and EOS; for beams, after the length penalty."""
    ended: bool
    """Whether it ended by EOS, not by `max_tokens` or a stop string."""


class Shape(NamedTuple):
    """What the programs of a batch depend on."""

    length: int
    """Tokens of inputs."""
    rows: int
    """Rows that are written at once."""
    steps: int
    """Room for the tokens of an answer."""
    eos_id: int
    """Ends an answer."""


class Refilled:
    """Rows of a batch and the prompts that they take, one after the other.

    Args:
      model: the network.
      params: its parameters.
      prompts: all ids that are read of each; behind a beginning, what follows it.
      keys: of the draws of each.
      is_over: for each prompt, whether an answer is whole; None where it has no stop strings.
      decoding: how tokens are chosen.
      shape: of the batch.
      programs: keeps what is compiled.
      lengths: what prompts are padded to when they are read, that of the shape too if need be.
      beginning: cached keys and values of what all prompts begin with.
      sizes: of fewer rows, with which a CPU goes on when no prompt is left.
      writing: the parameters as `writing_params` gives them, where they are there already.
    """

    def __init__(
        self,
        model: Model,
        params: Tree,
        prompts: Sequence[np.ndarray],
        keys: np.ndarray,
        is_over: Sequence[IsOver | None],
        decoding: Decoding,
        shape: Shape,
        programs: Programs,
        *,
        lengths: Sequence[int] = (),
        beginning: Cache | None = None,
        sizes: Sequence[int] = (),
        writing: Tree | None = None,
    ) -> None:
        self._model, self._params, self._writing = model, params, writing
        self._prompts, self._keys, self._is_over = prompts, keys, is_over
        self._decoding, self._shape, self._programs = decoding, shape, programs
        self._beginning = beginning
        # Draws are by keys, so equal programs serve all seeds.
        self._name = replace(decoding, seed=0)
        self._on_cpu = jax.default_backend() == "cpu"
        self._sizes = sizes if self._on_cpu else ()
        # Reading fewer prompts at a time takes a program as large.
        self._share = read_at_once(shape.rows, programs.multiple)
        classes = {*(size for size in lengths if size < shape.length), shape.length}
        self._unread = deque(shares_of([len(ids) for ids in prompts], self._share, [*classes]))
        # The prompt of each row; -1 is none.
        self._of_row = np.full(shape.rows, -1)

    def write(self) -> list[Generated]:
        """Returns an answer for each prompt."""
        answers: dict[int, Generated] = {}
        if not self._prompts:
            return []
        state, fixed = self._begun()
        shared = self._beginning
        if shared is not None and self._on_cpu:
            shared = laid(shared)
        params = self._writing
        if params is None:
            params = writing_params(self._model, self._params)
        name = (self._name, self._shape.steps, self._shape.eos_id)
        step = partial(
            _write,
            self._model,
            decoding=self._decoding,
            steps=self._shape.steps,
            eos_id=self._shape.eos_id,
        )
        looks = any(is_over is not None for is_over in self._is_over)
        while True:
            left = len(self._unread[0].numbers) if self._unread else 0
            if not left:
                state, fixed = self._compacted(state, fixed, np.flatnonzero(self._of_row >= 0))
            size = len(self._of_row)
            # Rows without a prompt count as ended.
            enough = left or size
            if not left:
                enough = size - max((n for n in self._sizes if n < size), default=0)
            state, outputs = self._programs.call(
                (f"{self._decoding.method} decoding", *name),
                step,
                params,
                state,
                fixed,
                shared,
                self._of_row < 0,
                np.int32(enough),
                np.int32(LOOKED if looks else self._shape.steps),
                donate=(1,),
            )
            done = self._done([np.asarray(part) for part in outputs])
            answers |= done
            self._of_row[np.isin(self._of_row, list(done))] = -1
            idle = self._of_row < 0
            if not left and idle.all():
                return [answers[number] for number in range(len(self._prompts))]
            if left and idle.sum() >= enough:
                state, fixed = self._filled(state, fixed)

    def _begun(self) -> tuple[_State, Cache]:
        """Returns the state of all rows, as many as there are with their first prompts."""
        first = self._unread.popleft()
        state, fixed = self._read(first)
        # All rows hold something; those without a prompt are never looked at.
        rows = np.resize(np.arange(self._share, dtype=np.int32), len(self._of_row))
        if len(rows) > self._share:
            state, fixed = self._chosen(state, fixed, rows)
        self._of_row[: len(first.numbers)] = first.numbers
        return self._filled(state, fixed)

    def _read(self, share: Share) -> tuple[_State, Cache]:
        """Returns the state of rows that hold the prompts of a share."""
        prompts = [self._prompts[number] for number in share.numbers]
        batch = inputs_batch(self._model.config, prompts, length=share.length, rows=self._share)
        begin = partial(
            _begin,
            self._model,
            decoding=self._decoding,
            steps=self._shape.steps,
            empty=self._shape.length - share.length,
            lays=self._on_cpu,
        )
        return self._programs.call(
            ("reading prompts", self._name, self._shape.steps, self._shape.length),
            begin,
            self._params,
            batch,
            self._beginning,
            filled_keys(self._keys[share.numbers.start : share.numbers.stop], self._share),
            np.arange(self._share) < len(prompts),
        )

    def _done(self, outputs: Sequence[np.ndarray]) -> dict[int, Generated]:
        """Returns prompt -> answer of the rows that are done."""
        tokens, _, lengths, _, ended = outputs
        done = []
        for row in np.flatnonzero(self._of_row >= 0):
            is_over = self._is_over[self._of_row[row]]
            if ended[row] or (is_over is not None and is_over(tokens[row, : lengths[row]])):
                done.append(int(row))
        numbers = self._of_row[done].tolist() if done else []
        return dict(zip(numbers, answers_of(outputs, done), strict=True))

    def _filled(self, state: _State, fixed: Cache) -> tuple[_State, Cache]:
        """Has free rows take the next prompts, a share of them at a time."""
        while self._unread:
            free = np.flatnonzero(self._of_row < 0)
            count = len(self._unread[0].numbers)
            if len(free) < count:
                break
            share = self._unread.popleft()
            more, more_fixed = self._read(share)
            # What is beyond the rows is dropped.
            slots = np.full(self._share, len(self._of_row), np.int32)
            slots[:count] = free[:count]
            state, fixed = self._programs.call(
                ("filling rows",), _put, state, fixed, more, more_fixed, slots, donate=(0, 1)
            )
            self._of_row[free[:count]] = share.numbers
        return state, fixed

    def _compacted(self, state: _State, fixed: Cache, left: np.ndarray) -> tuple[_State, Cache]:
        """Leaves rows out that are done, where fewer are enough for the others."""
        size = min((n for n in self._sizes if n >= len(left)), default=len(self._of_row))
        if size >= len(self._of_row):
            return state, fixed
        rows = np.resize(left, size).astype(np.int32)
        state, fixed = self._chosen(state, fixed, rows)
        self._of_row = np.where(np.arange(size) < len(left), self._of_row[rows], -1)
        return state, fixed

    def _chosen(self, state: _State, fixed: Cache, rows: np.ndarray) -> tuple[_State, Cache]:
        """Returns some rows of a state."""
        if not self._on_cpu:
            return self._programs.call(("choosing rows",), _rows, state, fixed, rows)

        # NumPy does it as fast in a CPU's memory, and needs no program.
        def of_part(part: jax.Array) -> jax.Array:
            if not part.ndim:
                return part
            return jax.device_put(np.asarray(part)[rows], part.sharding)

        return jax.tree.map(of_part, (state, fixed))


def writing_params(model: Model, params: Tree) -> Tree:
    """Returns parameters as steps of writing read them: on a CPU, `unstacked`."""
    return model.unstacked(params) if jax.default_backend() == "cpu" else params


def sizes_of(rows: int, multiple: int = 1) -> list[int]:
    """Returns with how many rows a batch may go on when some are done: quarters of all of them.

    Each needs a program that writes.
    """
    sizes = [rows * part // 4 for part in (3, 2, 1) if rows * part % (4 * multiple) == 0]
    return [size for size in sizes if size >= _FEW]


def filled_keys(keys: np.ndarray, rows: int) -> np.ndarray:
    """The keys of some rows; rows of padding repeat the last, as they do its prompt."""
    return keys[np.minimum(np.arange(rows), len(keys) - 1)]


def answers_of(outputs: Sequence[Any], rows: Iterable[int]) -> list[Generated]:
    """Returns the answers of some rows of tokens, scores, lengths with EOS, and whether it came."""
    tokens, scores, lengths, stopped = (np.asarray(part) for part in outputs[:4])
    answers = []
    for row in rows:
        used = int(lengths[row]) - bool(stopped[row])
        answers.append(Generated(tokens[row, :used], float(scores[row]), bool(stopped[row])))
    return answers


def _begin(
    model: Model,
    params: Tree,
    batch: dict[str, jax.Array],
    beginning: Cache | None,
    keys: jax.Array,
    is_prompt: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    empty: int,
    lays: bool,
) -> tuple[_State, Cache]:
    """Reads prompts, and has so many empty places behind each; rows that are none count as ended.

    On a CPU it lays the cache.
    """
    rows = keys.shape[0]
    if model.config.architecture == "t5":
        logits, cache = model.prefill(params, batch, steps)
    else:
        logits, cache = model.prefill(params, batch, 0, beginning=beginning)
        cache = parted(cache, steps)
    cache = lengthened(cache, empty) if empty else cache
    if lays:
        cache = laid(cache)
    fixed = {n: v for n, v in cache.items() if n.startswith((_CROSS, _PROMPT))}
    lengths = jnp.zeros(rows, jnp.int32)
    token, log_prob = chosen(logits, keys, lengths, decoding, model)
    state = {
        "tokens": jnp.zeros((rows, steps), jnp.int32),
        "scores": jnp.zeros(rows, jnp.float32),
        "lengths": lengths,
        "stopped": jnp.zeros(rows, bool),
        "ended": ~is_prompt,
        "keys": keys,
        "next": token,
        "next_log_prob": log_prob,
        "cache": {n: v for n, v in cache.items() if n not in fixed},
    }
    return state, fixed


def _write(
    model: Model,
    params: Tree,
    state: _State,
    fixed: Cache,
    beginning: Cache | None,
    idle: jax.Array,
    enough: jax.Array,
    most: jax.Array,
    *,
    decoding: Decoding,
    steps: int,
    eos_id: int,
) -> tuple[_State, list[jax.Array]]:
    """Writes tokens until so many rows have ended, or so many steps are done."""
    shared = {f"{_BEGINNING}{n}": v for n, v in (beginning or {}).items()}
    rows = jnp.arange(idle.shape[0])
    total = state["cache"]["positions"].shape[1]

    def unfinished(carry: tuple[jax.Array, _State]) -> jax.Array:
        step, state = carry
        return (step < most) & (jnp.sum(state["ended"]) < enough)

    def write(carry: tuple[jax.Array, _State]) -> tuple[jax.Array, _State]:
        step, state = carry
        ended, lengths, token = state["ended"], state["lengths"], state["next"]
        place = jnp.where(ended, steps, lengths)
        lengths = lengths + ~ended
        stopped = state["stopped"] | (~ended & (token == eos_id))
        logits, cache = model.decode_step(params, {**state["cache"], **fixed, **shared}, token)
        # The oldest place of an answer is free again when the answer is as long as may be.
        cache["used"] = jnp.where(cache["used"] < total, cache["used"], total - steps)
        following, log_prob = chosen(logits, state["keys"], lengths, decoding, model)
        return step + 1, {
            **state,
            "tokens": state["tokens"].at[rows, place].set(token, mode="drop"),
            "scores": state["scores"] + jnp.where(ended, 0.0, state["next_log_prob"]),
            "lengths": lengths,
            "stopped": stopped,
            "ended": ended | stopped | (lengths >= decoding.max_tokens),
            "next": following,
            "next_log_prob": log_prob,
            "cache": {name: cache[name] for name in state["cache"]},
        }

    state = {**state, "ended": state["ended"] | idle}
    _, state = jax.lax.while_loop(unfinished, write, (jnp.int32(0), state))
    return state, [state[name] for name in _OUTPUTS]


def _put(
    state: _State, fixed: Cache, more: _State, more_fixed: Cache, slots: jax.Array
) -> tuple[_State, Cache]:
    """Puts rows into slots of a state; those beyond its rows are left out."""
    parts = {
        name: value.at[slots].set(more[name], mode="drop")
        for name, value in state.items()
        if name != "cache"
    }
    put = {**parts, "cache": rows_put(state["cache"], more["cache"], slots)}
    return put, rows_put(fixed, more_fixed, slots)


def _rows(state: _State, fixed: Cache, rows: jax.Array) -> tuple[_State, Cache]:
    """Returns some rows of a state."""
    parts = {name: value[rows] for name, value in state.items() if name != "cache"}
    return {**parts, "cache": rows_of(state["cache"], rows)}, rows_of(fixed, rows)
