"""Opening the files of a store: sound, fetched from where they are shared, or found wanting."""

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa

from flan_tasks.core.errors import BuildError
from flan_tasks.store import checksum
from flan_tasks.store.families import check_reasons, read_entries
from flan_tasks.store.shared_files import SharedFiles
from flan_tasks.store.table import StoredExamples, Table

_log = logging.getLogger(__name__)


class Files:
    """The files of a store.

    Args:
      shared: where many machines have them; None where they are of this machine alone.
    """

    def __init__(self, shared: SharedFiles | None) -> None:
        self._shared = shared

    def has(self, path: Path) -> bool:
        """Whether a file is here, or where they are shared.

        Raises:
          BuildError: those there cannot be listed.
        """
        return path.exists() or (self._shared is not None and self._shared.has(path.name))

    def look(self, path: Path, key: str, schema: pa.Schema) -> StoredExamples | str:
        """Returns the examples of a file, or why they cannot be used: nothing where there is none.

        What is not here, or damaged here, is fetched from where it is shared, and what is not there
        is put there.

        Raises:
          BuildError: what is shared cannot be read, or be written here.
        """
        found = self._opened(path, key, schema)
        if self._shared and isinstance(found, str) and self._shared.fetch(path):
            found = self._opened(path, key, schema)
        if self._shared and isinstance(found, StoredExamples):
            self._shared.offer(path)
        return found

    def written(self, path: Path, key: str, schema: pa.Schema) -> StoredExamples:
        """Returns the examples of a file that was just written.

        Raises:
          BuildError: they cannot be read.
        """
        found = self.look(path, key, schema)
        if isinstance(found, StoredExamples):
            return found
        raise BuildError(
            f"{path} was just written and cannot be read: {found or 'it is not there'}"
        )

    def _opened(self, path: Path, key: str, schema: pa.Schema) -> StoredExamples | str:
        """Returns what `look` does, of a file that is here."""
        if not path.exists():
            return ""
        wrong = checksum.damage(path)
        if not wrong:
            try:
                found = read_file(path)
                if found.key == key and found.schema == schema:
                    return found
                wrong = "it holds other examples than its name says"
            except BuildError as error:
                wrong = str(error)
        remedy = "fetched, or made anew" if self._shared else "made anew"
        _log.warning("stored examples %s are damaged: %s; they are %s", path, wrong, remedy)
        return wrong


def about_of(path: Path) -> dict[str, Any]:
    """Returns what a file says of itself."""
    with pa.memory_map(str(path)) as mapped:
        return json.loads(pa.ipc.open_file(mapped).schema.metadata[b"flan_tasks"])


def read_file(path: Path) -> StoredExamples:
    """Opens a file, whatever it holds.

    Raises:
      BuildError: it is none of a store.
    """
    try:
        about = about_of(path)
        names = ("key", "parts", "rows", "at_hand", "skipped")
        key, parts, rows, at_hand, skipped = (about[name] for name in names)
        counts = [rows, at_hand, *skipped.values()]
        if not (
            isinstance(key, str)
            and isinstance(parts["source"], dict)
            and all(type(count) is int and count >= 0 for count in counts)
        ):
            raise ValueError("values of its metadata are of other types")
        if "without" not in parts:  # whose reasons are ours
            check_reasons(skipped)
        table = Table(path)
        if "members" in about:
            read_entries(about, table.arrow.num_rows)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BuildError(f"stored examples {path} cannot be read: {error!r}") from error
    return StoredExamples(table, key, parts, rows, at_hand, skipped)
