"""Repairs of source text that several normalizers share; nothing here knows a dataset."""

import re

_BLANKS = re.compile(r"[^\S\n]+")
_NEWLINES = re.compile(r"\n{3,}")

# Pairs of (pattern, replacement), applied in order, that undo Penn-Treebank-style tokenizing.
_DETOKENIZE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"``\s?|\s?''", '"'),
        (r"-LRB-|-lrb-", "("),
        (r"-RRB-|-rrb-", ")"),
        (r"-LSB-|-lsb-", "["),
        (r"-RSB-|-rsb-", "]"),
        (r"\s+@-@\s+", "-"),
        (r"(?i)\b(can) not\b(?=[^\w]|$)", r"\1not"),
        (r"\s+(n't|N'T)\b", r"\1"),
        (r"\s+('(?:s|S|re|RE|ve|VE|ll|LL|d|D|m|M))\b", r"\1"),
        (r"\s+([.,;:!?%])(?=\s|$|[\"')\]])", r"\1"),
        (r"([(\[])\s+", r"\1"),
        (r"\s+([)\]])", r"\1"),
        (r"([$£€#])\s+(?=\d)", r"\1"),
        (r"(\d)\s+,\s+(\d{3})\b", r"\1,\2"),
    )
)
_QUOTED = re.compile(r'"\s*([^"]*?)\s*"')


def tidy(text: str) -> str:
    """Makes line ends `\\n`, folds runs of blanks to one and runs of empty lines to one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _NEWLINES.sub("\n\n", "\n".join(lines)).strip()


def one_line(text: str) -> str:
    """Folds every run of blanks and line ends to one blank."""
    return " ".join(text.split())


def detokenize(text: str) -> str:
    """Undoes Penn-Treebank-style tokenizing: blanks before punctuation, split clitics, brackets.

    Quotation marks are joined to what they enclose where they come in pairs; an odd one stays.
    """
    text = one_line(text)
    for pattern, replacement in _DETOKENIZE:
        text = pattern.sub(replacement, text)
    if text.count('"') % 2 == 0:
        text = _space_quotes(text)
    return one_line(text)


def _space_quotes(text: str) -> str:
    def joined(match: re.Match[str]) -> str:
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        left = " " if before and not before.isspace() and before not in "([-" else ""
        right = " " if after and after.isalnum() else ""
        return f'{left}"{match.group(1)}"{right}'

    return _QUOTED.sub(joined, text)
