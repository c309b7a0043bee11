"""What every vocabulary does: text to ids in batches, and what is lost on the way counted."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary.word_table import WordTable

# How control tokens written in a text are read: as the characters they are, or as their ids.
AS_TEXT, AS_SPECIAL = "text", "special"
CONTROL_TOKENS = (AS_TEXT, AS_SPECIAL)
# Texts encoded at once: more would only hold more numbers of Python at a time.
_BATCH = 2_048
# So few texts are encoded as they are, without looking for their words.
_FEW = 16
# Longer than any text.
_NO_LIMIT = 1 << 62
# What a control token looks like, and a piece of ordinary text does not: <s>, <|im_end|>, [SEP].
_MARKER = re.compile(r"[<\uff1c]\S+[>\uff1e]|\[[A-Z_]+\]")


@dataclass(frozen=True)
class Encoded:
    """Ids of many texts, one after the other, each cut to a length and closed by EOS."""

    ids: np.ndarray
    """int32[sum of lengths]."""
    lengths: np.ndarray
    """How many of the ids are of each text, EOS included: int64[texts]."""
    whole: np.ndarray
    """What the lengths would be with nothing cut: int64[texts]."""
    unknown: np.ndarray
    """Ids that stand for what the vocabulary does not know, in each whole text: int64[texts]."""
    only_unknown: np.ndarray
    """Whether a text is nothing else, blanks aside: bool[texts]."""

    @classmethod
    def joined(cls, pieces: Sequence["Encoded"]) -> "Encoded":
        """Puts texts after one another."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))

    def take(self, numbers: np.ndarray) -> "Encoded":
        """Returns some of the texts, in the order asked for."""
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = self.lengths[numbers]
        before = np.cumsum(lengths) - lengths
        places = np.repeat(starts[numbers] - before, lengths) + np.arange(int(lengths.sum()))
        return Encoded(
            self.ids[places],
            lengths,
            self.whole[numbers],
            self.unknown[numbers],
            self.only_unknown[numbers],
        )


