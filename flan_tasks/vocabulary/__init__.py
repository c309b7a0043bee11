"""Vocabularies by name: text to ids in batches, with the ids SeqIO gives for the same vocabulary.

A name may say more than which file: `tokenizer.json,eos=<|im_end|>` ends texts with another token,
`tokenizer.json,control=special` reads control tokens in texts as such. Manifests name vocabularies
in the same form, with a digest for the path.
"""

import os
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from flan_tasks.core import extras
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.errors import VocabularyError
from flan_tasks.core.parsing import parse_json
from flan_tasks.vocabulary.encoding import (
    AS_SPECIAL,
    AS_TEXT,
    CONTROL_TOKENS,
    Encoded,
    Vocabulary,
)
from flan_tasks.vocabulary.sentencepiece_model import (
    EXTRA_IDS,
    T5,
    T5_SHA256,
    SentencePieceVocabulary,
)
from flan_tasks.vocabulary.tokenizer_json import TokenizersVocabulary
from flan_tasks.vocabulary.utf8 import BYTES, BytesVocabulary

__all__ = [
    "AS_SPECIAL",
    "AS_TEXT",
    "BYTES",
    "CONTROL_TOKENS",
    "EXTRA_IDS",
    "T5",
    "BytesVocabulary",
    "Encoded",
    "SentencePieceVocabulary",
    "TokenizersVocabulary",
    "Vocabulary",
    "VocabularyName",
    "named_with",
    "open_here",
    "open_recorded",
    "open_vocabulary",
]

T5_HUB = ("google-t5/t5-small", "spiece.model")
# Files of a folder that hold a vocabulary, the first that is there; `tokenizer.json` before
# `tokenizer.model`, as transformers has it, and T5's own model, which SeqIO reads, before both.
HELD = ("spiece.model", "tokenizer.json", "tokenizer.model")
_NAME = re.compile(
    r"(?P<file>.*?)(?:,control=(?P<control>[a-z]*))?(?:,eos=(?P<eos>.+))?", re.DOTALL
)


@dataclass(frozen=True)
class VocabularyName:
    """What a name says.

    Raises:
      VocabularyError: control tokens are to be read in a way that there is not.
    """

    file: str
    """bytes, t5, a path, or the digest of a file."""
    control: str | None = None
    """How control tokens in texts are read; None leaves it at the usual."""
    eos: str | None = None
    """Text or number of the token that ends a text; None leaves it to the files."""

    def __post_init__(self) -> None:
        if self.control not in (None, *CONTROL_TOKENS):
            raise VocabularyError(
                f"control tokens are read as {' or '.join(CONTROL_TOKENS)}, not as {self.control!r}"
            )

    @classmethod
    def parse(cls, name: str) -> "VocabularyName":
        """Reads a name."""
        parts = _NAME.fullmatch(name)
        assert parts is not None
        return cls(parts["file"], parts["control"], parts["eos"])

    def __str__(self) -> str:
        control = f",control={self.control}" if self.control else ""
        return f"{self.file}{control}" + (f",eos={self.eos}" if self.eos else "")


class Asked(Protocol):
    """What a job says of a vocabulary."""

    @property
    def vocab(self) -> str | None:
        """Its name; None is another's to say."""

    @property
    def eos(self) -> str | None:
        """Its end token."""

    @property
    def control_tokens(self) -> str | None:
        """How control tokens in texts are read."""


def asked_vocabulary(spec: Asked) -> str | None:
    """Returns the name of the vocabulary that a job asks for, with the rest behind it."""
    if spec.vocab is None:
        return None
    return named_with(spec.vocab, eos=spec.eos, control_tokens=spec.control_tokens)


def named_with(name: str, *, eos: str | None = None, control_tokens: str | None = None) -> str:
    """Returns the name of a vocabulary with what is asked for besides.

    Raises:
      VocabularyError: the name says something else already.
    """
    parsed = VocabularyName.parse(name)
    for part, choice in (("eos", eos), ("control", control_tokens)):
        if choice is None:
            continue
        if getattr(parsed, part) not in (None, choice):
            raise VocabularyError(f"the vocabulary {name} says otherwise than {choice!r}")
        parsed = replace(parsed, **{part: choice})
    return str(parsed)


@cache
def open_vocabulary(name: str) -> Vocabulary:
    """Opens `bytes`, `t5`, a SentencePiece `.model`, a `tokenizer.json`, or a folder with one.

    `t5` is looked for in FLAN_TASKS_VOCAB and then on the Hugging Face hub (or its cache). Behind
    the name may stand `,control=text` or `,control=special` (how control tokens written in a text
    are read; a tokenizer.json has both ways) and `,eos=TOKEN` (what ends a text: a token or its
    number).

    Raises:
      VocabularyError: it cannot be found, is not what its name says, or its end token cannot be
        told.
    """
    parsed = VocabularyName.parse(name)
    if parsed.file == T5:
        return _without_choice(_open_t5(parsed.eos), parsed)
    path = Path(parsed.file).expanduser()
    if parsed.file == BYTES or (path.is_dir() and is_byt5(path)):
        if parsed.eos not in (None, "</s>", "1"):
            raise VocabularyError(f"bytes end with 1 (</s>); --eos {parsed.eos} is for files")
        return _without_choice(BytesVocabulary(), parsed)
    if path.is_dir():
        path = vocabulary_in(path)
    if path.suffix == ".json":
        return TokenizersVocabulary(path, eos=parsed.eos, control_tokens=parsed.control or AS_TEXT)
    return _without_choice(SentencePieceVocabulary(path, eos=parsed.eos), parsed)


