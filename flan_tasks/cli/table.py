"""What is printed: tables without color, lines, JSON; no text of data steers a terminal."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from flan_tasks.core.escaping import for_line, for_terminal


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under a header; columns whose cells are all numbers stand to the right."""
    cells = [[for_line(cell) for cell in row] for row in rows]
    right = [all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(header))]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    for row in [list(header), *cells]:
        line = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(line).rstrip())


def say(text: str, *, err: bool = False) -> None:
    """Prints text in which names, paths or data may stand: control characters are written out."""
    click.echo(for_terminal(text), err=err)


def print_json(value: Any) -> None:
    """Prints one JSON object, in ASCII where the output takes no other letters."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    is_unicode = encoding.lower().replace("-", "").startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode)
    # JSON leaves DEL, the controls above it and halves of pairs as they are.
    click.echo("".join(c if c.isprintable() else _json_escape(c) for c in text))


def _json_escape(letter: str) -> str:
    return json.dumps(letter)[1:-1] if not letter.isascii() else f"\\u{ord(letter):04x}"


def _is_number(cell: str) -> bool:
    return (
        not cell or cell.rstrip("%").replace(",", "").replace(".", "", 1).isdigit() or cell == "-"
    )
