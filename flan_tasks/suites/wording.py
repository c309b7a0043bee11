"""The strings of a protocol, with the columns of a row in braces, and nothing else.

`{question}` is a column as it stands in the row; `{question:trimmed}` has no blanks at its ends;
`{{` and `}}` are braces. Texts that are put in are never looked at again.
"""

import re
from collections.abc import Collection, Mapping

from flan_tasks.core.field_types import shown

TRIMMED = "trimmed"
_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}|[{}]")


def problems_of(text: str) -> list[str]:
    """Returns what is wrong with the braces of a string."""
    wrong = []
    for piece in _PIECE.finditer(text):
        if piece[0] in ("{", "}"):
            around = text[max(0, piece.start() - 15) : piece.end() + 15]
            wrong.append(
                f"has a brace that is no column's, in {shown(around)}; write {{column}}, "
                "or {{ and }} for braces"
            )
        elif piece[2] not in (None, TRIMMED):
            wrong.append(f"has {piece[0]}; behind the colon only {TRIMMED} may stand")
    return wrong


def columns_of(text: str) -> tuple[str, ...]:
    """Returns the columns a string names, each once."""
    return tuple(dict.fromkeys(piece[1] for piece in _PIECE.finditer(text) if piece[1]))


def filled(text: str, columns: Mapping[str, str]) -> str:
    """Returns a string with the texts of its columns put in.

    Raises:
      KeyError: a column is missing.
    """

    def put(piece: re.Match[str]) -> str:
        if not piece[1]:
            return piece[0][0]
        value = columns[piece[1]]
        return value.strip() if piece[2] == TRIMMED else value

    return _PIECE.sub(put, text)


def missing_columns(texts: Collection[str], columns: Collection[str]) -> list[str]:
    """Returns the columns that strings name and a row does not have."""
    named = dict.fromkeys(name for text in texts for name in columns_of(text))
    return [name for name in named if name not in columns]
