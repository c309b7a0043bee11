"""Lengths proposed from the data: what each choice cuts and how much padding it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.packing.packing import pack
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import render_texts
from flan_tasks.specs.formats import DECODER
from flan_tasks.vocabulary import Vocabulary
from flan_tasks.vocabulary.text_counts import PARTS

PERCENTILES = (90.0, 95.0, 98.0, 99.0, 99.9, 100.0)
# The proposal: one example in a hundred is cut on a side, as rows for the longest would be padding
# for all others.
CHOSEN = 99.0
_SAMPLE = 8_192


@dataclass(frozen=True)
class LengthChoice:
    """A pair of lengths and what it costs."""

    percentile: float
    """Share of examples, in percent, that are whole on each side."""
    lengths: Mapping[str, int]
    """Longest inputs and targets, EOS included; decoder-only also `row`."""
    cut: Mapping[str, float]
    """Part -> share of examples that lose their end."""
    lost: Mapping[str, float]
    """Part -> share of tokens lost."""
    packed_padding: float
    """Share of a packed row, both sides together, that is padding."""
    unpacked_padding: float
    """The same with one example a row."""


def length_choices(plan: Plan, vocabulary: Vocabulary, *, arch: str) -> list[LengthChoice]:
    """Returns a choice for each percentile, from at most 8,192 rows spread over the plan.

    Args:
      plan: the rows.
      vocabulary: what tokens are counted in.
      arch: `encoder-decoder` or `decoder`.
    """
    whole = _sampled_lengths(plan, vocabulary)
    choices: list[LengthChoice] = []
    for percentile in PERCENTILES:
        exact = np.percentile(whole, percentile, axis=0, method="inverted_cdf")
        lengths = [_rounded(int(length)) for length in exact]
        if not choices or lengths != [choices[-1].lengths[part] for part in PARTS]:
            choices.append(_choice(percentile, whole, lengths, arch))
    return choices


def proposed(choices: Sequence[LengthChoice]) -> LengthChoice:
    """Returns the choice of the 99th percentile, or the one that has its lengths."""
    return [choice for choice in choices if choice.percentile <= CHOSEN][-1]


def _sampled_lengths(plan: Plan, vocabulary: Vocabulary) -> np.ndarray:
    count = min(len(plan), _SAMPLE)
    rows = plan.rows_at(np.arange(count, dtype=np.int64) * len(plan) // count)
    # With all exemplars that are wanted: how many fit depends on what is chosen here.
    texts = render_texts(plan, rows)
    sides = (texts.inputs, texts.targets)
    return np.stack([np.asarray(vocabulary.sizes(side)) + 1 for side in sides], axis=1)


def _rounded(length: int) -> int:
    # Accelerators want multiples of 8 on the short side, and of 64 where it costs little.
    step = 8 if length <= 128 else 64
    return -(-length // step) * step


def _choice(percentile: float, whole: np.ndarray, lengths: list[int], arch: str) -> LengthChoice:
    limits = np.asarray(lengths)
    trimmed = np.minimum(whole, limits)
    chosen = dict(zip(PARTS, lengths, strict=True))
    sizes, room = trimmed, limits
    if arch == DECODER:
        sizes, room = trimmed.sum(axis=1, keepdims=True), limits.sum(keepdims=True)
        chosen["row"] = int(room[0])
    tokens = trimmed.sum()
    rows = pack(sizes, room.tolist()).num_rows
    return LengthChoice(
        percentile,
        chosen,
        {part: float((whole[:, i] > limits[i]).mean()) for i, part in enumerate(PARTS)},
        {part: float(1 - trimmed[:, i].sum() / whole[:, i].sum()) for i, part in enumerate(PARTS)},
        float(1 - tokens / (rows * room.sum())),
        float(1 - tokens / (len(whole) * room.sum())),
    )
