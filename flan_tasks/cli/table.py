"""What is printed: tables without color, lines, JSON; no text of data steers a terminal."""

import json
import math
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Any

import click

from flan_tasks.core.escaping import for_line, for_terminal

_BETWEEN = "  "
# What is narrower is no terminal.
_LEAST = 40
# A column of text is not made narrower than this.
_NARROWEST = 6
# Pieces of a long word: names are cut behind _ and /.
_PIECES = re.compile(r"[^_/]*[_/]+|[^_/]+")


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    wide: bool = False,
    grouped: bool = False,
) -> None:
    """Prints rows under a header; columns whose cells are all numbers stand to the right.

    Cells of text are wrapped so that a line is no longer than the terminal is wide, or 80 where
    there is none; none is cut.

    Args:
      header: names of the columns.
      rows: their cells.
      wide: one line for each row, as long as it must be.
      grouped: rows of one first cell come one after the other; it stands above them then, by
        itself (but where `wide` has a line for each).
    """
    cells = [[for_line(cell) for cell in row] for row in rows]
    if grouped and not wide:
        _print_groups(list(header), cells)
        return
    widths, right = _layout(list(header), cells, room=None if wide else terminal_width())
    # At once: a call for each line takes most of the time of a long table.
    click.echo(
        "\n".join(line for row in [list(header), *cells] for line in _lines(row, widths, right))
    )


def _print_groups(header: list[str], cells: list[list[str]]) -> None:
    own = [row[1:] for row in cells]
    widths, right = _layout(header[1:], own, room=terminal_width() - 2)
    lines = list(_lines(header[1:], widths, right, indent="  "))
    for name, group in groupby(cells, key=lambda row: row[0]):
        lines += wrapped(name, terminal_width())
        for row in group:
            lines += _lines(row[1:], widths, right, indent="  ")
    click.echo("\n".join(lines))


def _layout(
    header: list[str], cells: list[list[str]], *, room: int | None
) -> tuple[list[int], list[bool]]:
    """Returns the width of each column, and whether it stands to the right."""
    right = [all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(header))]
    longest = [max([0, *(len(row[i]) for row in cells)]) for i in range(len(header))]
    widths = [max(len(name), width) for name, width in zip(header, longest, strict=True)]
    over = sum(widths) + len(_BETWEEN) * (len(widths) - 1) - (room or math.inf)
    for i, name in enumerate(header):
        if over > 0 and right[i]:
            # A head of several words takes several lines.
            narrow = max(longest[i], *map(len, name.split(" ")), 0)
            over -= widths[i] - narrow
            widths[i] = narrow
    while over > 0:
        # The widest text gives way, a letter at a time; numbers and narrow ones stay.
        narrowed = max(
            (i for i, width in enumerate(widths) if not right[i] and width > _NARROWEST),
            key=lambda i: widths[i],
            default=None,
        )
        if narrowed is None:
            break
        widths[narrowed] -= 1
        over -= 1
    return widths, right


def _lines(
    row: list[str], widths: list[int], right: list[bool], *, indent: str = ""
) -> Iterator[str]:
    pieces = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for line in zip_longest(*pieces, fillvalue=""):
        placed = (
            piece.rjust(width) if to_right else piece.ljust(width)
            for piece, width, to_right in zip(line, widths, right, strict=True)
        )
        yield (indent + _BETWEEN.join(placed)).rstrip()


def terminal_width() -> int:
    """Columns of the terminal, or what COLUMNS says; 80 where there is neither."""
    return max(shutil.get_terminal_size().columns, _LEAST)


def wrapped(text: str, width: int) -> list[str]:
    """Cuts a line into lines of a width: at blanks, and longer words behind _ and / or anywhere."""
    if len(text) <= width and not text.startswith(" "):
        return [text]
    lines = [""]
    for word in text.split(" "):
        pieces = [word] if len(word) <= width else _PIECES.findall(word)
        for number, piece in enumerate(pieces):
            blank = "" if number or not lines[-1] else " "
            if lines[-1] and len(lines[-1] + blank + piece) > width:
                lines.append("")
                blank = ""
            while len(piece) > width:
                lines[-1:] = [piece[:width], ""]
                piece = piece[width:]
            lines[-1] += blank + piece
    return lines


def print_wrapped(
    text: str, *, indent: str = "", wide: bool = False, bold: bool = False, err: bool = False
) -> None:
    """Prints a line, or several that fit the terminal; those after the first stand further in."""
    text = for_line(text)
    if wide:
        click.secho(indent + text, bold=bold, err=err)
        return
    # The first line is as narrow as the others, so that all of them fit.
    for number, line in enumerate(wrapped(text, max(terminal_width() - len(indent) - 2, 20))):
        click.secho(indent + ("  " if number else "") + line, bold=bold, err=err)


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
