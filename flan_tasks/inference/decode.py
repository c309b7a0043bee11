"""Text from a model: greedy, sampled or by beam search, with cached keys and values.

Rows are written together (`refilling`). Draws depend on the seed of each example and on how many
tokens it has, so what is written beside it does not matter.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from flan_tasks.core.choice import mix
from flan_tasks.inference.beams import beam_search
from flan_tasks.inference.pool import Waiting, length_class, pooled
from flan_tasks.inference.programs import TARGETS, Programs, bucket, inputs_batch
from flan_tasks.inference.refilling import (
    Generated,
    IsOver,
    Refilled,
    Shape,
    answers_of,
    filled_keys,
    sizes_of,
)
from flan_tasks.models.model import Cache, Model, Tree
from flan_tasks.specs.eval_config import Decoding


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
    is_over: Sequence[IsOver | None] | None = None,
) -> list[Generated]:
    """Returns one answer for each prompt.

    Args:
      model: the network.
      params: its parameters.
      prompts: all ids that are read of each.
      decoding: how tokens are chosen.
      eos_id: ends an answer.
      batch_size: prompts read at once.
      programs: keeps what is compiled.
      seeds: a number for each prompt that samples depend on; its place in `prompts` by default.
      is_over: as `generate_batch` has it.

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
            is_over=None if is_over is None else [is_over[i] for i in batch.items],
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
    is_over: Sequence[IsOver | None] | None = None,
    lengths: Sequence[int] = (),
    beginning: Cache | None = None,
    sizes: Sequence[int] | None = None,
    writing: Tree | None = None,
) -> list[Generated]:
    """Returns one answer for each prompt; arguments as `generate` has them, and these.

    Args:
      model: the network.
      params: its parameters.
      prompts: all ids that are read of each; behind a beginning, what follows it.
      decoding: how tokens are chosen.
      eos_id: ends an answer.
      length: at least that of the prompts.
      rows: written at once, each by the next prompt when the answer of the one before has ended.
      programs: keeps what is compiled.
      seeds: a number for each prompt that samples depend on.
      is_over: for each prompt, says of the tokens so far whether the answer is whole; beams are
        written to their end.
      lengths: shorter ones that prompts may be padded to when they are read; of none of beams.
      beginning: cached keys and values of what all prompts begin with; of none of beams.
      sizes: of fewer rows, with which a CPU goes on when no prompt is left; by default `sizes_of`.
      writing: the parameters as steps of writing read them, where they are there already.
    """
    shape = Shape(length, rows, bucket(decoding.max_tokens, TARGETS), eos_id)
    keys = _key_data([mix(decoding.seed, number) for number in seeds])
    if decoding.method == "beam":
        return _beams(model, params, prompts, keys, decoding, shape, programs)
    is_over = is_over or [None] * len(prompts)
    return Refilled(
        model,
        params,
        prompts,
        keys,
        is_over,
        decoding,
        shape,
        programs,
        lengths=lengths,
        beginning=beginning,
        sizes=sizes_of(rows, programs.multiple) if sizes is None else sizes,
        writing=writing,
    ).write()


def _beams(
    model: Model,
    params: Tree,
    prompts: Sequence[np.ndarray],
    keys: np.ndarray,
    decoding: Decoding,
    shape: Shape,
    programs: Programs,
) -> list[Generated]:
    """Writes batch by batch, each until its last example is done."""
    name = ("beam decoding", replace(decoding, seed=0), shape.steps, shape.eos_id)
    answers = []
    for begin in range(0, len(prompts), shape.rows):
        part = prompts[begin : begin + shape.rows]
        batch = _inputs(model, part, shape.length, shape.rows)
        write = partial(
            beam_search, model, decoding=decoding, steps=shape.steps, eos_id=shape.eos_id
        )
        outputs = programs.call(name, write, params, batch, filled_keys(keys[begin:], shape.rows))
        answers += answers_of(outputs, range(len(part)))
    return answers


def _inputs(
    model: Model, prompts: Sequence[np.ndarray], length: int, rows: int
) -> dict[str, np.ndarray]:
    return inputs_batch(model.config, prompts, length=length, rows=rows)


def _key_data(numbers: Sequence[int]) -> np.ndarray:
    """Keys of JAX's default generator, uint32[n, 2], from 64-bit numbers."""
    return np.array([(n >> 32, n & 0xFFFFFFFF) for n in numbers], np.uint32)
