"""What the fields of a dataclass mean: the strings under them, where editors look for them.

Python throws these strings away, so they are read from the source when they are asked for: by
`help()` of public classes, and where options of the command line are made of a class's fields.
"""

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from textwrap import dedent, fill, indent
from typing import Any

# What was read already.
_READ: dict[type, dict[str, str]] = {}


def field_docs(cls: type[Any]) -> dict[str, str]:
    """Returns field -> what it means, each as one line, in the order of the fields.

    A field without a string has none here, nor has a class that was typed in by hand.
    """
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            if base not in _READ:
                _READ[base] = dict(_read(base))
            docs |= _READ[base]
    return {part.name: docs[part.name] for part in dataclasses.fields(cls) if part.name in docs}


def with_field_docs(cls: type) -> str:
    """Returns the docstring of a dataclass with its fields, which `help()` then shows."""
    lines = [
        fill(f"{name}: {text}", width=96, subsequent_indent="  ")
        for name, text in field_docs(cls).items()
    ]
    about = inspect.getdoc(cls) or ""
    return f"{about}\n\nAttributes:\n{indent(chr(10).join(lines), '  ')}" if lines else about


def _read(cls: type) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # no file has it
        return
    (declared,) = tree.body
    assert isinstance(declared, ast.ClassDef)
    for part, after in zip(declared.body, declared.body[1:], strict=False):
        if not (isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield part.target.id, " ".join(str(after.value.value).split())
