"""Blanks, line ends and characters: what every text goes through."""

import re

from flan_tasks.repairs.characters import readable

_BLANKS = re.compile(r"[^\S\n]+")
_NEWLINES = re.compile(r"\n{3,}")


def tidy(text: str) -> str:
    """Makes line ends `\\n`, folds runs of blanks to one and runs of empty lines to one.

    Repairs characters (`characters.readable`) before it.
    """
    text = readable(text).replace("\r\n", "\n").replace("\r", "\n")
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _NEWLINES.sub("\n\n", "\n".join(lines)).strip()


def one_line(text: str) -> str:
    """Folds every run of blanks and line ends to one blank, with its characters repaired."""
    return " ".join(readable(text).split())
