"""How likely a decoder finds each option, of prompts that are read as trees of tokens.

One pass reads prompts and options together; the head is applied where an option's token is
expected and nowhere else. What `trees` lays out is the same computation as each option alone
behind its prompt, `score`, but for the order of sums.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.inference.pool import Batch, Pool, Waiting, length_class
from flan_tasks.inference.programs import Programs, inputs_batch
from flan_tasks.inference.questions import DistinctInput
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.score import Score
from flan_tasks.inference.trees import Group, Row, grouped, leaves_of, rows_of
from flan_tasks.models.head_parts import POSITIONS, num_parts, parted
from flan_tasks.models.model import Cache, Model, Tree

# Fewest places that the head is applied to: less is another program and saves nothing.
_PLACES = 32


def score_trees(
    model: Model,
    params: Tree,
    inputs: Sequence[DistinctInput],
    *,
    pool: Pool,
    programs: Programs,
    reading: Reading,
) -> Iterator[tuple[DistinctInput, list[Score]]]:
    """Yields the scores of the options of each input that is not done, in the order of batches.

    Args:
      model: a decoder-only network.
      params: its parameters.
      inputs: what is asked.
      pool: cuts rows into batches.
      programs: keeps what is compiled.
      reading: counts what is read.

    Raises:
      EvaluationError: too many programs would be compiled.
    """
    share = model.config.inputs_attention == "causal"
    sums = [np.zeros(len(one.options)) for one in inputs]
    left = [sum(len(option) for option in one.options) for one in inputs]
    for number, one in enumerate(inputs):
        if not left[number] and not one.is_done:
            yield one, []
    for group in grouped(leaves_of(inputs), share=share):
        cache: Cache | None = None
        for batch in pool.batches(_waiting(group, share)):
            numbers = {number for row in batch.items for _, _, number, _ in row.wanted}
            if all(inputs[number].is_done for number in numbers):
                left = [0 if n in numbers else count for n, count in enumerate(left)]
                continue
            if group.shared and cache is None:
                cache = _beginning(model, params, group, pool, programs)
                reading.add([group.shared], length_class(group.shared))
            reading.add([len(row.tokens) for row in batch.items], batch.rows * batch.length)
            for (_, _, number, option), value in _scored(
                model, params, batch, cache, pool.multiple, programs
            ):
                sums[number][option] += value
                left[number] -= 1
            for number in sorted(numbers):
                one = inputs[number]
                if not left[number] and not one.is_done:
                    pairs = zip(sums[number].tolist(), one.options, strict=True)
                    yield one, [Score(total, len(option)) for total, option in pairs]


def _waiting(group: Group, share: bool) -> list[Waiting[int, Row]]:
    kind = length_class(group.shared) if group.shared else 0
    return [Waiting(kind, len(row.tokens), row) for row in rows_of(group, share=share)]


def _beginning(model: Model, params: Tree, group: Group, pool: Pool, programs: Programs) -> Cache:
    """Returns the cached keys and values of what a group begins with."""
    length = length_class(group.shared)
    batch = inputs_batch(model.config, [group.beginning], length=length, rows=pool.multiple)
    return programs.call(("reading beginnings",), partial(_read, model), params, batch)


def _scored(
    model: Model,
    params: Tree,
    batch: Batch[int, Row],
    cache: Cache | None,
    multiple: int,
    programs: Programs,
) -> Iterator[tuple[tuple[int, int, int, int], float]]:
    """Yields what is wanted of each row with its log-probability."""
    arrays = np.zeros((4, batch.rows, batch.length), np.int32)
    for place, row in enumerate(batch.items):
        for values, of_row in zip(
            arrays, (row.tokens, row.depths, row.ends(), row.blocks), strict=True
        ):
            values[place, : len(of_row)] = of_row
    function = partial(_trees, model)
    x = programs.call(("reading prompts and options",), function, params, cache, *arrays)
    wanted = [
        (number * batch.length + one[0], one)
        for number, row in enumerate(batch.items)
        for one in row.wanted
    ]
    # Options that begin alike are expected at one place.
    index = {place: number for number, place in enumerate(dict.fromkeys(p for p, _ in wanted))}
    places = np.zeros(_padded(len(index), multiple), np.int32)
    places[: len(index)] = list(index)
    pairs = np.zeros((2, _padded(len(wanted), multiple)), np.int32)
    pairs[0, : len(wanted)] = [index[place] for place, _ in wanted]
    pairs[1, : len(wanted)] = [token for _, (_, token, _, _) in wanted]
    function = partial(_log_probabilities, model, multiple)
    values = programs.call(("scoring options",), function, params, x, places, *pairs)
    for (_, one), value in zip(wanted, np.asarray(values, np.float64).tolist(), strict=False):
        yield one, value


def _padded(count: int, multiple: int) -> int:
    size = -(-_PLACES // multiple) * multiple
    while size < count:
        size *= 2
    return size


def _read(model: Model, params: Tree, batch: dict) -> Cache:
    _, cache = model.prefill(params, batch, 0)
    return {name: cache[name] for name in ("key", "value", "positions")}


def _trees(
    model: Model,
    params: Tree,
    cache: Cache | None,
    tokens: jax.Array,
    depths: jax.Array,
    ends: jax.Array,
    blocks: jax.Array,
) -> jax.Array:
    return model.trees(params, tokens, depths, ends, blocks, cache)


def _log_probabilities(
    model: Model,
    rows: int,
    params: Tree,
    x: jax.Array,
    places: jax.Array,
    expected: jax.Array,
    tokens: jax.Array,
) -> jax.Array:
    """Returns log-probabilities of tokens, each expected at one of the places.

    Places are laid out in so many `rows`, one for each device, and meet the head in parts.
    """
    parts = num_parts(1, len(places) // rows, POSITIONS)
    if parts == 1:
        logits = model.head_logits(params, x.reshape(-1, x.shape[-1])[places])
        return logits[expected, tokens] - jax.nn.logsumexp(logits, axis=-1)[expected]
    cut = parted(x.reshape(-1, x.shape[-1])[places].reshape(rows, len(places) // rows, -1), parts)
    row, column = jnp.divmod(expected, len(places) // rows)
    part, column = jnp.divmod(column, cut.shape[2])

    def add(values: jax.Array, of_part: tuple) -> tuple[jax.Array, None]:
        number, x = of_part
        logits = model.head_logits(params, x)
        chances = logits[row, column, tokens] - jax.nn.logsumexp(logits, axis=-1)[row, column]
        return jnp.where(part == number, chances, values), None

    zeros = jnp.zeros(tokens.shape, jnp.float32)
    return jax.lax.scan(add, zeros, (jnp.arange(parts), cut))[0]
