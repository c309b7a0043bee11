"""Gin files and what they include, as bindings with their places, and as texts for gin to read.

Files of T5X's are read in translation (`t5x_gin`); places are always those of the file.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

from flan_tasks.specs.gin_statements import (
    Binding,
    error_at,
    find,
    imported_by,
    included_by,
    items,
    parse,
    read_text,
)
from flan_tasks.specs.t5x_gin import Translation


class GinTexts:
    """Reads files, translated where there is a translation."""

    def __init__(self, translation: Translation | None) -> None:
        self._files = translation.files if translation is not None else {}

    def statements(self, path: Path, above: tuple[Path, ...] = ()) -> Iterator[Binding]:
        """Yields the bindings of a file and of what it includes.

        Raises:
          GinError: a file cannot be read, is malformed, or includes itself.
        """
        if path in above:
            raise error_at(str(path), "includes itself")
        for item in parse(self._text(path), self.place(path)):
            if isinstance(item, Path):
                yield from self.statements(item, (*above, path))
            else:
                yield item

    def place(self, path: Path) -> Callable[[int], str]:
        """Returns what says where a line of what is read of a file stands in it."""
        translated = self._files.get(path)

        def where(line: int) -> str:
            return f"{path}:{translated.number(line) if translated is not None else line}"

        return where

    def for_gin(self, path: Path) -> Iterator["_Part"]:
        """Yields what gin is to read of a file, with what it includes in its place.

        gin would look for an included file among Python's packages, and end where a folder of this
        name, such as `models`, lies on its path. Each part has the imports of its file, and its
        lines where they stand there.
        """
        text = self._text(path)
        lines = text.split("\n")
        includes: dict[int, str] = {}
        imports = set()
        for item in items(text, self.place(path)):
            if name := included_by(item):
                includes[item.location.line_num - 1] = name
            elif imported_by(item):
                imports.add(item.location.line_num - 1)
        start = 0
        for stop in [*includes, len(lines)]:
            part = [
                line if number in imports or start <= number < stop else ""
                for number, line in enumerate(lines)
            ]
            yield _Part("\n".join(part), str(path))
            if stop in includes:
                yield from self.for_gin(find(includes[stop]))
            start = stop + 1

    def _text(self, path: Path) -> str:
        if path in self._files:
            return self._files[path].text
        return read_text(path)


class _Part(io.StringIO):
    """Text of a file, which gin then names in its errors."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name
