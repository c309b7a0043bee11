"""Notebooks of the docs as pages: their texts and code, and what the quick cells show.

`cells` and `run` need no Jupyter, so that a test and the site can run a notebook where there is
none. A cell with the tag `model` trains or asks a model, which takes a minute; the site leaves it
unrun.
"""

import ast
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_pages import fenced

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
MODEL = "model"


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook."""

    kind: str
    """`markdown` or `code`."""
    text: str
    """Its source."""
    tags: frozenset[str] = frozenset()
    """Its tags."""


def cells(path: Path) -> list[Cell]:
    """Returns the cells of a notebook, in their order."""
    return [
        Cell(one["cell_type"], "".join(one["source"]), frozenset(one["metadata"].get("tags", ())))
        for one in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]


def run(some: list[Cell]) -> Iterator[tuple[str, Any]]:
    """Runs the code of cells one after another, as Jupyter does, in the current folder.

    Yields:
      what a cell printed, and the value of its last line where that is an expression, else None.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(some, start=1):
        tree = ast.parse(cell.text, f"cell {number}")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, f"cell {number}", "exec"), names)
            value = None
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        yield printed.getvalue(), value


def notebook_pages() -> dict[str, str]:
    """Returns path -> page for each notebook."""
    return {
        f"notebooks/{path.stem}.md": "\n\n".join(_parts(path)) + "\n"
        for path in sorted(FOLDER.glob("*.ipynb"))
    }


def _parts(path: Path) -> Iterator[str]:
    listed = cells(path)
    quick = [cell for cell in listed if cell.kind == "code" and MODEL not in cell.tags]
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        shown = dict(zip(map(id, quick), list(run(quick)), strict=True))
        for place, cell in enumerate(listed):
            if cell.kind == "markdown":
                yield cell.text
                if place == 0:
                    yield f"This page is a notebook: [{path.name}]({path.name})."
                continue
            yield fenced(cell.text, "python")
            printed, value = shown.get(id(cell), ("", None))
            if printed.strip():
                yield fenced(printed.rstrip())
            if value is not None:
                has_html = getattr(value, "_repr_html_", None)
                # In one line, as a fence within would be read as one.
                yield has_html().replace("\n", "&#10;") if has_html else fenced(repr(value))


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Runs in a folder with a store of its own, and comes back."""
    before, store = os.getcwd(), os.environ.get("FLAN_TASKS_STORE")
    os.chdir(folder)
    os.environ["FLAN_TASKS_STORE"] = str(Path(folder, "store"))
    try:
        yield
    finally:
        os.chdir(before)
        if store is None:
            del os.environ["FLAN_TASKS_STORE"]
        else:
            os.environ["FLAN_TASKS_STORE"] = store
