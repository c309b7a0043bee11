"""Vocabularies: text to ids in batches, with the ids SeqIO gives for the same vocabulary."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from flan_tasks.core import extras
from flan_tasks.core.errors import VocabularyError

BYTES = "bytes"
T5 = "t5"
ENVIRONMENT = "FLAN_TASKS_VOCAB"
# The 32,000-piece model of T5 (Raffel et al. 2020), as published with every T5 checkpoint.
T5_SHA256 = "d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86"
T5_HUB = ("google-t5/t5-small", "spiece.model")
EXTRA_IDS = 100


@dataclass(frozen=True)
class Encoded:
    """Ids of many texts, one after the other, each cut to a length and closed by EOS."""

    # int32[sum of lengths].
    ids: np.ndarray
    # How many of the ids are of each text, EOS included: int64[texts].
    lengths: np.ndarray
    # What the lengths would be with nothing cut: int64[texts].
    whole: np.ndarray


class Vocabulary(ABC):
    """Text to ids; EOS is not added here."""

    # Name for manifests: "bytes", "t5", or the digest of the file; never a path.
    name: str
    # Number that ends a text.
    eos_id: int
    # Number that fills what is left of a row.
    pad_id: int = 0

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of ids, extra ids included."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text as int32[length]."""

    def encode_flat(self, texts: Sequence[str], limit: int) -> Encoded:
        """Returns the ids of many texts at once.

        Args:
          texts: what to encode.
          limit: longest a text may be, EOS included; the end of longer ones is cut.
        """
        found = self._lists(texts)
        whole = np.fromiter(map(len, found), np.int64, count=len(found)) + 1
        for number in np.flatnonzero(whole > limit).tolist():
            found[number] = found[number][: limit - 1]
        end = (self.eos_id,)
        lengths = np.minimum(whole, limit)
        ids = np.fromiter(
            chain.from_iterable(chain.from_iterable((one, end) for one in found)),
            np.int32,
            count=int(lengths.sum()),
        )
        return Encoded(ids, lengths, whole)

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        return [ids.tolist() for ids in self.encode(texts)]

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of one sequence of ids."""

    @abstractmethod
    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns what each id stands for, to be read by a person; a blank is a blank."""


class BytesVocabulary(Vocabulary):
    """UTF-8 bytes plus 3 (0 padding, 1 EOS, 2 unknown), as ByT5 (Xue et al. 2022) and SeqIO."""

    name = BYTES
    eos_id = 1

    @property
    def size(self) -> int:
        return 259

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [
            np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int32) + 3
            for text in texts
        ]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i - 3 for i in ids if 3 <= i < 259).decode("utf-8", errors="ignore")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        special = ("<pad>", "</s>", "<unk>")
        return [special[i] if i < 3 else _byte(i - 3) for i in ids]


class SentencePieceVocabulary(Vocabulary):
    """A SentencePiece model with 100 extra ids on top, numbered from the end as SeqIO does.

    Raises:
      VocabularyError: the file is no SentencePiece model.
    """

    def __init__(self, path: Path, *, extra_ids: int = EXTRA_IDS) -> None:
        self.path = path
        self.extra_ids = extra_ids
        data = _read(path)
        self._digest = hashlib.sha256(data).hexdigest()
        self.name = T5 if self._digest == T5_SHA256 else f"sha256:{self._digest}"
        self._model = _with_extra_ids(data, path, extra_ids)
        self.eos_id = self._processor.eos_id()

    @property
    def size(self) -> int:
        return self._processor.get_piece_size()

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.asarray(ids, dtype=np.int32) for ids in self._lists(texts)]

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        # Lists: the library's own numpy results are an array a text, and slower to join.
        return self._processor.encode(list(texts), num_threads=1)

    def decode(self, ids: Sequence[int]) -> str:
        return self._processor.decode([int(i) for i in ids])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        found = self._processor.id_to_piece([int(i) for i in ids])
        return [piece.replace("\u2581", " ") for piece in found]

    def __getstate__(self) -> dict:
        return {k: v for k, v in self.__dict__.items() if k != "_processor"}

    @cached_property
    def _processor(self):
        with extras.needed_for("Reading a SentencePiece model", error=VocabularyError):
            import sentencepiece

        return sentencepiece.SentencePieceProcessor(model_proto=self._model)


