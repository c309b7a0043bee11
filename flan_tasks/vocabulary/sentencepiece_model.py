"""SentencePiece models, such as T5's, with extra ids numbered as SeqIO numbers them.

Control symbols (`</s>`) written in a text are its characters, as the library has it; user-defined
pieces (`<extra_id_0>`, Gemma's `<start_of_turn>`) are their ids, as in SeqIO.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from flan_tasks.core import extras
from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary.encoding import Vocabulary, control_tokens_among, read_file
from flan_tasks.vocabulary.end_token import (
    EndToken,
    TokenizerFiles,
    named_end,
    pad_token,
    published_end,
)

T5 = "t5"
# The 32,000-piece model of T5 (Raffel et al. 2020), as published with every T5 checkpoint.
T5_SHA256 = "d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86"
EXTRA_IDS = 100
_BLANK = "\u2581"


class SentencePieceVocabulary(Vocabulary):
    """A SentencePiece model with 100 extra ids on top, numbered from the end as SeqIO does.

    Args:
      path: the model.
      extra_ids: how many ids are added.
      eos: text or number of the token that ends a text; by default the model's own, or what the
        files beside it say where it has none.

    Raises:
      VocabularyError: the file is no SentencePiece model, or what ends a text cannot be told.
    """

    modules = ("sentencepiece",)

    def __init__(self, path: Path, *, extra_ids: int = EXTRA_IDS, eos: str | None = None) -> None:
        self.path = path
        self.extra_ids = extra_ids
        data = read_file(path)
        digest = hashlib.sha256(data).hexdigest()
        self._model, tokens, self._controls = _with_extra_ids(data, path, extra_ids)
        processor = self._processor
        #: The end token of the model itself, which SeqIO takes; -1 where it has none.
        self.own_eos_id: int = processor.eos_id()
        files = TokenizerFiles(path, tokens)
        end = _end(self.own_eos_id, files, tokens, self._controls, eos)
        self.eos_id, self.end_from, self.notes = end.id, end.origin, end.notes
        self.name = T5 if digest == T5_SHA256 else f"sha256:{digest}"
        if self.eos_id != self.own_eos_id:
            self.name += f",eos={self.eos_id}"
        pad = processor.pad_id() if processor.pad_id() >= 0 else pad_token(files, tokens)
        self.pad_id = pad or 0
        self.bos_id = processor.bos_id() if processor.bos_id() >= 0 else None
        self.unk_id = processor.unk_id()
        blank = processor.piece_to_id(_BLANK)
        self.blank_id = None if blank == self.unk_id else blank

    @property
    def size(self) -> int:
        return self._processor.get_piece_size()

    @property
    def controls(self) -> Mapping[str, int]:
        return self._controls

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        # Lists: the library's own numpy results are an array a text, and slower to join.
        return self._processor.encode(list(texts), num_threads=1)

    def decode(self, ids: Sequence[int]) -> str:
        return self._processor.decode([int(i) for i in ids])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        pieces = self._processor.id_to_piece([int(i) for i in ids])
        return [piece.replace(_BLANK, " ") for piece in pieces]

    def __getstate__(self) -> dict:
        return {k: v for k, v in self.__dict__.items() if k != "_processor"}

    @cached_property
    def _processor(self):
        with extras.needed_for("Reading a SentencePiece model", error=VocabularyError):
            import sentencepiece

        return sentencepiece.SentencePieceProcessor(model_proto=self._model)


def _end(
    own_id: int,
    files: TokenizerFiles,
    tokens: Mapping[str, int],
    controls: Mapping[str, int],
    eos: str | None,
) -> EndToken:
    if eos is not None:
        return named_end(eos, files.path, tokens)
    if own_id < 0:
        return published_end(files, tokens, controls)
    notes = []
    for name, numbers, problem in files.answers("eos"):
        if problem or own_id not in numbers:
            difference = (
                problem or f"{name} ends texts with {' or '.join(map(files.token, numbers))}"
            )
            notes.append(
                f"{difference}; taken is {files.token(own_id)}, as {files.path.name} says itself; "
                "--eos chooses"
            )
    return EndToken(own_id, Vocabulary.end_from, tuple(notes))


def _with_extra_ids(
    data: bytes, path: Path, extra_ids: int
) -> tuple[bytes, dict[str, int], dict[str, int]]:
    """Returns the model with extra ids, its pieces and its control tokens: text -> number."""
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
    kinds = proto.ModelProto.SentencePiece
    for number in reversed(range(extra_ids)):
        model.pieces.add(piece=f"{_BLANK}<extra_id_{number}>", score=0.0, type=kinds.USER_DEFINED)
    tokens = {piece.piece: number for number, piece in enumerate(model.pieces)}
    special = [p.piece for p in model.pieces if p.type in (kinds.CONTROL, kinds.UNKNOWN)]
    defined = [p.piece for p in model.pieces if p.type == kinds.USER_DEFINED]
    written = {piece.lstrip(_BLANK): tokens[piece] for piece in (*special, *defined)}
    named = {*special, *control_tokens_among(written)}
    controls = {text: number for text, number in written.items() if text in named}
    data = model.SerializeToString()
    try:
        sentencepiece.SentencePieceProcessor(model_proto=data)
    except (RuntimeError, ValueError) as error:
        raise refused from error
    return data, tokens, controls
