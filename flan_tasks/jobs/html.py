"""What results show in a notebook: plain tables and bars, all text escaped, no script."""

from collections.abc import Mapping, Sequence
from html import escape

_CELL = "style='text-align:{side};padding:1px 8px'"


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Returns a table; numbers stand to the right."""
    head = "".join(f"<th {_CELL.format(side='left')}>{escape(str(one))}</th>" for one in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def bars(caption: str, shares: Mapping[str, float], *, note: str = "") -> str:
    """Returns a bar for each share, the largest first; shares are from 0 to 1."""
    most = max(shares.values(), default=0.0) or 1.0
    lines = [
        f"<tr><td {_CELL.format(side='left')}>{escape(name)}</td>"
        f"<td {_CELL.format(side='right')}>{share:.2%}</td>"
        f"<td style='width:20em'><div style='background:#4878a8;height:0.8em;"
        f"width:{100 * share / most:.1f}%'></div></td></tr>"
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    ]
    below = f"<p>{escape(note)}</p>" if note else ""
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>{below}"


def _cell(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    shown = f"{value:,}" if is_number else str(value)
    side = "right" if is_number else "left"
    return f"<td {_CELL.format(side=side)}>{escape(shown)}</td>"
