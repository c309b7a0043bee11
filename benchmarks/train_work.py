"""Operations of useful tokens: what a step of either side is worth, whatever shape it comes in.

`Work` counts what examples hold; `flops` is the operations a model needs for them, the numerator
of MFU. `Work` is NumPy alone, so that the other side counts with it too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Work(NamedTuple):
    """What examples hold, padding left out."""

    inputs: int
    """Tokens of inputs; of a decoder all tokens."""
    targets: int
    """Tokens of targets."""
    inner: int
    """Pairs of input tokens of which one looks at the other."""
    across: int
    """Pairs of a target token and an input token it looks at."""
    back: int
    """Pairs of a target token and one at or before it."""

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.inputs + self.targets


def work_of(inputs: np.ndarray, targets: np.ndarray | None = None) -> Work:
    """Returns the work of examples of given lengths, int[examples]; no targets are a decoder's.

    Tokens look at those of their own example alone: inputs of an encoder at all, others at those
    before them and themselves.
    """
    inputs = np.asarray(inputs, np.int64)
    own = int(inputs.sum())
    if targets is None:
        return Work(own, 0, int((inputs * (inputs + 1) // 2).sum()), 0, 0)
    targets = np.asarray(targets, np.int64)
    inner, across = int((inputs**2).sum()), int((inputs * targets).sum())
    return Work(own, int(targets.sum()), inner, across, int((targets * (targets + 1) // 2).sum()))


def work_of_rows(batch: dict[str, np.ndarray]) -> Work:
    """Returns the work of packed rows with T5X's features."""
    decoder = batch["decoder_segment_ids"]
    if "encoder_segment_ids" not in batch:
        return work_of(_lengths(decoder))
    return work_of(_lengths(batch["encoder_segment_ids"]), _lengths(decoder))


def summed(works: Sequence[Work]) -> Work:
    """Returns the work of several batches."""
    return Work(*(sum(column) for column in zip(*works, strict=True)))


def flops(config: Any, work: Work) -> int:
    """Returns operations of a training step on examples, forward and backward, none twice.

    Matrix products of each useful token and attention of each pair of tokens that look at each
    other. That is less than `training_flops` counts, whose rows are full of tokens that all look at
    each other (Chowdhery et al. 2022).

    Args:
      config: a `ModelConfig`.
      work: of the examples.
    """
    from flan_tasks.trainer.estimate import TRAINING, training_flops

    weights = training_flops(config, inputs=work.inputs, targets=work.targets).weights
    pairs = config.layers * work.inner + config.decoder_layers * (work.across + work.back)
    return weights + TRAINING * 2 * 2 * config.heads * config.head_dim * pairs


def _lengths(segments: np.ndarray) -> np.ndarray:
    """Tokens of each segment of rows; every segment is in both halves of a row, in order."""
    return np.concatenate([np.bincount(row)[1:] for row in segments])
