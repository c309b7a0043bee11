"""Plain tables: aligned columns, numbers to the right, no color."""

import unicodedata
from collections.abc import Sequence

import click


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under a header; columns whose cells are all numbers stand to the right."""
    cells = [[clean(cell) for cell in row] for row in rows]
    right = [all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(header))]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    for row in [list(header), *cells]:
        line = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(line).rstrip())


def clean(cell: object) -> str:
    """A cell as one line without control characters: text from data must not steer a terminal."""
    text = str(cell)
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") else c for c in text)


def _is_number(cell: str) -> bool:
    return (
        not cell or cell.rstrip("%").replace(",", "").replace(".", "", 1).isdigit() or cell == "-"
    )
