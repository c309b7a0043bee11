"""How likely a model finds each option of an example: the sum of its tokens' log-probabilities.

Inputs are read once: the encoder's output and its keys and values, or the cache of a decoder's
beginning. Options then lie side by side in one row, each a segment that sees the inputs and itself
alone. An example with more options than a row holds goes on in the next row, on the same cache.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.inference.pool import Waiting, length_class, pooled
from flan_tasks.inference.programs import Programs, bucket, inputs_batch
from flan_tasks.models.head_parts import POSITIONS, by_parts, num_parts
from flan_tasks.models.model import Cache, Model, Tree

# Widths of rows of options; one option that is longer gets a wider row.
ROWS = (8, 32, 128)


class Score(NamedTuple):
    """What a model gives to one option."""

    sum: float
    """Sum of the log-probabilities of its tokens, EOS included."""
    tokens: int
    """Number of its tokens, EOS included."""

    @property
    def mean(self) -> float:
        """The sum for each token: longer options are not at a loss by their length alone."""
        return self.sum / self.tokens


class _Chunk(NamedTuple):
    """Options of one example that share a row."""

    options: list[int]
    """Their numbers among the example's options."""
    ids: list[np.ndarray]
    """Their ids, EOS included."""


def score_options(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    options: Sequence[Sequence[np.ndarray]],
    *,
    batch_size: int,
    programs: Programs,
) -> list[list[Score]]:
    """Returns the score of each option of each prompt.

    Args:
      model: the network.
      params: its parameters.
      prompts: all ids that are read of each.
      options: for each prompt the ids of its options, each with EOS.
      batch_size: prompts read at once.
      programs: keeps what is compiled.

    Raises:
      EvaluationError: too many programs would be compiled.
    """
    waiting = [
        Waiting(width_of(of_one), len(ids), number)
        for number, (ids, of_one) in enumerate(zip(prompts, options, strict=True))
    ]
    scores: dict[int, list[Score]] = {}
    longest = max((length_class(one.length) for one in waiting), default=1)
    for batch in pooled([waiting], tokens=batch_size * longest, most=batch_size):
        of_batch = score_batch(
            model,
            params,
            [prompts[i] for i in batch.items],
            [options[i] for i in batch.items],
            width=batch.kind,
            length=batch.length,
            rows=batch.rows,
            programs=programs,
        )
        scores |= dict(zip(batch.items, of_batch, strict=True))
    return [scores[number] for number in range(len(prompts))]


def width_of(options: Sequence[np.ndarray]) -> int:
    """Returns the width in tokens of the rows that an example's options are laid into."""
    longest = max((len(ids) for ids in options), default=1)
    return max(bucket(longest, ROWS), bucket(min(_room(options), ROWS[-1]), ROWS))


def score_batch(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    options: Sequence[Sequence[np.ndarray]],
    *,
    width: int,
    length: int,
    rows: int,
    programs: Programs,
) -> list[list[Score]]:
    """Returns the scores of one batch; arguments as `score_options` has them.

    `length` and `rows` are the shape of the inputs, at least that of the prompts; `width` is that
    of the rows of options, at least the `width_of` each example's.
    """
    chunks = [list(_chunked(of_one, width)) for of_one in options]
    scores = [[Score(0.0, 1)] * len(of_one) for of_one in options]
    batch = inputs_batch(model.config, prompts, length=length, rows=rows)
    read = partial(_read, model)
    first, cache = programs.call(("reading inputs",), read, params, batch)
    for turn in range(max(len(of_one) for of_one in chunks)):
        of_turn = [of_one[turn] if turn < len(of_one) else None for of_one in chunks]
        arrays = _rows([*of_turn, *[None] * (rows - len(prompts))], width)
        parts = num_parts(rows // programs.multiple, width, POSITIONS)
        function = partial(_log_probabilities, model, parts)
        outputs = programs.call(("scoring options",), function, params, cache, first, *arrays)
        begun, went_on = (np.asarray(part, np.float64) for part in outputs)
        for row, chunk in enumerate(of_turn):
            if chunk is None:
                continue
            for place, option in enumerate(chunk.options):
                inside = arrays[1][row] == place + 1
                total = begun[row, place] + went_on[row][inside].sum()
                scores[row][option] = Score(float(total), len(chunk.ids[place]))
    return scores


def _read(model: Model, params: Tree, batch: dict) -> tuple[jax.Array, Cache]:
    """Returns log-probabilities [B, V] of the first token, and the cache of the inputs."""
    logits, cache = model.prefill(params, batch, 0)
    return jax.nn.log_softmax(logits), cache


def _log_probabilities(
    model: Model,
    parts: int,
    params: Tree,
    cache: Cache,
    first: jax.Array,
    tokens: jax.Array,
    segments: jax.Array,
    targets: jax.Array,
    beginnings: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Returns log-probabilities of the options' first tokens, and of the tokens after each."""

    def of_targets(x: jax.Array, targets: jax.Array) -> jax.Array:
        logits = model.head_logits(params, x)
        # Without a second array of the size of the logits.
        target_logits = jnp.take_along_axis(logits, targets[:, :, None], axis=-1)[:, :, 0]
        return target_logits - jax.nn.logsumexp(logits, axis=-1)

    x = model.extended(params, cache, tokens, segments)
    after = by_parts(of_targets, parts, x, targets)
    return jnp.take_along_axis(first, beginnings, axis=-1), after


def _room(options: Sequence[np.ndarray]) -> int:
    """Places that options take side by side: nobody reads what follows an option's last token."""
    return max(sum(max(1, len(ids) - 1) for ids in options), 1)


def _chunked(options: Sequence[np.ndarray], width: int) -> list[_Chunk]:
    """Cuts the options of an example into rows, in their order."""
    chunks: list[_Chunk] = []
    left = 0
    for number, ids in enumerate(options):
        room = _room([ids])
        if not chunks or room > left:
            chunks.append(_Chunk([], []))
            left = width
        chunks[-1].options.append(number)
        chunks[-1].ids.append(ids)
        left -= room
    return chunks


def _rows(chunks: Sequence[_Chunk | None], width: int) -> tuple[np.ndarray, ...]:
    """Returns tokens, segment ids, the token after each, and each segment's first token."""
    tokens, segments, targets, beginnings = np.zeros((4, len(chunks), width), np.int32)
    for row, chunk in enumerate(chunks):
        begin = 0
        for place, ids in enumerate(chunk.ids if chunk else ()):
            span = slice(begin, begin + len(ids) - 1)
            tokens[row, span] = ids[:-1]
            targets[row, span] = ids[1:]
            segments[row, span] = place + 1
            beginnings[row, place] = ids[0]
            begin = span.stop
    return tokens, segments, targets, beginnings
