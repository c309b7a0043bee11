"""The project's own pages as pages of the site: the README is the home page."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# File of the repository -> page of the site.
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CITATION.cff": "CITATION.cff",
    # A folder is no page: the first of it is.
    "docs/trainers": "trainers/seqio.md",
}
# A link or picture of Markdown, but for those to other hosts and within a page.
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s#]+)((?:#[^)\s]*)?\))")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.M | re.S)


def moved_pages() -> dict[str, str]:
    """Returns the files that lie beside `docs/`, as those of the site."""
    found = {}
    for name, place in MOVED.items():
        if (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8")
            found[place] = moved_page(text, folder="", to=place) if place.endswith(".md") else text
    return found


def moved_page(text: str, *, folder: str, to: str = "") -> str:
    """Returns a page whose links lead to the same places as they do in the repository.

      Args:
      text: Markdown.
      folder: where it lies in the repository, "" for its root.
      to: where it goes in the site, if that is elsewhere.

    Raises:
      LookupError: a link leads to what is no page.
    """
    here = posixpath.dirname(to) if to else folder.removeprefix("docs").strip("/")

    def moved(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        if path not in MOVED and not path.startswith("docs/"):
            raise LookupError(f"{folder or to} links to {target}, which is no page of the site")
        place = MOVED.get(path) or path.removeprefix("docs/")
        return before + posixpath.relpath(place, here or ".") + after

    pieces = _CODE.split(text)
    return "".join(
        piece if number % 2 else _LINK.sub(moved, piece) for number, piece in enumerate(pieces)
    )
