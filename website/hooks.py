"""What MkDocs calls while it builds the documentation site (`mkdocs.yml` names this file).

Pages are the Markdown of `docs/`, readable as it is on a code host. What a program can say better
is made here, on each build and from the package itself: the home page and the project's own files
with their links moved, the reference, a prompt of every dataset, the notebook, and the report of a
build.
"""

import posixpath
from typing import Any

from api_pages import api_pages
from command_page import command_page
from dataset_pages import dataset_pages
from example_report import REPORT, example_page, example_report
from gin_page import gin_page
from mkdocs.structure.files import File, Files, InclusionLevel
from moved_pages import moved_page, moved_pages
from notebook_page import notebook_pages


def generated() -> dict[str, str]:
    """Returns every page that is made, by its path in the site's Markdown."""
    return {
        **moved_pages(),
        **dataset_pages(),
        **notebook_pages(),
        **api_pages(),
        "reference/commands.md": command_page(),
        "reference/gin.md": gin_page(),
        "example.md": example_page(),
    }


def on_files(files: Files, config: Any) -> Files:
    """Adds what is made to what lies in `docs/`."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    # In no navigation: it is shown within its page, and opens by itself.
    report = File.generated(config, REPORT, content=example_report())
    report.inclusion = InclusionLevel.NOT_IN_NAV
    files.append(report)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Moves links of pages in `docs/` that lead out of it."""
    if page.file.generated_by is not None:
        return markdown
    return moved_page(markdown, folder=posixpath.join("docs", posixpath.dirname(page.file.src_uri)))
