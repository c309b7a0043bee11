"""Python of the user's: importing it, and saying where it failed in one line.

Importing a module runs it: it is trusted like every program its user starts.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from flan_tasks.core.errors import DeclarationError, FlanTasksError, UnknownNameError

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def place_of(error: BaseException) -> str:
    """Where an error arose in code that is neither ours nor of a library: `file.py, line 3`.

    Empty where no such code took part.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(error.filename)}, line {error.lineno}"
    # Here, as every command imports this module, and few meet such an error.
    import sysconfig
    import traceback

    libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        name = frame.filename
        if not name.startswith(("<", _PACKAGE, *libraries)) and "site-packages" not in name:
            return f"{_relative(name)}, line {frame.lineno}"
    return ""


def told(error: BaseException) -> str:
    """An error of the user's code in one line: what it is, what it says, and where it arose."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        text = str(error.msg)
    place = place_of(error)
    said = type(error).__name__ + (f": {text}" if text else "")
    return said + (f" ({place})" if place else "")


@contextmanager
def current_folder_on_path() -> Iterator[None]:
    """Lets modules of the current folder be imported, as `python -m` does."""
    here = os.getcwd()
    if here in sys.path:
        yield
        return
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def import_module(name: str, option: str) -> ModuleType:
    """Imports a module of the user's, from the current folder too.

    Args:
      name: dotted, as in an import statement.
      option: what named it, for messages.

    Raises:
      UnknownNameError: there is no such module.
      DeclarationError: the name is none, is that of something else, or importing it fails.
    """
    here = os.getcwd()
    if not _DOTTED.fullmatch(name):
        raise DeclarationError(
            f"{option} {name!r}: wanted the name of a Python module as in an import statement, "
            "my_tasks or my_package.tasks"
        )
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UnknownNameError(
                f"{option} {name}: no such Python module; looked in {here} and where "
                "Python looks. Write my_tasks, not my_tasks.py"
            ) from error
        raise DeclarationError(
            f"{option} {name}: it imports {error.name}, which is missing{_at(error)}"
        ) from error
    except FlanTasksError as error:
        # What was declared there is wrong, and the message says what.
        if place := place_of(error):
            error.add_note(f"in {place}, of {option} {name}")
        raise
    except (Exception, SystemExit) as error:
        raise DeclarationError(f"{option} {name}: importing it fails with {told(error)}") from error
    _check_place(module, name, option, here)
    return module


def _at(error: BaseException) -> str:
    place = place_of(error)
    return f" ({place})" if place else ""


def _check_place(module: ModuleType, name: str, option: str, here: str) -> None:
    place = getattr(module, "__file__", None)
    if place is None:
        what = "a folder without __init__.py" if hasattr(module, "__path__") else "part of Python"
        raise DeclarationError(
            f"{option} {name}: {what}, which declares nothing; name a Python file, as "
            "my_package.tasks"
        )
    # A module of that name may be loaded already, and Python then looks no further.
    parts = Path(here, *name.split("."))
    for mine in (parts.with_suffix(".py"), parts / "__init__.py"):
        if mine.is_file() and not os.path.samefile(mine, place):
            raise DeclarationError(
                f"{option} {name}: two modules have this name, {_relative(str(mine))} and {place}, "
                "and Python takes the second; rename yours"
            )


def _relative(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name
