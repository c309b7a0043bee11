"""How likely a decoder finds each option, of prompts that are read as trees of tokens.

One pass reads prompts and options together; the head is applied where an option's token is
expected and nowhere else. What `trees` lays out is the same computation as each option alone
behind its prompt, `score`, but for the order of sums.

Programs are few whatever is asked. Beginnings that are read apart, and rows behind them, are padded
to few lengths, and `Pool.apart` bounds how many of these there are: beyond it, rows hold their
beginnings. The head does not depend on the shape of the batch that it reads.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.inference.pool import Batch, Pool, Waiting
from flan_tasks.inference.programs import Programs, bucket, inputs_batch
from flan_tasks.inference.questions import DistinctInput
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.score import Score
from flan_tasks.inference.trees import (
    Group,
    Leaf,
    Row,
    grouped,
    leaves_of,
    rows_of,
    together,
    tokens_together,
)
from flan_tasks.models.model import Cache, Model, Tree

# Fewest places that the head is applied to: less is another program and saves nothing.
_PLACES = 32
# Most tokens that are looked up at a place, as its powers: two in a tree of options that all end
# alike, and more where options are single tokens.
_AT_A_PLACE, _MORE = 2, 8
# Lengths of beginnings that are read apart, and of rows behind them; larger ones are doubled.
BEGINNINGS = (64, 128, 256, 384, 512, 768, 1024)
BEHIND = (64, 128, 256, 512, 768, 1024)


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
    for group, batches in _batches(grouped(leaves_of(inputs), share=share), pool, share=share):
        cache: Cache | None = None
        for batch in batches:
            numbers = {number for row in batch.items for _, _, number, _ in row.wanted}
            if all(inputs[number].is_done for number in numbers):
                left = [0 if n in numbers else count for n, count in enumerate(left)]
                continue
            if group.shared and cache is None:
                cache = _beginning(model, params, group, pool, programs)
                reading.add([group.shared], batch.kind)
            reading.add([len(row.tokens) for row in batch.items], batch.rows * batch.length)
            for (_, _, number, option), value in _scored(
                model, params, batch, cache, pool, programs
            ):
                sums[number][option] += value
                left[number] -= 1
            for number in sorted(numbers):
                one = inputs[number]
                if not left[number] and not one.is_done:
                    pairs = zip(sums[number].tolist(), one.options, strict=True)
                    yield one, [Score(total, len(option)) for total, option in pairs]


def _batches(
    groups: Iterable[Group], pool: Pool, *, share: bool
) -> Iterator[tuple[Group, list[Batch[int, Row]]]]:
    """Yields groups with their batches, those last that have no beginning of their own.

    A beginning is read apart where that saves tokens, padding included, and needs few programs.
    """
    rest: list[Leaf] = []
    for group in groups:
        if not group.shared:
            rest += group.leaves
            continue
        kind = bucket(group.shared, BEGINNINGS)
        waiting = [
            Waiting(kind, bucket(len(row.tokens), BEHIND), row)
            for row in rows_of(group, share=share)
        ]
        batches = list(pool.copy().batches(waiting))
        saved = tokens_together(group) - kind - sum(one.rows * one.length for one in batches)
        programs: set[Hashable] = {(kind,)}
        programs |= {(kind, one.length, one.rows) for one in batches}
        if pool.apart.allows(kind, programs, saved):
            yield group, list(pool.batches(waiting))
        else:
            rest += group.leaves
    if rest:
        group = together(rest)
        rows = rows_of(group, share=share)
        yield group, list(pool.batches([Waiting(0, len(row.tokens), row) for row in rows]))


def _beginning(model: Model, params: Tree, group: Group, pool: Pool, programs: Programs) -> Cache:
    """Returns the cached keys and values of what a group begins with."""
    # The first token is put before inputs by `inputs_batch`.
    length = bucket(group.shared, BEGINNINGS) - 1
    batch = inputs_batch(
        model.config.architecture, [group.beginning[1:]], length=length, rows=pool.multiple
    )
    return programs.call(("reading beginnings",), partial(_read, model), params, batch)


def _scored(
    model: Model,
    params: Tree,
    batch: Batch[int, Row],
    cache: Cache | None,
    pool: Pool,
    programs: Programs,
) -> Iterator[tuple[tuple[int, int, int, int], float]]:
    """Yields what is wanted of each row with its log-probability."""
    arrays = np.zeros((4, batch.rows, batch.length), np.int32)
    for place, row in enumerate(batch.items):
        for values, of_row in zip(
            arrays, (row.tokens, row.depths, row.ends(), row.blocks), strict=True
        ):
            values[place, : len(of_row)] = of_row
    # As many places of any batch, so that one program is the head of all.
    size = bucket(batch.rows * batch.length, (_up(pool.tokens, pool.multiple),))
    name = ("reading prompts and options", size)
    x = programs.call(name, partial(_trees, model, size), params, cache, *arrays)
    wanted = [
        (number * batch.length + one[0], one)
        for number, row in enumerate(batch.items)
        for one in row.wanted
    ]
    # Options that begin alike are expected at one place, and what they begin with once.
    index = {place: number for number, place in enumerate(dict.fromkeys(p for p, _ in wanted))}
    pairs = {(place, one[1]): None for place, one in wanted}
    places = np.zeros(_padded(len(index), _up(_PLACES, pool.multiple)), np.int32)
    places[: len(index)] = list(index)
    expected = np.zeros((2, _padded(len(pairs), _AT_A_PLACE * len(places), _MORE)), np.int32)
    expected[0, : len(pairs)] = [index[place] for place, _ in pairs]
    expected[1, : len(pairs)] = [token for _, token in pairs]
    function = partial(_log_probabilities, model)
    values = programs.call(("scoring options",), function, params, x, places, *expected)
    of_pair = dict(zip(pairs, np.asarray(values, np.float64).tolist(), strict=False))
    for place, one in wanted:
        yield one, of_pair[place, one[1]]


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _padded(count: int, least: int, times: int = 2) -> int:
    """Returns the least size, or as many times it as hold so many."""
    while least < count:
        least *= times
    return least


def _read(model: Model, params: Tree, batch: dict) -> Cache:
    _, cache = model.prefill(params, batch, 0)
    return {name: cache[name] for name in ("key", "value", "positions")}


def _trees(
    model: Model,
    size: int,
    params: Tree,
    cache: Cache | None,
    tokens: jax.Array,
    depths: jax.Array,
    ends: jax.Array,
    blocks: jax.Array,
) -> jax.Array:
    """Returns what the head reads at each token of each row, and zeros up to a size: [N, embed]."""
    x = model.trees(params, tokens, depths, ends, blocks, cache)
    x = x.reshape(-1, x.shape[-1])
    return jnp.pad(x, ((0, size - len(x)), (0, 0)))


def _log_probabilities(
    model: Model,
    params: Tree,
    x: jax.Array,
    places: jax.Array,
    expected: jax.Array,
    tokens: jax.Array,
) -> jax.Array:
    """Returns log-probabilities of tokens, each expected at one of the places."""
    logits = model.head_logits(params, x[places])
    return logits[expected, tokens] - jax.nn.logsumexp(logits, axis=-1)[expected]
