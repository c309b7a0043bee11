"""The report as one HTML file that needs nothing beside it.

Its content policy names the hashes of its own scripts and style, so that nothing else runs there,
even if a text of the data should find a way into the markup.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from flan_tasks.reports.payload import examples, packed_script_text, script_text, summary
from flan_tasks.reports.sample import Sample

_HERE = Path(__file__).parent
# In this order: each may use what stands before it.
_SCRIPTS = (
    "dom",
    "data",
    "families",
    "charts",
    "overview",
    "datasets",
    "sources",
    "texts",
    "tokens",
    "browser",
    "main",
)


def make_page(
    manifest: Mapping[str, Any],
    sample: Sample,
    *,
    templates: Mapping[str, Sequence[Mapping[str, str]]],
) -> str:
    """Returns the page.

    Args:
      manifest: of the build.
      sample: the examples to show.
      templates: task -> its templates, each with `id`, `kind`, `inputs` and `targets`.
    """
    about = summary(manifest, sample, templates=templates)
    kind, shown = packed_script_text(examples(sample, [t["name"] for t in manifest["tasks"]]))
    scripts = "\n".join(_asset("page", f"{name}.js") for name in _SCRIPTS)
    style = _asset("vendor", "uPlot.min.css") + _asset("page", "style.css")
    charts = _asset("vendor", "uPlot.iife.min.js")
    script = f'"use strict";(() => {{\n{scripts}\n}})();'
    parts = {
        "STYLE_HASH": _hash(style),
        "SCRIPT_HASHES": f"{_hash(charts)} {_hash(script)}",
        "TITLE": escape(manifest["mixture"]["name"]),
        "STYLE": style,
        "SUMMARY": script_text(about),
        "EXAMPLES": f'<script id="examples" type="{kind}">{shown}</script>',
        "CHARTS": charts,
        "SCRIPT": script,
    }
    # Piece by piece and not by replacing: data may hold the name of a place.
    pieces = _asset("page", "page.html").split("%%")
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _hash(text: str) -> str:
    """How a content policy names an inline script or style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _asset(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8")
