"""Synthetic examples of `train.py`, packed and one by one; NumPy and the engine's packer alone."""

from pathlib import Path

import numpy as np

from flan_tasks.packing.features import features
from flan_tasks.packing.packing import pack
from flan_tasks.specs.formats import DECODER, ENCODER_DECODER

# Median, as a share of the row, and spread (of the logarithm) of synthetic lengths: of inputs and
# targets, and of examples that are one text.
LENGTHS = {2: ((0.16, 0.9), (0.06, 1.1)), 1: ((0.1, 0.9),)}
# Where the arrays of either side stand in a file.
SIDES = ("input", "target")
# Batches of packed rows that a file holds: as many as transformers sorts by length together.
BATCHES = 50


def draw_examples(
    tokens: int, limits: tuple[int, ...], seed: int, *, vocabulary: int
) -> list[list[np.ndarray]]:
    """Returns the sides of examples that have about so many tokens; EOS ends each side."""
    draw = np.random.default_rng(seed)
    examples, drawn = [], 0
    while drawn < tokens:
        sides = []
        for (median, spread), limit in zip(LENGTHS[len(limits)], limits, strict=True):
            length = int(np.clip(draw.lognormal(np.log(median * limit), spread), 2, limit))
            sides.append(np.append(draw.integers(3, vocabulary, length - 1), 1).astype(np.int32))
        examples.append(sides)
        drawn += sum(map(len, sides))
    return examples


def packed(examples: list[list[np.ndarray]], limits: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Returns T5X's features of the packed rows.

    Those of a decoder have a loss at every token, as transformers' have.
    """
    packing = pack(np.asarray([[len(side) for side in one] for one in examples]), limits)
    parts = ("inputs", "targets") if len(limits) == 2 else ("tokens",)
    segments = [f"{part}_segment_ids" if len(limits) == 2 else "segment_ids" for part in parts]
    stored = {
        name: np.zeros((packing.num_rows, limit), np.int32)
        for part, segment, limit in zip(parts, segments, limits, strict=True)
        for name in (part, segment)
    }
    for row in range(packing.num_rows):
        ids = packing.order[packing.offsets[row] : packing.offsets[row + 1]]
        for part, (name, segment) in enumerate(zip(parts, segments, strict=True)):
            sides = [examples[number][part] for number in ids]
            end = sum(map(len, sides))
            stored[name][row, :end] = np.concatenate(sides)
            numbers = np.repeat(np.arange(1, len(ids) + 1), [len(side) for side in sides])
            stored[segment][row, :end] = numbers
    if len(limits) == 2:
        return features(ENCODER_DECODER, stored)
    stored["loss_mask"] = (stored["segment_ids"] > 0).astype(np.int32)
    return features(DECODER, stored)


def write_data(
    path: Path, rows: int, limits: tuple[int, ...], seed: int, *, vocabulary: int = 32_100
) -> dict[str, float]:
    """Writes packed rows and the same examples one by one; returns what they are.

    Args:
      path: an npz file; `input_lengths` and `inputs` hold the examples, and those of targets where
        `limits` has two.
      rows: about how many packed rows.
      limits: tokens of a row on each side.
      seed: of lengths and tokens.
      vocabulary: number of ids.
    """
    examples = draw_examples(rows * sum(limits), limits, seed, vocabulary=vocabulary)
    arrays = packed(examples, limits)
    count = len(arrays["decoder_input_tokens"])
    real = sum(int((a > 0).sum()) for name, a in arrays.items() if name.endswith("segment_ids"))
    for part, side in zip(range(len(limits)), SIDES, strict=False):
        arrays[f"{side}s"] = np.concatenate([one[part] for one in examples])
        arrays[f"{side}_lengths"] = np.asarray([len(one[part]) for one in examples])
    np.savez(path, **arrays)
    return {
        "rows": count,
        "examples_a_row": len(examples) / count,
        "non_padding": real / (count * sum(limits)),
    }
