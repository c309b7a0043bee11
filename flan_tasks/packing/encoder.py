"""Prompts and targets of rows as ids, for builds and for streams of SeqIO alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import Fitted, fit_encoded
from flan_tasks.vocabulary import Encoded, Vocabulary
from flan_tasks.vocabulary.text_counts import PARTS, TextCounts

INPUTS, TARGETS = PARTS
# Positions of rows, int64[n] -> these rows with their examples.
RenderAgain = Callable[[np.ndarray], Sequence[BuiltRow]]


@dataclass(frozen=True)
class EncodedTexts:
    """Prompts and targets of the rows that fit, as ids."""

    fitted: Fitted
    """Which rows fit, with the ids of their prompts."""
    targets: Encoded
    """Ids of their targets."""
    counts: Mapping[str, TextCounts]
    """Part -> what is counted of its texts; prompts as they were before they were fitted."""


@dataclass(frozen=True)
class Encoder:
    """What turns prompts and targets into ids, each closed by EOS.

    Prompts that are too long are fitted, rows that cannot fit left out, and targets cut.
    """

    vocabulary: Vocabulary
    """Gives the ids."""
    lengths: Mapping[str, int | None]
    """Part -> longest text, EOS included; without one its texts stay as long as they are."""

    @property
    def budget(self) -> Budget | None:
        """What prompts are fitted to; None where they may be as long as they are."""
        length = self.lengths.get(INPUTS)
        return None if length is None else Budget(self.vocabulary, length)

    def encode(self, texts: Sequence[str], part: str) -> Encoded:
        """Returns the ids of inputs or targets, cut to their length."""
        return self.vocabulary.encode_flat(texts, self.lengths.get(part))

    def fit(self, inputs: Sequence[str], render_again: RenderAgain) -> Fitted:
        """Returns the prompts that fit, with their ids."""
        return self._fit(inputs, self.encode(inputs, INPUTS), render_again)

    def encode_rows(
        self, inputs: Sequence[str], targets: Sequence[str], render_again: RenderAgain
    ) -> EncodedTexts:
        """Returns both sides of the rows that fit, counted.

        Args:
          inputs: the prompts.
          targets: what the model is to say, in the same order.
          render_again: for prompts that are too long.
        """
        encoded = self.encode(inputs, INPUTS)
        prompts = TextCounts.of(encoded, self.vocabulary.control_in(inputs))
        fitted = self._fit(inputs, encoded, render_again)
        if len(fitted.kept) < len(inputs):
            prompts = prompts.take(fitted.kept)
            targets = [targets[place] for place in fitted.kept.tolist()]
        answers = self.encode(targets, TARGETS)
        counts = TextCounts.of(answers, self.vocabulary.control_in(targets))
        return EncodedTexts(fitted, answers, {INPUTS: prompts, TARGETS: counts})

    def _fit(self, inputs: Sequence[str], encoded: Encoded, render_again: RenderAgain) -> Fitted:
        if self.budget is None:
            return Fitted(np.arange(len(inputs)), list(inputs), encoded, {})
        return fit_encoded(inputs, encoded, self.budget, render_again)
