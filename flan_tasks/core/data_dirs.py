"""Where rows lie: one directory for all, and others for some datasets, clusters or sources.

In one text, as a variable of the environment or a gin file has it, they stand between `:` (`;` on
Windows): `/tree:rte=/files/rte:hf=/copies`.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, UnknownNameError, with_notes
from flan_tasks.core.field_types import shown
from flan_tasks.core.mixture import ALL
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.origin import DECLARED, SOURCE_KINDS

# Kinds of source that may have a directory of their own.
KINDS = tuple(kind for kind in SOURCE_KINDS if kind not in (DECLARED, "samples"))
_NAMED = re.compile(r"([a-z][a-z0-9_]*(?::[a-z0-9_]+)?)=(.*)", re.DOTALL)
_FAMILY, _MEMBER = re.compile(r"[a-z][a-z0-9_]*"), re.compile(r"[a-z0-9_]+=")
_FORMS = "DIR, or NAME=DIR for a dataset, parent, cluster or kind of source"


@dataclass(frozen=True)
class DataDirs:
    """Directories that rows are read from."""

    plain: Path | None = None
    """That of everything that has none by name."""
    named: Mapping[str, Path] = field(default_factory=dict)
    """Name of a dataset, parent, cluster or kind of source -> its own."""

    @classmethod
    def of(cls, value: str | os.PathLike[str] | Mapping[str, Any] | None) -> "DataDirs":
        """Reads directories from a path, a text of several, or a mapping (`all`: of the rest).

        Raises:
          DeclarationError: a name stands there twice, or has no directory.
        """
        if value is None:
            return cls()
        if isinstance(value, Mapping):
            return cls._of_entries([(str(name), os.fspath(one)) for name, one in value.items()])
        return cls._of_entries([_entry(text) for text in _split(os.fspath(value))])

    @classmethod
    def _of_entries(cls, entries: Iterable[tuple[str, str]]) -> "DataDirs":
        found: dict[str, Path] = {}
        for name, place in entries:
            if not place:
                raise DeclarationError(f"--data-dir {shown(name + '=')}: wanted {_FORMS}")
            if name in found:
                what = "for all" if name == ALL else f"for {name}"
                raise DeclarationError(
                    f"--data-dir {what} is given twice, {found[name]} and {place}; give it once"
                )
            found[name] = Path(place)
        plain = found.pop(ALL, None)
        return cls(plain, found)

    def check(
        self, expand: Callable[[Iterable[str]], Iterable[Dataset]], *, rows: Collection[str] = ()
    ) -> None:
        """Checks that names are known.

        Args:
          expand: the catalog's.
          rows: names of directories that have the rows of families, where those are apart.

        Raises:
          UnknownNameError: one is not; with the nearest.
          DeclarationError: one means some tasks of a family, which are all read from one place.
        """
        for name in self.named:
            if name in KINDS or name in rows:
                continue
            try:
                families = {dataset.family for dataset in expand([name])}
            except UnknownNameError as error:
                unknown = UnknownNameError(
                    f"--data-dir {name}={self.named[name]}: {error}; or a kind of source, "
                    f"{', '.join(KINDS)}"
                )
                raise with_notes(unknown, error) from error
            if families and not families & {"", name}:
                raise DeclarationError(
                    f"--data-dir {name}={self.named[name]}: all tasks of a family are read from "
                    f"one directory; give {', '.join(f'{one}=DIR' for one in sorted(families))}"
                )

    def absolute(self) -> "DataDirs":
        """Returns them for a process whose current folder is another."""
        plain = self.plain.absolute() if self.plain else None
        return DataDirs(plain, {name: place.absolute() for name, place in self.named.items()})

    def to_text(self) -> str | None:
        """Returns all in one text, which `of` reads; None where there is none.

        Raises:
          DeclarationError: several are given, and a path holds what stands between them.
        """
        entries = [str(self.plain)] if self.plain else []
        entries += [f"{name}={self.named[name]}" for name in sorted(self.named)]
        places = [*self.named.values(), *([self.plain] if self.plain else [])]
        if self.named:
            for place in places:
                if os.pathsep in str(place):
                    raise DeclarationError(
                        f"--data-dir {place}: it holds {os.pathsep!r}, which stands between "
                        "several directories; name it by a link without"
                    )
        return os.pathsep.join(entries) or None


def _split(text: str) -> list[str]:
    """The entries of a text; of one without names it is the whole, whatever letters it has."""
    if Path(text).is_dir():
        return [text]
    # A member of a family has in its name what may stand between entries.
    pieces: list[str] = []
    for piece in text.split(os.pathsep):
        if pieces and _FAMILY.fullmatch(pieces[-1]) and _MEMBER.match(piece):
            pieces[-1] = f"{pieces[-1]}{MEMBER_MARK}{piece}"
        else:
            pieces.append(piece)
    if not any(_NAMED.fullmatch(piece) for piece in pieces):
        return [text]
    return [piece for piece in pieces if piece]


def _entry(text: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(text)
    if match is None or Path(text).is_dir():
        return ALL, text
    return match[1], match[2]


def joined(values: Iterable[str]) -> str | None:
    """Returns directories that were given one by one as one text.

    Raises:
      DeclarationError: a name stands there twice, or has no directory.
    """
    entries = [_entry(piece) for value in values for piece in _split(value)]
    return DataDirs._of_entries(entries).to_text()
