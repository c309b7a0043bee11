r"""Where a text may be cut so that the ids of its parts, put together, are those of the whole.

For byte-level BPE whose pre-tokenizer is of a known family; of any other nothing is claimed. Such a
tokenizer takes added tokens out of a text, normalizes what is between them, splits that into pieces
by a regular expression, and merges bytes inside of each piece alone. So a cut is exact where no
added token reaches over it, the normalizer looks at neither side from the other, and

1. no piece holds the characters around the cut, the last before it and the first behind it;
2. pieces before it are the same whatever follows: no `(?!...)` looks past it to another answer;
3. pieces behind it are the same whatever was before: the expressions have no `(?<...)`.

Two neighboring characters decide all three for the families here:

* `x` no blank, then a space or tab. In every family these stand first in a piece, or among blanks.
  `\s+(?!\S)` looks at `x` at most, which is there either way. (GPT-2: before a newline as well.)
* A letter or digit of ASCII, then a newline. Newlines end a piece that begins with marks, as in
  `.\n\n`, or are among blanks; no piece has them after letters or digits.
* A letter or digit of ASCII, then one of `,.;:!?)"`: marks begin a piece, alone or with others. An
  apostrophe would not do, since `'s` is a piece and o200k has it behind letters.
* A newline, then a character of ASCII that is no blank and no `/`: `\s*[\r\n]+`, tried before
  `\s+(?!\S)`, ends behind the last newline of a run of blanks, and what ends a piece that begins
  with marks is `[\r\n]*` or `[\r\n/]*`. (Not GPT-2, which has neither.)

NFC may come before: what is behind a cut begins with a character of ASCII, which stays as it is and
composes with nothing before it, and no normal form of anything else ends in a blank.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_PRINTED = bytes(range(0x21, 0x7F))
_LETTERS_AND_DIGITS = bytes(byte for byte in _PRINTED if chr(byte).isalnum())
# Marks behind words; others stand in added tokens as well.
_MARKS_OF_WORDS = b',.;:!?)"'
_SPACES, _NEWLINES = b" \t", b"\r\n"
# Of a byte that belongs to a character beyond ASCII: whether that is a blank is looked up.
_BEYOND = 0x80
# Beyond ASCII, all that Unicode ever called a blank, and two that have no width.
BLANKS = (
    "\x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_TWO_BYTES, _THREE_BYTES = (
    np.array(
        [int.from_bytes(blank.encode()) for blank in BLANKS if len(blank.encode()) == length],
        np.uint32,
    )
    for length in (2, 3)
)


@dataclass(frozen=True)
class Cuts:
    """Pairs of neighboring characters between which texts are cut."""

    pairs: tuple[tuple[bytes, bytes], ...]
    """(ASCII before, ASCII behind): between any of the first and any of the second. To the first
    of the first pair belongs each character beyond ASCII that is no blank."""

    @cached_property
    def _tables(self) -> tuple[bytes, bytes]:
        before, behind = bytearray(256), bytearray(256)
        before[0x80:] = bytes([_BEYOND]) * 0x80
        for byte in self.pairs[0][1]:
            behind[byte] = _BEYOND
        for number, pair in enumerate(self.pairs):
            for table, held in zip((before, behind), pair, strict=True):
                for byte in held:
                    table[byte] |= 1 << number
        return bytes(before), bytes(behind)

    def places(self, data: bytes) -> np.ndarray:
        """Returns where UTF-8 is cut, as the numbers of bytes before which it is: int64[cuts]."""
        before, behind = (np.frombuffer(data.translate(table), np.uint8) for table in self._tables)
        meet = before[:-1] & behind[1:]
        places = np.flatnonzero(meet) + 1
        beyond = np.flatnonzero(meet[places - 1] == _BEYOND)
        if not len(beyond):
            return places
        # The character before a cut, read from its end.
        raw = np.frombuffer(data, np.uint8)
        last = sum(
            raw[places[beyond] - back].astype(np.uint32) << 8 * (back - 1) for back in (1, 2, 3)
        )
        blank = np.isin(last & 0xFFFF, _TWO_BYTES) | np.isin(last, _THREE_BYTES)
        return np.delete(places, beyond[blank])


#: Before spaces alone: a part never begins with a character that a space would be put before.
AT_SPACES = Cuts(((_PRINTED, b" "),))
#: GPT-2's: before any run of blanks.
AT_BLANKS = Cuts(((_PRINTED, _SPACES + _NEWLINES),))
#: Where newlines end pieces of marks: before spaces, and around newlines where that is sure.
AT_LINES = Cuts(
    (
        (_PRINTED, _SPACES),
        (_LETTERS_AND_DIGITS, _NEWLINES),
        (_NEWLINES, _PRINTED.replace(b"/", b"")),
    )
)
_AT_MARKS = (_LETTERS_AND_DIGITS, _MARKS_OF_WORDS)
#: The same, and before marks behind words, so that fewer words differ.
AT_BLANKS_AND_MARKS, AT_LINES_AND_MARKS = (
    Cuts((*cuts.pairs, _AT_MARKS)) for cuts in (AT_BLANKS, AT_LINES)
)

_CASELESS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_BLANKS_LAST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_MARKS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_WORDS_BY_CASE = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
)
# Expressions of one Split before ByteLevel, by who published them.
_EXPRESSIONS = {
    # Llama 3, OLMo 2, Phi-4, SmolLM 3
    "|".join([_CASELESS, r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}{1,3}", _MARKS, _BLANKS_LAST]),
    # Qwen 2, 2.5 and 3
    "|".join([_CASELESS, r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}", _MARKS, _BLANKS_LAST]),
    # The same with marks of letters
    "|".join(
        [
            _CASELESS,
            r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+",
            r"\p{N}",
            r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
            _BLANKS_LAST,
        ]
    ),
    # gpt-oss: OpenAI's o200k
    "|".join(
        [
            *(f"{words}{_CASELESS}?" for words in _WORDS_BY_CASE),
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            _BLANKS_LAST,
        ]
    ),
    # Mistral's Tekken
    "|".join([*_WORDS_BY_CASE, r"\p{N}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", _BLANKS_LAST]),
}
# DeepSeek V3 and R1: three, one after the other. Its file has the newlines themselves.
_DEEPSEEK = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)


def cuts_of(content: Mapping[str, Any]) -> Cuts | None:
    """Returns where texts may be cut for what a tokenizer.json holds; None for nowhere.

    Args:
      content: the file, as it is given to the library.
    """
    model = content["model"]
    if model.get("type") != "BPE" or model.get("dropout"):
        return None
    if not all(step == {"type": "NFC"} for step in _steps(content, "normalizer")):
        return None
    if not all(map(_adds_nothing, _steps(content, "post_processor"))):
        return None
    for cuts in _cuts_between_pieces(_steps(content, "pre_tokenizer")):
        if all(_stays_whole(token, cuts) for token in content["added_tokens"]):
            return cuts
    return None


def separator_of(content: Mapping[str, Any]) -> tuple[str, int] | None:
    """Returns an added token that keeps texts apart, so that many are encoded as one, and its id.

    Texts without its first character have the ids they have alone: no token begins in one of them
    and ends in the separator, and none is found in its place. None where there is no such token.

    Args:
      content: a tokenizer.json whose texts may be cut (`cuts_of`).
    """
    tokens = content["added_tokens"]

    def apart(name: str, other: str) -> bool:
        begins = not other or name.startswith(other) or other.startswith(name)
        return not begins and (name[0] not in other or other[0] == name[0])

    for number, token in enumerate(tokens):
        name = token["content"]
        others = (t["content"] for n, t in enumerate(tokens) if n != number)
        # What is normalized is looked for behind the other tokens, in what these leave.
        if name and token.get("normalized") is False and all(apart(name, o) for o in others):
            return name, token["id"]
    return None


def _steps(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What a part of a tokenizer does, one after the other."""
    part = content.get(name)
    if part is None:
        return []
    if part.get("type") != "Sequence":
        return [part]
    plural = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}
    return list(part[plural.get(name, "processors")])


