"""Texts with hidden spans, as T5 is pretrained (Raffel et al. 2020, section 3.1.4).

Inputs are a text in which each of some random spans is replaced by a sentinel; targets are each
sentinel with the span behind it. How many tokens are hidden, in how many spans, and how these are
drawn follows `random_spans_noise_mask` of T5's preprocessors: the tokens outside of spans and those
inside are each cut at random into as many pieces, which stand in turns, one outside first. So a
text begins with a token that is shown and ends with one that is hidden, and targets need no
sentinel behind the last span.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import VocabularyError
from flan_tasks.plan import draws
from flan_tasks.vocabulary import Encoded, Vocabulary
from flan_tasks.vocabulary.text_counts import PARTS

NOISE_DENSITY = 0.15
MEAN_SPAN_LENGTH = 3
# With one token there is none to show or none to hide.
LEAST_TOKENS = 2
_OUTSIDE, _INSIDE = hash_text("tokens outside of spans"), hash_text("tokens of hidden spans")


@dataclass(frozen=True)
class Corruption:
    """How spans are hidden.

    Raises:
      VocabularyError: the vocabulary has no sentinels.
    """

    vocabulary: Vocabulary
    """Gives ids, sentinels and what ends a text."""
    lengths: Mapping[str, int]
    """Longest inputs and targets, EOS included."""

    def __post_init__(self) -> None:
        if not self.num_sentinels:
            raise VocabularyError(
                f"the vocabulary {self.vocabulary.name} has no sentinels (<extra_id_0>, "
                "<extra_id_1> ...), which stand for hidden spans; t5 has 100, as has any "
                "SentencePiece .model opened here and the tokenizer.json of a T5 model"
            )

    @property
    def num_sentinels(self) -> int:
        """How many sentinels the vocabulary has."""
        number = 0
        while f"<extra_id_{number}>" in self.vocabulary.controls:
            number += 1
        return number

    @property
    def sentinels(self) -> np.ndarray:
        """Their ids, that of the first span first: int32[sentinels]. T5's count down from 32099."""
        controls = self.vocabulary.controls
        ids = [controls[f"<extra_id_{number}>"] for number in range(self.num_sentinels)]
        return np.asarray(ids, np.int32)

    @property
    def text_length(self) -> int:
        """The most tokens of a text whose inputs and targets fit the lengths; 0 where none does.

        That is T5's `random_spans_helper`, which asks it of inputs alone.
        """
        # Of a text 85 % are shown.
        sizes = np.arange(LEAST_TOKENS, 2 * self.lengths[PARTS[0]])
        noise, spans = noise_of(sizes, self.num_sentinels)
        fits = (sizes - noise + spans + 1 <= self.lengths[PARTS[0]]) & (
            noise + spans + 1 <= self.lengths[PARTS[1]]
        )
        return int(sizes[fits].max(initial=0))

    def to_json(self) -> dict[str, float]:
        """Returns what a manifest says of it."""
        return {
            "noise_density": NOISE_DENSITY,
            "mean_span_length": MEAN_SPAN_LENGTH,
            "text_length": self.text_length,
            "sentinels": self.num_sentinels,
        }

    def hide(self, texts: Encoded, rows: np.ndarray, seed: int) -> tuple[Encoded, Encoded]:
        """Returns inputs and targets of texts, which are a function of seed and row alone.

        Args:
          texts: of LEAST_TOKENS or more each, closed by EOS.
          rows: number of each in the plan: int64[texts].
          seed: of the build.
        """
        sizes = texts.lengths - 1
        noise, spans = noise_of(sizes, self.num_sentinels)
        of_span = np.repeat(np.arange(len(sizes)), spans)
        number = np.arange(len(of_span)) - np.repeat(np.cumsum(spans) - spans, spans)
        shown = _pieces(sizes - noise, of_span, number, rows, seed, _OUTSIDE)
        hidden = _pieces(noise, of_span, number, rows, seed, _INSIDE)
        is_token = np.ones(len(texts.ids), bool)
        is_token[np.cumsum(texts.lengths) - 1] = False
        ids = texts.ids[is_token]
        turns = np.tile([False, True], len(of_span))
        is_hidden = np.repeat(turns, np.stack((shown, hidden), axis=1).ravel())
        sentinels = self.sentinels[number]
        is_last = number == spans[of_span] - 1
        inputs = self._joined(ids[~is_hidden], shown, sentinels, is_last, after=True)
        targets = self._joined(ids[is_hidden], hidden, sentinels, is_last, after=False)
        none = np.zeros(len(sizes), np.int64)
        both = []
        for flat, lengths in ((inputs, sizes - noise), (targets, noise)):
            lengths = lengths + spans + 1
            both.append(Encoded(flat, lengths, lengths, none, none.astype(bool)))
        return both[0], both[1]

    def _joined(
        self,
        ids: np.ndarray,
        pieces: np.ndarray,
        sentinels: np.ndarray,
        is_last: np.ndarray,
        *,
        after: bool,
    ) -> np.ndarray:
        """Puts a sentinel before or after each piece, and EOS behind the last of each text."""
        ends = np.cumsum(pieces + 1 + is_last)
        starts = ends - (pieces + 1 + is_last)
        flat = np.empty(int(ends[-1]) if len(ends) else 0, np.int32)
        is_own = np.ones(len(flat), bool)
        places = starts + pieces if after else starts
        closing = ends[is_last] - 1
        is_own[places] = is_own[closing] = False
        flat[places], flat[closing], flat[is_own] = sentinels, self.vocabulary.eos_id, ids
        return flat


def noise_of(sizes: np.ndarray, most_spans: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many tokens of texts are hidden, and in how many spans: int64[n] each.

    Args:
      sizes: tokens of each text, LEAST_TOKENS or more: int64[n].
      most_spans: sentinels there are; a text that would need more has as many, longer spans.
    """
    # Rounded half to even, as in T5.
    noise = np.clip(np.rint(sizes * NOISE_DENSITY).astype(np.int64), 1, sizes - 1)
    spans = np.rint(noise / MEAN_SPAN_LENGTH).astype(np.int64)
    return noise, np.clip(spans, 1, np.minimum(np.minimum(noise, sizes - noise), most_spans))


def _pieces(
    totals: np.ndarray,
    of_span: np.ndarray,
    number: np.ndarray,
    rows: np.ndarray,
    seed: int,
    purpose: int,
) -> np.ndarray:
    """Cuts the tokens of each text into as many pieces as it has spans, none of them empty.

    Returns:
      Their lengths, in order: int64[spans].
    """
    cuts = np.zeros(len(of_span), np.int64)
    later = np.flatnonzero(number > 0)
    # Some of the places between two tokens, each set of as many as likely as any other.
    text = of_span[later]
    cuts[later] = 1 + draws.permute(
        number[later] - 1, totals[text] - 1, seed, rows[text].astype(np.uint64), purpose
    )
    width = int(totals.max(initial=0)) + 1
    cuts = np.sort(of_span * width + cuts) - of_span * width
    ends = np.append(cuts[1:], 0)
    is_last = np.append(number[1:] == 0, True)[: len(of_span)]
    ends[is_last] = totals[of_span[is_last]]
    return ends - cuts