def open_recorded(name: str, recorded: str | None) -> Vocabulary:
    """Opens a vocabulary by its file, with what a manifest or checkpoint says of it besides.

    Args:
      name: as for `open_vocabulary`.
      recorded: the name that was recorded; None for none.

    Raises:
      VocabularyError: as `open_vocabulary`.
    """
    parsed, before = VocabularyName.parse(name), VocabularyName.parse(recorded or "")
    same = replace(parsed, control=parsed.control or before.control, eos=parsed.eos or before.eos)
    if same != parsed:
        try:
            return open_vocabulary(str(same))
        except VocabularyError:
            pass  # another file, then; what it is called says so
    return open_vocabulary(name)


def open_here(recorded: str, *, beside: Path | None = None) -> Vocabulary | None:
    """Opens the vocabulary that a manifest names, if this machine has it; fetches nothing.

    The file of FLAN_TASKS_VOCAB is it where its content is, and T5's may lie in the hub's cache.

    Args:
      recorded: its name.
      beside: a file that may be it.
    """
    if VocabularyName.parse(recorded).file == BYTES:
        return open_vocabulary(recorded)
    set_to = os.environ.get(VOCAB, "")
    chosen = set_to if VocabularyName.parse(set_to).file not in ("", T5, BYTES) else None
    found = beside if beside is not None and beside.is_file() else None
    for file in filter(None, (found, chosen, _cached_t5())):
        try:
            vocabulary = open_recorded(str(file), recorded)
        except VocabularyError:
            continue
        if vocabulary.name == recorded:
            return vocabulary
    return None


def vocabulary_in(folder: Path) -> Path:
    """Returns the vocabulary file of a folder.

    Raises:
      VocabularyError: it holds none.
    """
    for name in HELD:
        if (folder / name).is_file():
            return folder / name
    hint = ""
    if (folder / "vocab.json").is_file() or (folder / "vocab.txt").is_file():
        hint = (
            "; it has the files of an older tokenizer: "
            "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes tokenizer.json"
        )
    raise VocabularyError(f"{folder} holds no vocabulary: none of {', '.join(HELD)}{hint}")


def is_byt5(folder: Path) -> bool:
    """Whether a folder is of a model that reads bytes, which need no file."""
    path = folder / "tokenizer_config.json"
    if any((folder / name).is_file() for name in HELD) or not path.is_file():
        return False
    try:
        settings = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise VocabularyError(f"{path} cannot be read: {error}") from error
    return isinstance(settings, dict) and "ByT5" in str(settings.get("tokenizer_class"))


def _without_choice(vocabulary: Vocabulary, name: VocabularyName) -> Vocabulary:
    if name.control == AS_SPECIAL:
        raise VocabularyError(
            f"{name.file}: control tokens in texts can be read as special only with a "
            "tokenizer.json; bytes have none, and SentencePiece reads its control symbols as text"
        )
    return vocabulary


def _open_t5(eos: str | None) -> Vocabulary:
    set_to = VocabularyName.parse(os.environ.get(VOCAB, "")).file
    if set_to and set_to not in (T5, BYTES):
        path = Path(set_to).expanduser()
        path = vocabulary_in(path) if path.is_dir() else path
    else:
        path = _cached_t5() or _download_t5()
    vocabulary = SentencePieceVocabulary(path, eos=eos)
    if VocabularyName.parse(vocabulary.name).file != T5:
        raise VocabularyError(
            f"{path} is a SentencePiece model but not that of T5 (sha256 {T5_SHA256[:8]}...); "
            "name the file itself as the vocabulary if it is the one you want"
        )
    return vocabulary


def _cached_t5() -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    path = try_to_load_from_cache(*T5_HUB)
    return Path(path) if isinstance(path, str) else None


def _download_t5() -> Path:
    hint = (
        f"the t5 vocabulary was not found: set {VOCAB} or give the vocabulary as the path of "
        "its spiece.model (791,656 bytes, in every T5 checkpoint on the hub), or use bytes"
    )
    with extras.needed_for(f"{hint}. Fetching it from the hub", error=VocabularyError):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it warns of each try; how the last one ended is told below
    try:
        return Path(hf_hub_download(*T5_HUB))
    except Exception as error:  # noqa: BLE001 - the hub raises network errors of many kinds
        raise VocabularyError(f"{hint}. The hub could not be reached: {_first(error)}") from error
    finally:
        logging.set_verbosity(level)


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