def _cuts_between_pieces(steps: Sequence[Mapping[str, Any]]) -> tuple[Cuts, ...]:
    """Where a pre-tokenizer's pieces surely end, the closest cuts first; none for others."""
    if not steps or steps[-1].get("type") != "ByteLevel":
        return ()
    *before, last = steps
    prefix = last.get("add_prefix_space")
    if last.get("use_regex", True):
        # Digits apart from the rest, as StarCoder and SmolLM have them, is of single characters.
        if not all(step.get("type") == "Digits" for step in before):
            return ()
        if prefix is True:
            return (AT_SPACES,)
        return (AT_BLANKS_AND_MARKS, AT_BLANKS) if prefix is False else ()
    expressions = tuple(_expression(step) for step in before if step.get("type") != "Digits")
    known = expressions == _DEEPSEEK or (len(expressions) == 1 and expressions[0] in _EXPRESSIONS)
    return (AT_LINES_AND_MARKS, AT_LINES) if known and prefix is False else ()


def _expression(step: Mapping[str, Any]) -> str | None:
    """The expression whose matches are pieces, and what is between them; None for another step."""
    pattern = step.get("pattern")
    # The second takes away what lies between matches, which is nothing: they are of any character.
    ways = (("Isolated", False), ("Removed", True))
    pieces = (step.get("behavior"), step.get("invert")) in ways
    if step.get("type") != "Split" or not pieces or not isinstance(pattern, dict):
        return None
    expression = pattern.get("Regex")
    if not isinstance(expression, str):
        return None
    return expression.replace("\r", r"\r").replace("\n", r"\n")


def _adds_nothing(step: Mapping[str, Any]) -> bool:
    """Whether a step leaves the ids of one text as they are where no token is to be put around."""
    if step.get("type") == "TemplateProcessing":
        texts = [part["Sequence"]["id"] for part in step["single"] if "Sequence" in part]
        return texts == ["A"]
    return step.get("type") in ("ByteLevel", "RobertaProcessing", "BertProcessing")


def _stays_whole(token: Mapping[str, Any], cuts: Cuts) -> bool:
    """Whether an added token is found in the parts of a text just as in the whole."""
    if any(token.get(kind) for kind in ("lstrip", "rstrip", "single_word")):
        return False
    content = token["content"]
    forms = (content, unicodedata.normalize("NFC", content))
    return not any(len(cuts.places(form.encode())) for form in forms)
