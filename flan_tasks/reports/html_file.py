"""One HTML file of scripts, a style and data that needs nothing beside it.

Its content policy names the hashes of its own scripts and style, so that nothing else runs there,
even if a text of the data should find a way into the markup.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_HERE = Path(__file__).parent
# Parts that pages share, in this order: each may use what stands before it.
SHARED = tuple(
    _HERE / "page_parts" / f"{name}.js"
    for name in ("dom", "packed_data", "names", "marks", "charts", "frame", "listing")
)
_STYLE = _HERE / "page_parts" / "style.css"
_PAGE = _HERE / "page_parts" / "page.html"
_CHARTS = _HERE / "vendor"


@dataclass(frozen=True)
class Section:
    """A part of the page behind a tab of its own."""

    name: str
    """Its name in addresses."""
    label: str
    """What it is called."""
    is_listing: bool = False
    """Whether it is a list of entries beside one that is read."""


def html_file(
    *,
    kind: str,
    title: str,
    sections: Sequence[Section],
    without_scripts: str,
    scripts: Sequence[Path],
    styles: Sequence[Path] = (),
    summary: str,
    blocks: Mapping[str, tuple[str, str]],
) -> str:
    """Returns the file.

    Args:
      kind: what it is, behind its title.
      title: what it is of.
      sections: its parts.
      without_scripts: what stands there where scripts do not run, as HTML.
      scripts: files behind the shared ones, in their order.
      styles: files behind the shared one.
      summary: JSON that is read at once, as `script_text` returns it.
      blocks: name -> type and text of data that is read afterwards.
    """
    code = "\n".join(path.read_text(encoding="utf-8") for path in (*SHARED, *scripts))
    script = f'"use strict";(() => {{\n{code}\n}})();'
    style = "".join(
        path.read_text(encoding="utf-8") for path in (_CHARTS / "uPlot.min.css", _STYLE, *styles)
    )
    charts = (_CHARTS / "uPlot.iife.min.js").read_text(encoding="utf-8")
    parts = {
        "STYLE_HASH": _hash(style),
        "SCRIPT_HASHES": f"{_hash(charts)} {_hash(script)}",
        "TITLE": escape(title),
        "KIND": kind,
        "STYLE": style,
        "SECTIONS": "".join(map(_section, sections, [False, *[True] * (len(sections) - 1)])),
        "NOSCRIPT": without_scripts,
        "SUMMARY": summary,
        "BLOCKS": "\n".join(
            f'<script id="{name}" type="{form}">{text}</script>'
            for name, (form, text) in blocks.items()
        ),
        "CHARTS": charts,
        "SCRIPT": script,
    }
    # Piece by piece and not by replacing: data may hold the name of a place.
    pieces = _PAGE.read_text(encoding="utf-8").split("%%")
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _section(section: Section, is_hidden: bool) -> str:
    form = ' class="listing"' if section.is_listing else ""
    hidden = " hidden" if is_hidden else ""
    return (
        f'  <section id="page-{section.name}"{form} aria-label="{section.label}"{hidden}>'
        "</section>\n"
    )


def _hash(text: str) -> str:
    """How a content policy names an inline script or style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
