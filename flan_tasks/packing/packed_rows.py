"""A shard of packed rows as arrays: rendered, tokenized, trimmed and packed in large steps."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.packing.encoder import Encoder
from flan_tasks.packing.features import EXAMPLES, OFFSETS, STORED, TASKS
from flan_tasks.packing.packing import Packing, lower_bound, pack, simple_bound
from flan_tasks.packing.span_corruption import LEAST_TOKENS, Corruption
from flan_tasks.plan import draws
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.fitting import Fitted, FittingCounts
from flan_tasks.plan.plan import Plan, Rows
from flan_tasks.plan.rows import render_chunk, render_texts
from flan_tasks.specs.formats import DECODER, ENCODER_DECODER
from flan_tasks.vocabulary import Encoded, Vocabulary
from flan_tasks.vocabulary.text_counts import PARTS, TextCounts

# Rows gathered from the store at once: a gathering costs as much as some hundred rows.
WINDOW = 16_384
_ROW_ORDER = hash_text("order of packed rows")


@dataclass(frozen=True)
class PackedShard:
    """Packed rows of one shard, as they are written."""

    arrays: Mapping[str, np.ndarray]
    """Feature -> array; token ids are uint16 where the vocabulary fits, else uint32: `inputs`,
    `targets` (or `tokens`) [rows, length], their `..segment_ids` (uint8, 0 is padding) and,
    decoder-only, `loss_mask` (uint8); `offsets` int64[rows + 1]; `examples` (rows of the plan)
    int64[examples]; `tasks` (numbers of the plan's ingredients) int16[examples], or int32 where
    there are more than 32,768."""
    task: np.ndarray
    """Number of the ingredient of each example, in plan order: int64[examples]."""
    template: np.ndarray
    """Number of its template, likewise."""
    num_shots: np.ndarray
    """Exemplars in its prompt, likewise."""
    option_styles: Counter[tuple[int, str]]
    """(number of the ingredient, id of the style in which options are listed) -> examples; empty
    where all are listed in the plain way."""
    texts: Mapping[str, TextCounts]
    """Part -> what its texts came to, in plan order; prompts as they were before they were
    fitted."""
    fitting: FittingCounts
    """What became of prompts that were too long."""
    written: Mapping[str, int]
    """Tokens of the prompts as they are written, and of the longest, EOS not counted."""
    simple_bound: int
    """Rows no packing could go under, by tokens and by examples over half a row."""
    bound: int
    """The same, counting besides examples that leave no other any room."""
    chat: Mapping[str, Any] = field(default_factory=dict)
    """Task -> turns and tokens of its conversations, where rows are such."""

    @property
    def num_rows(self) -> int:
        """Number of packed rows."""
        return len(self.arrays[OFFSETS]) - 1


@dataclass(frozen=True)
class EncodedRows:
    """Some rows of a plan as ids."""

    places: np.ndarray
    """Which of the plan they are, from `start` on: int64[n]."""
    rows: Rows
    """Which task, example and template each of them is."""
    num_shots: np.ndarray
    """Exemplars in the prompt of each: int64[n]."""
    option_styles: list[str]
    """Id of the style in which the prompt of each lists the options; empty where it lists none."""
    inputs: Encoded
    """Their inputs."""
    targets: Encoded
    """Their targets."""
    texts: Mapping[str, TextCounts]
    """Part -> what its texts came to; prompts as they were before they were fitted."""


def encoded_rows(
    plan: Plan,
    start: int,
    stop: int,
    vocabulary: Vocabulary,
    lengths: Mapping[str, int],
    fitting: FittingCounts,
) -> Iterator[EncodedRows]:
    """Yields rows `start` to `stop` of a plan as ids, in order, in large steps; those that fit.

    Args:
      plan: the rows.
      start: first of them.
      stop: the row after the last.
      vocabulary: gives the ids.
      lengths: longest inputs and targets, EOS included; longer prompts are fitted, and the end of
        longer targets is cut.
      fitting: counts what became of the prompts.
    """
    names = [item.name for item in plan.ingredients]
    encoder = Encoder(vocabulary, lengths)
    budget = encoder.budget
    for first in range(start, stop, WINDOW):
        rows = plan.rows(first, min(first + WINDOW, stop))
        texts = render_texts(plan, rows, budget=budget)

        def again(over: np.ndarray, rows: Rows = rows) -> list[BuiltRow]:
            return render_chunk(plan, rows.take(over), budget=budget)

        encoded = encoder.encode_rows(texts.inputs, texts.targets, again)
        fitting.add([names[task] for task in rows.task.tolist()], encoded.fitted)
        numbers = encoded.fitted.kept
        yield EncodedRows(
            first - start + numbers,
            rows.take(numbers),
            texts.num_shots[numbers],
            [texts.option_styles[number] for number in numbers.tolist()],
            encoded.fitted.encoded,
            encoded.targets,
            encoded.counts,
        )


def corrupted_rows(
    plan: Plan, start: int, stop: int, corruption: Corruption, fitting: FittingCounts
) -> Iterator[EncodedRows]:
    """Yields the texts of rows `start` to `stop` of a plan with spans hidden, in order, in large
    steps: one example of a row, whose end is cut where it is too long.

    Args:
      plan: the rows; their prompts are the texts.
      start: first of them.
      stop: the row after the last.
      corruption: how spans are hidden.
      fitting: counts the rows that have nothing to hide, which are left out.
    """
    names = [item.name for item in plan.ingredients]
    vocabulary = corruption.vocabulary
    for first in range(start, stop, WINDOW):
        rows = plan.rows(first, min(first + WINDOW, stop))
        texts = render_texts(plan, rows).inputs
        whole = vocabulary.encode_flat(texts, corruption.text_length + 1)
        numbers = np.flatnonzero(whole.lengths > LEAST_TOKENS)
        encoded = whole.take(numbers)
        refused = set(np.setdiff1d(np.arange(len(texts)), numbers).tolist())
        left = Fitted(numbers, [texts[number] for number in numbers.tolist()], encoded, {})
        fitting.add([names[task] for task in rows.task.tolist()], left, refused=refused)
        inputs, targets = corruption.hide(encoded, first + numbers, plan.seed)
        none = np.zeros(len(numbers), np.int64)
        yield EncodedRows(
            first - start + numbers,
            rows.take(numbers),
            none,
            [""] * len(numbers),
            inputs,
            targets,
            {
                PARTS[0]: TextCounts.of(encoded, vocabulary.control_in(left.inputs)),
                PARTS[1]: TextCounts.of(targets, none),
            },
        )


def packed_shard(
    plan: Plan,
    start: int,
    stop: int,
    *,
    vocabulary: Vocabulary,
    lengths: Mapping[str, int],
    arch: str,
    corruption: Corruption | None = None,
) -> PackedShard:
    """Makes packed rows of the plan's rows `start` to `stop`; a pure function of its arguments.

    Args:
      plan: the rows.
      start: first of them.
      stop: the row after the last.
      vocabulary: gives the ids.
      lengths: longest inputs and targets, EOS included; decoder-only also `row`.
      arch: `encoder-decoder` or `decoder`.
      corruption: how spans of the rows' texts are hidden; None has prompts and targets.
    """
    fitting = FittingCounts()
    if corruption is not None:
        pieces = list(corrupted_rows(plan, start, stop, corruption, fitting))
    else:
        pieces = list(encoded_rows(plan, start, stop, vocabulary, lengths, fitting))
    sides = [
        Encoded.joined([piece.inputs for piece in pieces]),
        Encoded.joined([piece.targets for piece in pieces]),
    ]
    places = np.concatenate([piece.places for piece in pieces])
    task = np.concatenate([piece.rows.task for piece in pieces])
    template = np.concatenate([piece.rows.template for piece in pieces])
    shots = np.concatenate([piece.num_shots for piece in pieces])
    styles: Counter[tuple[int, str]] = Counter()
    for piece in pieces if plan.has_option_styles else ():
        styles.update(zip(piece.rows.task.tolist(), piece.option_styles, strict=True))
    texts = {part: TextCounts.joined([piece.texts[part] for piece in pieces]) for part in PARTS}
    prompt_lengths = sides[0].lengths - 1
    written = {"tokens": int(prompt_lengths.sum()), "longest": int(prompt_lengths.max(initial=0))}
    del pieces
    sizes = np.stack([side.lengths for side in sides], axis=1)
    if arch == DECODER:
        sizes, limits = sizes.sum(axis=1, keepdims=True), [lengths["row"]]
    else:
        limits = [lengths[part] for part in PARTS]
    packing = shuffled(pack(sizes, limits), plan.seed, start)
    arrays = _decoder_arrays if arch == DECODER else _encoder_decoder_arrays
    dtype = np.uint16 if vocabulary.size <= 1 << 16 else np.uint32
    stored = {
        **arrays(sides, packing, limits, dtype),
        OFFSETS: packing.offsets,
        EXAMPLES: places[packing.order] + start,
        TASKS: task[packing.order].astype(task_type(len(plan.ingredients))),
    }
    return PackedShard(
        stored,
        task,
        template,
        shots,
        styles,
        texts,
        fitting,
        written,
        simple_bound(sizes, limits),
        lower_bound(sizes, limits),
    )


def task_type(tasks: int) -> type:
    """Returns the type of numbers of tasks."""
    # Nearly every mixture has few tasks, and files of older builds stay what they are.
    return np.int16 if tasks <= 1 << 15 else np.int32


def shuffled(packing: Packing, seed: int, start: int) -> Packing:
    """Returns the same rows in the order in which they are written."""
    # Packing leaves rows sorted by length; whoever reads a file from its beginning should not
    # meet the long examples first.
    count = packing.num_rows
    rows = draws.permute(np.arange(count), count, seed, _ROW_ORDER, start)
    sizes = np.diff(packing.offsets)[rows]
    first = packing.offsets[:-1][rows]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    within = np.arange(len(packing.order)) - np.repeat(offsets[:-1], sizes)
    return Packing(packing.order[np.repeat(first, sizes) + within], offsets)


def _encoder_decoder_arrays(
    sides: Sequence[Encoded], packing: Packing, limits: Sequence[int], dtype: type
) -> dict[str, np.ndarray]:
    arrays: list[np.ndarray] = []
    segments = segment_numbers(packing)
    for side, limit in zip(sides, limits, strict=True):
        tokens, labels = lay_out(side, packing.order, packing.offsets, limit, dtype, [segments])
        arrays += (tokens, *labels)
    return dict(zip(STORED[ENCODER_DECODER], arrays, strict=True))


def _decoder_arrays(
    sides: Sequence[Encoded], packing: Packing, limits: Sequence[int], dtype: type
) -> dict[str, np.ndarray]:
    # Inputs of example i are piece 2i, its targets piece 2i + 1.
    inputs, targets = sides
    count = len(inputs.lengths)
    both = Encoded.joined((inputs, targets))
    order = np.stack((packing.order, packing.order + count), axis=1).ravel()
    segments = np.repeat(segment_numbers(packing), 2)
    trained = np.tile(np.asarray([0, 1], np.uint8), count)
    tokens, labels = lay_out(
        both, order, packing.offsets * 2, limits[0], dtype, [segments, trained]
    )
    return dict(zip(STORED[DECODER], (tokens, *labels), strict=True))


def segment_numbers(packing: Packing) -> np.ndarray:
    """Returns the segment number of each example in packed order: uint8[examples], from 1."""
    sizes = np.diff(packing.offsets)
    numbers = np.arange(len(packing.order)) - np.repeat(packing.offsets[:-1], sizes) + 1
    return numbers.astype(np.uint8)


def lay_out(
    side: Encoded,
    order: np.ndarray,
    edges: np.ndarray,
    width: int,
    dtype: type,
    labels: Sequence[np.ndarray],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Writes pieces one after the other into rows; returns tokens and labels [rows, width].

    Args:
      side: the pieces.
      order: number of each piece in the order of the rows.
      edges: where in `order` each row begins, and the end.
      width: length of a row.
      dtype: of the tokens.
      labels: for each piece in order a number that all its places get; padding gets 0.
    """
    lengths = side.lengths[order]
    ends = np.cumsum(lengths)
    used = np.diff(np.concatenate(([0], ends))[edges])
    # Padding is one more piece at the end of each row.
    padded = np.insert(lengths, edges[1:], width - used)
    places = [
        np.repeat(np.insert(label, edges[1:], 0), padded).reshape(-1, width) for label in labels
    ]
    is_token = np.repeat(np.insert(np.ones(len(order), bool), edges[1:], False), padded)
    starts = np.cumsum(side.lengths) - side.lengths
    source = np.arange(int(ends[-1]) if len(ends) else 0)
    source += np.repeat(starts[order] - (ends - lengths), lengths)
    tokens: np.ndarray = np.zeros(len(is_token), dtype)
    tokens[is_token] = side.ids[source]
    return tokens.reshape(-1, width), places
