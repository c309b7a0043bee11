"""Which token ends a text, and which one pads: asked for, or read in the files of a tokenizer.

`tokenizer.json` does not say. What does are the files `transformers` writes beside it, in this
order: tokenizer_config.json, special_tokens_map.json, generation_config.json, config.json. Only
where they are silent the names published tokenizers use are looked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import VocabularyError

# File -> how it names a token: by its text, or by numbers.
_BY_TEXT = ("tokenizer_config.json", "special_tokens_map.json")
_BY_NUMBER = ("generation_config.json", "config.json")
# Names of files that stand in a folder `transformers` wrote; others may lie anywhere.
PUBLISHED = ("tokenizer.json", "tokenizer.model", "spiece.model")
WELL_KNOWN = (
    "</s>",
    "<|endoftext|>",
    "<eos>",
    "<|end_of_text|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<|eot_id|>",
    "<|im_end|>",
    "<end_of_turn>",
    "<|end|>",
    "<|eos|>",
    "[EOS]",
)
_PADS = ("<pad>", "[PAD]", "<|pad|>", "<|padding|>")
_SHOWN = 8


@dataclass(frozen=True)
class EndToken:
    """The token that ends a text."""

    id: int
    """Its number."""
    origin: str
    """Where it was read from."""
    notes: tuple[str, ...] = ()
    """What other files say against it, one line each."""


class TokenizerFiles:
    """What lies beside a tokenizer's file and says which of its tokens are what.

    Args:
      path: the tokenizer's file.
      tokens: all its tokens and their numbers.
    """

    def __init__(self, path: Path, tokens: Mapping[str, int]) -> None:
        self.path = path
        self._tokens = tokens
        self._folder = path.parent if path.name in PUBLISHED else None

    def answers(self, role: str) -> Iterator[tuple[str, tuple[int, ...], str]]:
        """Yields (file, numbers, what is wrong with it) of files that name a token for a role.

        Args:
          role: "eos", "pad", ...

        Raises:
          VocabularyError: a file is damaged.
        """
        for name in _BY_TEXT:
            token = _text(self._read(name).get(f"{role}_token"))
            if token is None:
                continue
            if token in self._tokens:
                yield name, (self._tokens[token],), ""
            else:
                yield name, (), f"{name} names {token!r}, which {self.path.name} does not hold"
        for name in _BY_NUMBER:
            settings = self._read(name)
            value = settings.get(f"{role}_token_id")
            if value is None and isinstance(settings.get("text_config"), dict):
                value = settings["text_config"].get(f"{role}_token_id")
            numbers = tuple(value) if isinstance(value, list) else (value,)
            existing = tuple(n for n in numbers if isinstance(n, int) and n in self._token_of)
            if existing:
                yield name, existing, ""
            elif value is not None:
                yield name, (), f"{name} says {value}, which {self.path.name} does not hold"

    def token(self, number: int) -> str:
        """Returns a token with its number, to be read by a person."""
        return f"{self._token_of.get(number, '?')} ({number})"

    @cached_property
    def _token_of(self) -> dict[int, str]:
        return {number: token for token, number in self._tokens.items()}

    def _read(self, name: str) -> Mapping[str, Any]:
        if self._folder is None:
            return {}
        path = self._folder / name
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise VocabularyError(f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise VocabularyError(f"{path}: wanted a JSON object")
        return content


def named_end(eos: str, path: Path, tokens: Mapping[str, int]) -> EndToken:
    """Returns the token a user names: its text, or its number.

    Raises:
      VocabularyError: the vocabulary has no such token.
    """
    if eos.isascii() and eos.isdecimal():
        if int(eos) in tokens.values():
            return EndToken(int(eos), "--eos")
        raise VocabularyError(
            f"--eos {eos}: {path} has no token of that number; its numbers end at "
            f"{max(tokens.values(), default=0)}"
        )
    if eos in tokens:
        return EndToken(tokens[eos], "--eos")
    likely = _listed(tokens, (token for token in WELL_KNOWN if token in tokens))
    raise VocabularyError(
        f"--eos {eos!r}: {path} has no such token" + (f"; it has {likely}" if likely else "")
    )


def well_known_end(tokens: Mapping[str, int], added: Iterable[str]) -> list[str]:
    """Returns the tokens that end texts in published tokenizers; one alone is the end token.

    Args:
      tokens: all tokens and their numbers.
      added: those that stand beside the model, as control tokens do; they go first.
    """
    names = set(added)
    candidates = [token for token in WELL_KNOWN if token in names]
    return candidates or [token for token in WELL_KNOWN if token in tokens]


def published_end(
    files: TokenizerFiles, tokens: Mapping[str, int], added: Iterable[str]
) -> EndToken:
    """Returns the end token the files of a tokenizer.json name.

    Args:
      files: the files.
      tokens: all tokens and their numbers.
      added: those that stand beside the model.

    Raises:
      VocabularyError: none of them names one, and the tokens do not tell.
    """
    notes: list[str] = []
    chosen: EndToken | None = None
    several = ""
    for name, numbers, problem in files.answers("eos"):
        if problem:
            notes.append(problem)
        elif chosen is None and len(numbers) == 1:
            chosen = EndToken(numbers[0], name)
        elif chosen is None:
            several = several or f"{name} names {', '.join(map(files.token, numbers))}"
        elif chosen.id not in numbers:
            notes.append(
                f"{name} ends texts with {' or '.join(map(files.token, numbers))}, "
                f"{chosen.origin} with {files.token(chosen.id)}, which is taken; --eos chooses"
            )
    if chosen is not None:
        return EndToken(chosen.id, chosen.origin, tuple(notes))
    candidates = well_known_end(tokens, added)
    if len(candidates) == 1 and not several:
        return EndToken(tokens[candidates[0]], "its name", tuple(notes))
    if several:
        reason = several
    elif candidates:
        reason = f"it has {_listed(tokens, candidates)}"
    else:
        named = _listed(tokens, added)
        reason = f"none of {', '.join(WELL_KNOWN[:4])}, ..." + (
            f"; it has {named}" if named else ""
        )
    raise VocabularyError(
        "; ".join(
            [
                f"which token of {files.path} ends a text cannot be told: {reason}",
                *notes,
                "name it with --eos TOKEN, or put its tokenizer_config.json beside it",
            ]
        )
    )


def pad_token(files: TokenizerFiles, tokens: Mapping[str, int]) -> int | None:
    """Returns the number of a tokenizer's padding token; None where it has none."""
    for _, numbers, _ in files.answers("pad"):
        if numbers:
            return numbers[0]
    return next((tokens[token] for token in _PADS if token in tokens), None)


def _text(value: Any) -> str | None:
    # Written as a text, or as an AddedToken with its flags.
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _listed(tokens: Mapping[str, int], names: Iterable[str]) -> str:
    chosen = list(names)
    shown = [f"{token} ({tokens[token]})" for token in chosen[:_SHOWN] if token in tokens]
    return ", ".join(shown) + (", ..." if len(chosen) > _SHOWN else "")
