"""What the public functions are given, looked at before anything is done with it."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.field_types import shown


class Arguments:
    """Those of one function; what is wrong with one is a ConfigError that names it.

    Args:
      function: the function's name.
    """

    def __init__(self, function: str) -> None:
        self._function = function

    def refuse(self, name: str, value: object, want: str) -> ConfigError:
        """Returns the error for a value: what it is, and what would be right."""
        what = f"is {shown(value)} ({type(value).__name__}); want {want}"
        return ConfigError(self._function, [(name, what)])

    def path(self, name: str, value: object) -> Path:
        """Returns a path.

        Raises:
          ConfigError: the value is none.
        """
        text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if not isinstance(text, str) or not text:
            raise self.refuse(name, value, "a path")
        return Path(text)

    def place(self, name: str, value: object) -> Path | Address:
        """Returns a path of this machine, or an address such as `s3://bucket/folder`.

        Raises:
          ConfigError: the value is neither.
          DeclarationError: it is an address that holds credentials.
        """
        if isinstance(value, Address):
            return value
        self.path(name, value)
        assert isinstance(value, str | os.PathLike)
        return path_or_address(value)

    def names(
        self,
        name: str,
        value: object,
        *,
        least: int = 0,
        want: str = "a name, or a list of names",
    ) -> tuple[str, ...]:
        """Returns texts, of which one alone may be given as it is.

        Raises:
          ConfigError: the value is none of these, or has fewer than `least`.
        """
        if isinstance(value, str):
            return (value,)
        items = tuple(value) if isinstance(value, Iterable) else None
        if items is None or not all(isinstance(item, str) for item in items):
            raise self.refuse(name, value, want)
        if len(items) < least:
            raise ConfigError(self._function, [(name, "is empty; give a name")])
        return items

    def count(self, name: str, value: object, *, least: int = 1) -> int:
        """Returns a whole number.

        Raises:
          ConfigError: the value is none, or too small.
        """
        if type(value) is not int or value < least:
            raise self.refuse(name, value, f"a whole number, {least} or more")
        return value

    def data_dirs(
        self, value: object, *, expand: Callable[[Iterable[str]], Iterable[Dataset]]
    ) -> Path | None:
        """Returns a directory, or several in one text, as `core.data_dirs` reads them.

        Args:
          value: a path; or a mapping of datasets, clusters or kinds of source to paths.
          expand: the catalog's.

        Raises:
          ConfigError: the value is none of these.
          UnknownNameError: a name is unknown.
          DeclarationError: a path cannot be one of several.
        """
        if value is None:
            return None
        if isinstance(value, Mapping):
            for name, place in value.items():
                self.path(f"data_dir[{name!r}]", place)
            dirs = DataDirs.of(value)
        elif isinstance(value, str | os.PathLike):
            dirs = DataDirs.of(value)
        else:
            raise self.refuse("data_dir", value, "a path, or a mapping of names to paths")
        dirs.check(expand)
        text = dirs.to_text()
        return Path(text) if text else None
