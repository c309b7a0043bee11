"""What a notebook shows of things: small pieces of HTML in which every text is escaped.

No script, no style sheet, nothing that is fetched. Texts stand in `pre`, where notebooks look for
no formulas, and keep their lines.
"""

from collections.abc import Iterable, Sequence

from flan_tasks.core.escaping import for_html

# A parsed text: (False, literal text) or (True, field name), in order.
_Pieces = Iterable[tuple[bool, str]]
# Letters of one text that are shown.
LONGEST = 1500
_PRE = "white-space: pre-wrap; overflow-wrap: anywhere; text-align: left; margin: 0"
_CELL = "text-align: left; vertical-align: top"


def page(title: str, *parts: str) -> str:
    """Returns parts, which are HTML already, under a title."""
    return (
        f'<div class="tex2jax_ignore mathjax_ignore"><strong>{for_html(title)}</strong>'
        f"{''.join(parts)}</div>"
    )


def text(value: object) -> str:
    """Returns a text as it is, line by line; of a long one the beginning and how much is left."""
    letters = str(value)
    left = len(letters) - LONGEST
    rest = f"<em>… {left:,} more characters</em>" if left > 0 else ""
    return f'<pre style="{_PRE}">{for_html(letters[:LONGEST])}</pre>{rest}'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Returns a table of names and what they are."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{for_html(name)}</th><td style="{_CELL}">{text(value)}</td></tr>'
        for name, value in pairs
    )
    return f"<table>{rows}</table>"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table of texts under a header."""
    return _table(header, ([text(cell) for cell in row] for row in rows))


def templates(items: Iterable[tuple[str, _Pieces, _Pieces]]) -> str:
    """Returns a table of templates, each (name, prompt, target), with fields in bold."""
    return _table(
        ("template", "prompt", "target"),
        ((text(name), _pieces(inputs), _pieces(targets)) for name, inputs, targets in items),
    )


def bars(shares: Iterable[tuple[str, float]]) -> str:
    """Returns a bar for each share, from 0 to 1, the largest first."""
    ordered = sorted(shares, key=lambda pair: -pair[1])
    most = max((share for _, share in ordered), default=0.0) or 1.0
    return _table(
        ("", "share", ""),
        (
            (
                text(name),
                text(f"{share:.2%}"),
                f'<div style="background: #4878a8; height: 0.8em; '
                f'width: {20 * share / most:.1f}em"></div>',
            )
            for name, share in ordered
        ),
    )


def _pieces(pieces: _Pieces) -> str:
    inside = "".join(
        f"<strong>{{{for_html(piece)}}}</strong>" if is_field else for_html(piece)
        for is_field, piece in pieces
    )
    return f'<pre style="{_PRE}">{inside}</pre>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th style="{_CELL}">{for_html(name)}</th>' for name in header)
    cells = ("".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