class TokenizersVocabulary(Vocabulary):
    """A `tokenizer.json` of the Hugging Face `tokenizers` library; no special token is added.

    Raises:
      VocabularyError: the file is no tokenizer, or has no end-of-text token.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with extras.needed_for("Reading a tokenizer.json", error=VocabularyError):
            from tokenizers import Tokenizer

        data = _read(path)
        try:
            self._tokenizer = Tokenizer.from_str(data.decode("utf-8"))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise VocabularyError(f"{path} is no tokenizer.json: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.name = f"sha256:{hashlib.sha256(data).hexdigest()}"
        ends = [self._tokenizer.token_to_id(t) for t in ("</s>", "<|endoftext|>", "<eos>")]
        found = [i for i in ends if i is not None]
        if not found:
            raise VocabularyError(f"{path} has no end token; looked for </s>, <|endoftext|>, <eos>")
        self.eos_id = found[0]
        pad = self._tokenizer.token_to_id("<pad>")
        self.pad_id = 0 if pad is None else pad

    @property
    def size(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.asarray(ids, dtype=np.int32) for ids in self._lists(texts)]

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        # The fast form leaves out the offsets, which nobody here reads.
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode([int(i) for i in ids])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self._tokenizer.decode([int(i)], skip_special_tokens=False) for i in ids]


@cache
def open_vocabulary(name: str) -> Vocabulary:
    """Opens `bytes`, `t5`, a SentencePiece `.model` or a `tokenizer.json`.

    `t5` is looked for in FLAN_TASKS_VOCAB and then on the Hugging Face hub (or its cache).

    Raises:
      VocabularyError: it cannot be found, or is not what its name says.
    """
    if name == BYTES:
        return BytesVocabulary()
    if name == T5:
        return _open_t5()
    path = Path(name).expanduser()
    if path.suffix == ".json":
        return TokenizersVocabulary(path)
    return SentencePieceVocabulary(path)


def _open_t5() -> Vocabulary:
    set_to = os.environ.get(ENVIRONMENT, "")
    if set_to and set_to not in (T5, BYTES):
        path = Path(set_to).expanduser()
    else:
        path = _download_t5()
    vocabulary = SentencePieceVocabulary(path)
    if vocabulary.name != T5:
        raise VocabularyError(
            f"{path} is a SentencePiece model but not that of T5 (sha256 {T5_SHA256[:8]}...); "
            "name the file itself as the vocabulary if it is the one you want"
        )
    return vocabulary


def _download_t5() -> Path:
    hint = (
        f"the t5 vocabulary was not found: set {ENVIRONMENT} or give the vocabulary as the path of "
        "its spiece.model (791,656 bytes, in every T5 checkpoint on the hub), or use bytes"
    )
    with extras.needed_for(f"{hint}. Fetching it from the hub", error=VocabularyError):
        from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(*T5_HUB))
    except Exception as error:  # noqa: BLE001 - the hub raises network errors of many kinds
        raise VocabularyError(f"{hint}. The hub could not be reached: {_first(error)}") from error


def _byte(number: int) -> str:
    # A newline is shown as one; other bytes that are no letter of their own by their number.
    if number == 10 or 32 <= number < 127:
        return chr(number)
    return f"<0x{number:02X}>"


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"vocabulary {path} cannot be read: {error.strerror}; wanted bytes, t5, or the path of "
            "a SentencePiece .model or a tokenizer.json"
        ) from error


def _with_extra_ids(data: bytes, path: Path, extra_ids: int) -> bytes:
    with extras.needed_for("Reading a SentencePiece model", error=VocabularyError):
        import sentencepiece
        from google.protobuf.message import DecodeError
        from sentencepiece import sentencepiece_model_pb2 as proto

    refused = VocabularyError(
        f"{path} is no SentencePiece model; wanted a spiece.model or tokenizer.json"
    )
    try:
        model = proto.ModelProto.FromString(data)
    except DecodeError as error:
        raise refused from error
    if not model.pieces:
        raise refused
    for number in reversed(range(extra_ids)):
        model.pieces.add(
            piece=f"▁<extra_id_{number}>",
            score=0.0,
            type=proto.ModelProto.SentencePiece.USER_DEFINED,
        )
    data = model.SerializeToString()
    try:
        sentencepiece.SentencePieceProcessor(model_proto=data)
    except (RuntimeError, ValueError) as error:
        raise refused from error
    return data
