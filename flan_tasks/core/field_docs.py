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


class DocWithFields:
    """A dataclass's docstring that shows its fields too, read from the source when it is asked for.

    It stands in the class as `__doc__`: most who use a class never ask for it, and reading takes
    longer than importing the class.
    """

    def __init__(self, about: str | None) -> None:
        self.about = inspect.cleandoc(about or "")

    def __get__(self, _: object, cls: type) -> str:
        """Returns the docstring, and under it a line for each field that says what it means."""
        lines = [
            fill(f"{name}: {text}", width=96, subsequent_indent="  ")
            for name, text in field_docs(cls).items()
        ]
        if not lines:
            return self.about
        return f"{self.about}\n\nAttributes:\n{indent(chr(10).join(lines), '  ')}"


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