class Vocabulary(ABC):
    """Text to ids; EOS is not added here, and nothing is put before a text."""

    name: str
    """Name for manifests: "bytes", "t5", or the digest of the file, with what was chosen
    besides; never a path."""
    eos_id: int
    """Number that ends a text."""
    pad_id: int = 0
    """The tokenizer's own number for padding; 0 where it has none."""
    bos_id: int | None = None
    """Number the tokenizer puts before a text for its model, which is not done here; None for
    none."""
    unk_id: int | None = None
    """Number of what the vocabulary does not know; None where it knows everything."""
    blank_id: int | None = None
    """Number of a blank that stands alone; None where there is none."""
    control_tokens: str | None = None
    """How control tokens in a text are read, where that can be chosen; else None."""
    end_from: str = "the vocabulary"
    """Where the end token was read from."""
    modules: tuple[str, ...] = ()
    """Libraries that it encodes with."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the file was understood, one line each."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of ids, extra ids included."""

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text as int32[length]."""
        flat = self._by_words(texts)
        if flat is None:
            return [np.asarray(ids, dtype=np.int32) for ids in self._lists(texts)]
        ids, counts = flat
        return np.split(ids, np.cumsum(counts)[:-1])

    def encode_flat(self, texts: Sequence[str], limit: int | None = None) -> Encoded:
        """Returns the ids of many texts, one after the other.

        Args:
          texts: what to encode.
          limit: longest a text may be, EOS included; the end of longer ones is cut. None cuts none.
        """
        limit = _NO_LIMIT if limit is None else limit
        pieces = [
            self._encode_batch(texts[start : start + _BATCH], limit)
            for start in range(0, max(1, len(texts)), _BATCH)
        ]
        return pieces[0] if len(pieces) == 1 else Encoded.joined(pieces)

    def _encode_batch(self, texts: Sequence[str], limit: int) -> Encoded:
        ids, counts = self._flat(texts)
        unknown, only_unknown = self._unknown(ids, counts)
        whole = counts + 1
        lengths = np.minimum(whole, limit)
        ends = np.cumsum(lengths) - 1
        if len(counts) and int(whole.max()) > limit:
            places = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
            ids = ids[places < np.repeat(lengths - 1, counts)]
        closed = np.full(len(ids) + len(ends), self.eos_id, np.int32)
        of_texts = np.ones(len(closed), bool)
        of_texts[ends] = False
        closed[of_texts] = ids
        return Encoded(closed, lengths, whole, unknown, only_unknown)

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """Returns how many ids each text has, EOS not counted."""
        flat = self._by_words(texts)
        return [len(ids) for ids in self._lists(texts)] if flat is None else flat[1].tolist()

    @abstractmethod
    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Returns the ids of each text; the one place where text becomes ids."""

    @property
    def _word_table(self) -> WordTable | None:
        """What encodes each distinct word once, where that gives the ids of `_lists`."""
        return None

    def _by_words(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns what `_flat` does, each word encoded once; None where that is not done."""
        table = self._word_table
        return None if table is None or len(texts) < _FEW else table.flat(texts)

    def _flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids one after the other, int32, and how many each text has, int64."""
        flat = self._by_words(texts)
        if flat is not None:
            return flat
        lists = self._lists(texts)
        counts = np.fromiter(map(len, lists), np.int64, count=len(lists))
        ids = np.fromiter(chain.from_iterable(lists), np.int32, count=int(counts.sum()))
        return ids, counts

    def _unknown(self, ids: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nothing = np.zeros(len(counts), np.int64), np.zeros(len(counts), bool)
        if self.unk_id is None:
            return nothing
        ends = np.cumsum(counts)

        def count_of(number: int) -> np.ndarray:
            # By the places it stands at, which are few.
            places = np.flatnonzero(ids == number)
            return np.bincount(np.searchsorted(ends, places, side="right"), minlength=len(counts))

        unknown = count_of(self.unk_id)
        if not unknown.any():
            return nothing
        lost = unknown if self.blank_id is None else unknown + count_of(self.blank_id)
        return unknown, (lost >= counts) & (unknown > 0)

    @property
    def controls(self) -> Mapping[str, int]:
        """The control tokens a text may have written out, such as "</s>": text -> id."""
        return {}

    def control_in(self, texts: Sequence[str]) -> np.ndarray:
        """Returns how many control tokens stand written in each text: int64[texts]."""
        counts = np.zeros(len(texts), np.int64)
        pattern, firsts = self._control_pattern
        # Most texts have none of their first characters, of which there are one or two.
        for first in firsts:
            for number in [n for n, text in enumerate(texts) if first in text]:
                counts[number] = len(pattern.findall(texts[number]))
        return counts

    @cached_property
    def _control_pattern(self) -> tuple[re.Pattern[str], tuple[str, ...]]:
        # Longest first, so that none is counted as the beginning of another.
        texts = sorted(self.controls, key=lambda text: (-len(text), text))
        firsts = tuple(sorted({text[0] for text in texts}))
        return re.compile("|".join(map(re.escape, texts)) or r"(?!)"), firsts

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of one sequence of ids."""

    @abstractmethod
    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns what each id stands for, to be read by a person; a blank is a blank."""


def control_tokens_among(tokens: Iterable[str]) -> list[str]:
    """Returns those of some tokens that look like control tokens, such as <|im_end|>."""
    return [token for token in tokens if _MARKER.fullmatch(token)]


def read_file(path: Path) -> bytes:
    """Returns what a vocabulary file holds.

    Raises:
      VocabularyError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"vocabulary {path} cannot be read: {error.strerror}; wanted bytes, t5, or the path of "
            "a SentencePiece .model, a tokenizer.json, or a folder that holds one"
        ) from error
