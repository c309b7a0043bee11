"""A `tokenizer.json` of the Hugging Face `tokenizers` library, read for text that is data.

What the file says of truncation and padding is left aside, no special token is added, and control
tokens written in a text are its characters unless their ids are asked for.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary.cuts import cuts_of, separator_of
from flan_tasks.vocabulary.encoding import (
    AS_SPECIAL,
    AS_TEXT,
    Vocabulary,
    control_tokens_among,
    read_file,
)
from flan_tasks.vocabulary.end_token import (
    TokenizerFiles,
    named_end,
    pad_token,
    published_end,
    well_known_end,
)
from flan_tasks.vocabulary.word_table import WordTable

# Files of a tokenizer that go along with its tokenizer.json.
BESIDE = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json"),
)
# Put around a control token's name, no text matches it: a code point that stands for no character.
NOWHERE = "\ufdd0"
_BLANK = "\u2581"


class TokenizersVocabulary(Vocabulary):
    """A `tokenizer.json`.

    Args:
      path: the file; files of the same tokenizer beside it are read too.
      eos: text or number of the token that ends a text; by default what the files say.
      control_tokens: how control tokens written in a text are read: "text" or "special".

    Raises:
      VocabularyError: the file is no tokenizer, or what ends a text cannot be told.
    """

    modules = ("tokenizers",)

    def __init__(
        self, path: Path, *, eos: str | None = None, control_tokens: str = AS_TEXT
    ) -> None:
        self.path = path
        self.control_tokens = control_tokens
        self._data = read_file(path)
        self._rows = _model_rows(path)
        try:
            content, left_out = _within(_parsed(self._data, path), self._rows)
            added = {token["content"]: token["id"] for token in content["added_tokens"]}
            tokens = {**_model_tokens(content["model"]), **added}
            for token, number in tokens.items():
                if not isinstance(token, str) or type(number) is not int or number < 0:
                    raise TypeError(f"{token!r} has the number {number!r}")
            self.unk_id = _unknown_id(content["model"], tokens)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _refused(path, f"{type(error).__name__}: {error}") from error
        self._size = max(tokens.values(), default=-1) + 1
        self._controls = _controls(content["added_tokens"])
        # Before anything is said of its tokens: it may be none.
        self.bos_id = self._beginning()
        files = TokenizerFiles(path, tokens)
        if eos is None:
            end = published_end(files, tokens, added)
        else:
            end = named_end(eos, path, tokens)
        self.eos_id, self.end_from = end.id, end.origin
        #: The end token as the file writes it.
        self.eos_token = next(token for token, number in tokens.items() if number == end.id)
        self.notes = (*end.notes, *_losses(content), *_said_of(left_out, self._rows))
        self.name = f"sha256:{hashlib.sha256(self._data).hexdigest()}"
        if control_tokens == AS_SPECIAL:
            self.name += f",control={AS_SPECIAL}"
        alone = well_known_end(tokens, added)
        if [self.eos_id] != [tokens[token] for token in alone]:
            self.name += f",eos={self.eos_id}"
        self.pad_id = pad_token(files, tokens) or 0
        self.blank_id = tokens.get(_BLANK)

    @property
    def size(self) -> int:
        return self._size

    @property
    def controls(self) -> Mapping[str, int]:
        return self._controls

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        # The fast form leaves out the offsets, which nobody here reads.
        encodings = self._encoder.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int]) -> str:
        return self._reader.decode([int(i) for i in ids])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self._reader.decode([int(i)], skip_special_tokens=False) for i in ids]

    def text(self, ids: Sequence[int]) -> str:
        """Returns the text of ids, control tokens in it."""
        return self._reader.decode([int(i) for i in ids], skip_special_tokens=False)

    def closing_json(self) -> str:
        """Returns the file with what closes a text here: its end token behind it, nothing before.

        Truncation and padding are left out.
        """
        content = _parsed(self._data, self.path)
        end = {"SpecialToken": {"id": self.eos_token, "type_id": 0}}
        first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
        tokens = {"id": self.eos_token, "ids": [self.eos_id], "tokens": [self.eos_token]}
        content["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [first, end],
            "pair": [first, end, second, end],
            "special_tokens": {self.eos_token: tokens},
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def as_controls(self, text: str) -> str:
        """Returns a text whose control tokens are meant as such: encoded as text, it has their ids.

        For texts that a chat template writes around those of data, which stay what they are.
        """
        pattern, _ = self._control_pattern
        return pattern.sub(lambda match: _hidden_name(match[0]), text)

    def encode_plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of texts as the file alone has them, control tokens as their ids."""
        encodings = self._reader.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _beginning(self) -> int | None:
        """The token the file puts before a text, where it does."""
        # Of any text: the template of a tokenizer does not look at it.
        whole = self._encoder.encode("a").ids
        alone = self._encoder.encode("a", add_special_tokens=False).ids
        more = len(whole) - len(alone)
        return whole[0] if more > 0 and whole[:-more] != alone else None

    @property
    def _encoder(self):
        return self._encoding[0]

    @property
    def _word_table(self) -> WordTable | None:
        return self._encoding[1]

    @cached_property
    def _encoding(self) -> tuple[Any, WordTable | None]:
        """What encodes texts, and what does so word by word where that gives the same ids."""
        content = self._content()
        if self.control_tokens == AS_SPECIAL:
            encoder = self._reader
        else:
            content = _hidden(content, self._controls)
            encoder = _tokenizer(content, self.path)
        cuts = cuts_of(content)
        if cuts is None:
            return encoder, None
        return encoder, WordTable(cuts, self._lists, separator_of(content))

    @cached_property
    def _reader(self):
        return _tokenizer(self._content(), self.path)

    def _content(self) -> dict[str, Any]:
        return _within(_parsed(self._data, self.path), self._rows)[0]

    def __getstate__(self) -> dict:
        return {k: v for k, v in self.__dict__.items() if k not in ("_encoding", "_reader")}


