"""Byte-level tokenizers that split texts as published families do, with vocabularies of ours.

The expressions are those of the families' own tokenizer.json, written out here as they are there.
"""

import json
from pathlib import Path

CASELESS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA_3 = (
    CASELESS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
WITH_MARKS = (
    CASELESS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = f"{_UPPER}*{_LOWER}+{CASELESS}?|{_UPPER}+{_LOWER}*{CASELESS}?" + r"|\p{N}{1,3}" + _REST
TEKKEN = f"{_UPPER}*{_LOWER}+|{_UPPER}+{_LOWER}*" + r"|\p{N}" + _REST
DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"""
    "\r\n"
    r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["
    "\r\n"
    r"]*|\s*["
    "\r\n"
    r"]+|\s+(?!\S)|\s+",
)
DIGITS = {"type": "Digits", "individual_digits": True}
NFC = {"type": "NFC"}


def byte_level(*, use_regex: bool, prefix: bool = False) -> dict:
    """The step that makes bytes of characters."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": prefix,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def split(*expressions: str, behavior: str = "Isolated", invert: bool = False) -> dict:
    """Splits by each expression, and then bytes."""
    splits = [
        {"type": "Split", "pattern": {"Regex": e}, "behavior": behavior, "invert": invert}
        for e in expressions
    ]
    return in_turn(*splits, byte_level(use_regex=False))


def in_turn(*steps: dict) -> dict:
    """Steps one after the other."""
    return {"type": "Sequence", "pretokenizers": list(steps)}


# Family -> (how it splits, how it normalizes).
FAMILIES = {
    "gpt2": (byte_level(use_regex=True), None),
    "gpt2_prefix": (byte_level(use_regex=True, prefix=True), None),
    "starcoder": (in_turn(DIGITS, byte_level(use_regex=True)), None),
    "llama3": (split(LLAMA_3), None),
    "qwen2": (split(QWEN_2), NFC),
    "marks": (split(WITH_MARKS), NFC),
    "o200k": (split(O200K), None),
    "o200k_removed": (split(O200K, behavior="Removed", invert=True), None),
    "tekken": (split(TEKKEN), None),
    "deepseek_v3": (split(*DEEPSEEK_V3), {"type": "Sequence", "normalizers": []}),
}
# Special ones, and those that are added without being called so.
SPECIAL = ("<|endoftext|>", "<|im_start|>", "</s>")
PLAIN = ("<think>", "\n\n", "  ", "red", "é")


def content(family: str, vocabulary: dict[str, int], merges: list, **changes) -> dict:
    """A tokenizer.json that splits as a family does; changes replace parts of it."""
    pre_tokenizer, normalizer = FAMILIES[family]
    # A token with a mark behind a digit, where others are not cut.
    more = ("1.",) if family in ("starcoder", "qwen2") else ()
    added = [
        {
            "id": len(vocabulary) + number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": token in ("red", "é"),
            "special": token in SPECIAL,
        }
        for number, token in enumerate((*SPECIAL, *PLAIN, *more))
    ]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": vocabulary,
        "merges": merges,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": byte_level(use_regex=True),
        "model": model,
        **changes,
    }


def of_pairs(family: str, letters: str, **changes) -> dict:
    """A tokenizer that merges any two neighboring bytes of some letters, where a piece has both.

    So ids tell where pieces end.
    """
    from tokenizers import pre_tokenizers

    bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    symbols = sorted({s for c in letters for s in bytes_alone.pre_tokenize_str(c)[0][0]})
    pairs = [[left, right] for left in symbols for right in symbols]
    alone = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alone, *(left + right for left, right in pairs)]
    return content(family, {piece: n for n, piece in enumerate(pieces)}, pairs, **changes)


def of_gpt2(family: str, folder: Path, **changes) -> dict:
    """A tokenizer of GPT-2's published pieces and merges, split as a family does."""
    vocabulary = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    vocabulary.pop("<|endoftext|>")
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges = [line.split(" ") for line in lines if line]
    return content(family, vocabulary, merges, **changes)


def write(path: Path, held: dict) -> Path:
    """Writes a tokenizer.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held), encoding="utf-8")
    return path
