"""The statements of gin files, each with its place, before gin evaluates them.

It reads with gin's own parser, which it imports when called; `gin_texts` reads files with what they
include, and `gin_files` makes a specification.
"""

import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import FlanTasksError, unknown_name
from flan_tasks.core.resources import folder

_DEEP = "a value is nested too deeply"
_WANTED = "wanted `NAME = VALUE`, `module.Class.field = VALUE`, `import` or `include 'FILE'`"
# Where messages of gin's reader begin to quote what they read.
_QUOTED = re.compile(r"\.? +Got |: <|['\"][^'\"]{3,}['\"]")
# Modules of what gin files may set, and the room they lay in up to 0.1.0.
MODULES = ("config", "model_config", "eval_config", "experiment")
_ROOM_BEFORE = "flan_tasks.trainer"


class GinError(FlanTasksError):
    """A gin file or binding is wrong; the message begins with file and line."""

    exit_code = 2


def error_at(where: str, what: str) -> GinError:
    """Returns the error for what is wrong at a place."""
    return GinError(f"{where}: {what}", where=where)


@dataclass(frozen=True)
class Macro:
    """`%NAME` in a value."""

    name: str
    """The name."""


@dataclass(frozen=True)
class Reference:
    """`@name` or `@name()` in a value."""

    name: str
    """The name, with its module."""
    is_called: bool = False
    """Whether it has the brackets."""


@dataclass(frozen=True)
class Binding:
    """One `X = value` of a file or of the command line."""

    selector: str
    """`config.TrainSpec`, or the name of a macro."""
    argument: str
    """The argument; empty for a macro."""
    value: Any
    """The value, with `Macro` and `Reference` in it."""
    where: str
    """file:line, or --gin.X."""

    @property
    def owner(self) -> str:
        """The class whose argument is set."""
        return self.selector.rsplit(".", 1)[-1].rsplit("/", 1)[-1]


def find(name: str) -> Path:
    """Returns a gin file by its path, or by its name among ours.

    Raises:
      GinError: there is none; names the nearest of ours.
    """
    ours = folder("gin")
    for path in (Path(name), ours / name):
        if path.is_file():
            return path
    known = sorted(str(path.relative_to(ours)) for path in ours.rglob("*.gin"))
    raise error_at(name, f"no such file; {unknown_name('gin file', name, known)}")


def read_text(path: Path) -> str:
    """Returns the text of a gin file.

    Raises:
      GinError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise error_at(str(path), f"cannot be read: {error}") from error


def _delegate() -> Any:
    """What makes our objects of `@name` and `%NAME`."""
    from gin import config_parser

    class Delegate(config_parser.ParserDelegate):  # type: ignore[misc]  # gin has no types
        def configurable_reference(
            self, scoped_configurable_name: str, evaluate: bool
        ) -> Reference:
            return Reference(scoped_configurable_name, evaluate)

        def macro(self, macro_name: str) -> Macro:
            return Macro(macro_name)

    return Delegate()


def items(text: str, place: Callable[[int], str]) -> Iterator[Any]:
    """Yields the statements of a text as gin's parser has them, with our objects in values.

    Args:
      text: of a file, or of a binding.
      place: where a line of the text stands, for messages.

    Raises:
      GinError: the text is malformed.
    """
    from gin import config_parser

    try:
        yield from config_parser.ConfigParser(text, _delegate())
    except SyntaxError as error:
        raise error_at(place(error.lineno or 1), f"{_expected(error)}; {_WANTED}") from None
    except tokenize.TokenError as error:
        if "too many nested" in error.args[0]:  # since Python 3.12 its tokenizer counts
            raise error_at(place(1), _DEEP) from None
        raise error_at(place(error.args[1][0]), f"{error.args[0]}; {_WANTED}") from None
    except (RecursionError, MemoryError):
        raise error_at(place(1), _DEEP) from None
    except ValueError:
        raise error_at(place(1), f"a value cannot be read; {_WANTED}") from None


def binding_of(item: Any, where: str) -> Binding | None:
    """Returns what gin's parser calls a binding statement as a binding; None of others."""
    from gin import config_parser

    if not isinstance(item, config_parser.BindingStatement):
        return None
    selector = f"{item.scope}/{item.selector}" if item.scope else item.selector
    return Binding(selector, item.arg_name or "", item.value, where)


def included_by(item: Any) -> str | None:
    """Returns the file that a statement of gin's parser includes, if it does."""
    from gin import config_parser

    return item.filename if isinstance(item, config_parser.IncludeStatement) else None


def imported_by(item: Any) -> str | None:
    """Returns the module that a statement of gin's parser imports, if it does."""
    from gin import config_parser

    return item.module if isinstance(item, config_parser.ImportStatement) else None


def parse(text: str, place: Callable[[int], str]) -> Iterator[Any]:
    """Yields the bindings of a text, and the paths of what it includes.

    Raises:
      GinError: the text is malformed.
    """
    for item in items(text, place):
        where = place(item.location.line_num)
        if binding := binding_of(item, where):
            yield binding
        elif name := included_by(item):
            yield find(name)
        elif module := imported_by(item):
            _check_import(module, where)


def _check_import(module: str, where: str) -> None:
    """Refuses modules that these classes lay in before, by the name of where they are now."""
    room, _, name = module.rpartition(".")
    if room == _ROOM_BEFORE and name in MODULES:
        raise error_at(where, f"{module} is now flan_tasks.specs.{name}; import that")


def _expected(error: SyntaxError) -> str:
    """What gin's reader says of a line, without the line: a file may include any file at all."""
    return _QUOTED.split(str(error.msg).split("\n")[0])[0].rstrip(" .:")
