"""Modules of flan_tasks as a package that stands alone, for folders used without it.

The code is copied as it is; only imports change, `from flan_tasks.core.errors import ...` to
`from ..core.errors import ...`, so that the package works under any name.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from flan_tasks.core.version import VERSION

_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = _PACKAGE.name
_IMPORT = re.compile(rf"^( *)from {_NAME}\.", re.MULTILINE)
_INIT = f'''"""A copy of what scores need of {_NAME} {VERSION} (Apache-2.0): edit it there."""

__version__ = "{VERSION}"
'''


def carried(module: str) -> dict[str, str]:
    """Returns the files of a package with one module and all of flan_tasks that it imports.

    Args:
      module: its name without `flan_tasks.`, as "evaluation.harness".

    Returns:
      Path in the package, such as "evaluation/harness.py" -> text, in the order of paths.
    """
    files = {"__init__.py": _INIT}
    waiting = [module]
    while waiting:
        room, _, name = waiting.pop().partition(".")
        for path in (f"{room}/__init__.py", f"{room}/{name}.py"):
            if path not in files:
                text = (_PACKAGE / path).read_text(encoding="utf-8")
                files[path] = _IMPORT.sub(r"\1from ..", text)
                waiting += _imported(ast.parse(text))
    return dict(sorted(files.items()))


def _imported(node: ast.AST) -> Iterator[str]:
    """Yields the modules of flan_tasks that code imports when it runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom) and (child.module or "").startswith(f"{_NAME}."):
            _, _, inside = (child.module or "").partition(".")
            # `from flan_tasks.core import extras` names a module of a room.
            yield from [inside] if "." in inside else [f"{inside}.{a.name}" for a in child.names]
        else:
            yield from _imported(child)
