"""The report of a build as one HTML file that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.reports.html_file import Section, html_file
from flan_tasks.reports.packed_data import packed_script_text, script_text
from flan_tasks.reports.payload import examples, summary
from flan_tasks.reports.sample import Sample

_PAGE = Path(__file__).parent / "page"
# In this order: each may use what stands before it.
_SCRIPTS = ("data", "families", "overview", "datasets", "sources", "texts", "tokens", "browser")
_SECTIONS = (
    Section("overview", "Overview"),
    Section("datasets", "Datasets"),
    Section("examples", "Examples", is_listing=True),
    Section("sources", "Sources"),
)
_WITHOUT_SCRIPTS = (
    "This report draws itself with JavaScript, all of it in this file. The same numbers are in "
    "manifest.json and README.md beside it, and in <code>flan report DIR --text</code>."
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
    shown = examples(sample, [task["name"] for task in manifest["tasks"]])
    return html_file(
        kind="report",
        title=manifest["mixture"]["name"],
        sections=_SECTIONS,
        without_scripts=_WITHOUT_SCRIPTS,
        scripts=[_PAGE / f"{name}.js" for name in (*_SCRIPTS, "main")],
        summary=script_text(summary(manifest, sample, templates=templates)),
        blocks={"examples": packed_script_text(shown)},
    )