def _refused(path: Path, reason: object) -> VocabularyError:
    return VocabularyError(f"{path} is no tokenizer.json: {reason}")


def control_names(path: Path) -> list[str]:
    """Returns the control tokens that a file names, which takes no time beside opening it.

    Raises:
      VocabularyError: it is no tokenizer.json.
    """
    try:
        return list(_controls(_parsed(read_file(path), path)["added_tokens"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise _refused(path, f"{type(error).__name__}: {error}") from error


def _controls(added: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Tokens that are called special, or look like it: text -> id."""
    numbers = {token["content"]: token["id"] for token in added}
    special = {token["content"] for token in added if token.get("special")}
    names = special | set(control_tokens_among(numbers))
    return {token: number for token, number in numbers.items() if token in names}


def _parsed(data: bytes, path: Path) -> dict[str, Any]:
    """Returns what a file holds, without its settings of truncation and padding."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _refused(path, error) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        other = path.parent / "tokenizer.json"
        hint = f"; {other} may be the one" if path.name != other.name and other.exists() else ""
        raise _refused(path, f'it has no "model"{hint}')
    # What it says of these is for batches of a model: it would cut texts, or fill them up.
    content = {**content, "truncation": None, "padding": None}
    content.setdefault("added_tokens", [])
    return content


def _model_rows(path: Path) -> int | None:
    """How many ids the model has whose config.json lies beside a file, where one does."""
    try:
        settings = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    rows = settings.get("vocab_size") if isinstance(settings, dict) else None
    return rows if type(rows) is int and rows > 0 else None


def _within(content: dict[str, Any], rows: int | None) -> tuple[dict[str, Any], list[str]]:
    """Returns a tokenizer without the control tokens for which its model has no rows, and these.

    Gemma 3's text models share the tokenizer of those that see: its last token stands for a
    picture. Where pieces of texts have no rows either, all stays as it is.
    """
    controls = _controls(content["added_tokens"])
    beyond = [name for name, number in controls.items() if rows is not None and number >= rows]
    pieces = _model_tokens(content["model"]).items()
    if not beyond or any(number >= (rows or 0) for name, number in pieces if name not in beyond):
        return content, []
    model = dict(content["model"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {k: v for k, v in model["vocab"].items() if k not in beyond}
    added = [token for token in content["added_tokens"] if token["content"] not in beyond]
    return {**content, "added_tokens": added, "model": model}, beyond


def _said_of(left_out: Sequence[str], rows: int | None) -> tuple[str, ...]:
    if not left_out:
        return ()
    names = ", ".join(left_out[:4]) + (", ..." if len(left_out) > 4 else "")
    return (f"the model beside it has {rows:,} ids and none for {names}: in texts they are text",)


def _tokenizer(content: Mapping[str, Any], path: Path):
    with extras.needed_for("Reading a tokenizer.json", error=VocabularyError):
        from tokenizers import Tokenizer
    try:
        return Tokenizer.from_str(json.dumps(content))
    except BaseException as error:
        # The library raises bare Exception, and where its Rust panics something above that.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise _refused(path, error) from error
        raise


def _model_tokens(model: Mapping[str, Any]) -> dict[str, int]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return vocabulary
    return {piece: number for number, (piece, _) in enumerate(vocabulary)}


def _unknown_id(model: Mapping[str, Any], tokens: Mapping[str, int]) -> int | None:
    if isinstance(model["vocab"], list):
        return model.get("unk_id")
    unknown = model.get("unk_token")
    return None if unknown is None else tokens.get(unknown)


def _losses(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Says where a tokenizer leaves characters out that it does not know."""
    model = content["model"]
    complete = model.get("byte_fallback") or "ByteLevel" in json.dumps(
        [content.get("pre_tokenizer"), content.get("normalizer")]
    )
    if model.get("type") != "BPE" or complete or model.get("unk_token") is not None:
        return ()
    return ("it has no unknown token and no bytes: characters it does not know are left out",)


def _hidden(content: Mapping[str, Any], controls: Mapping[str, int]) -> dict[str, Any]:
    """Returns a tokenizer whose control tokens have names that stand in no text.

    The library's own switch, `encode_special_tokens`, does not do: models that hold the tokens
    themselves, such as T5's Unigram, find them all the same, and it leaves tokens alone that are
    added without being called special, such as DeepSeek's <\uff5cUser\uff5c>.
    """
    names = {token: _hidden_name(token) for token in controls}
    added = [
        {**t, "content": names.get(t["content"], t["content"])} for t in content["added_tokens"]
    ]
    model = dict(content["model"])
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    elif not names.keys().isdisjoint(vocabulary):
        model["vocab"] = {names.get(piece, piece): number for piece, number in vocabulary.items()}
        if "merges" in model:
            model["merges"] = [pair for pair in model["merges"] if not _makes(pair, names)]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    return {**content, "added_tokens": added, "model": model}


def _hidden_name(token: str) -> str:
    return f"{NOWHERE}{token}{NOWHERE}"


def _makes(pair: str | Sequence[str], names: Mapping[str, str]) -> bool:
    """Whether a merge makes a control token, or goes on from one."""
    left, right = pair.split(" ", 1) if isinstance(pair, str) else pair
    return left in names or right in names or left + right in names
