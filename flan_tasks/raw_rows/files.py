"""Rows from files, one or more for each split; `tables` reads each kind."""

import glob
import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from flan_tasks.core.columns import ColumnType
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.tables import Table, file_kind, known_endings, open_table

# Shards of one split, as the hub and TFDS name them.
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def find_files(folder: Path, like: Files | None = None) -> Files:
    """Returns the files of a folder as an origin: each is named after its split, `train.jsonl`.

    Args:
      folder: where they are.
      like: says how they are read, where the dataset's own source is files too.

    Raises:
      DeclarationError: a split has files of two kinds, one of which might be forgotten.
    """
    splits: dict[str, str] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_file() or path.name.startswith(".") or file_kind(path) is None:
            continue
        split, _, ending = path.name.partition(".")
        name = path.name
        if _SHARD.search(split):
            split = _SHARD.sub("", split)
            name = f"{glob.escape(split)}-*-of-*.{glob.escape(ending)}"
        if splits.setdefault(split, name) != name:
            raise DeclarationError(
                f"{folder} has {splits[split]} and {name}, both for the split {split}; move one "
                "of them away"
            )
    return replace(like or Files({}), paths=splits, root=str(folder))


class FilesSource(Source):
    """Reads rows at any position without loading JSON Lines, CSV or TSV files whole.

    JSON and Parquet are decoded one split at a time. Cells of CSV and TSV are text; columns the
    schema declares as int, float, bool, list or dict are converted (lists and dicts from JSON).
    """

    kind = "files"

    def __init__(self, name: str, origin: Files, *, schema: Mapping[str, ColumnType]) -> None:
        self._name = name
        self._origin = origin
        self._schema = schema

    def status(self) -> Status:
        missing = [split for split in self._origin.paths if not self._paths(split)]
        if missing and self._origin.manual:
            return Status(State.NEEDS_MANUAL, f"{self._missing(missing)}. {self._origin.manual}")
        if missing or not self._origin.paths:
            return Status(State.MISSING, self._missing(missing))
        names = ", ".join(path.name for split in self._origin.paths for path in self._paths(split))
        return Status(State.AVAILABLE, f"files {names}")

    def splits(self) -> Mapping[str, int]:
        return {split: sum(map(len, tables)) for split, tables in self._tables.items()}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        self.num_rows(split)
        tables = self._tables[split]
        ends = list(accumulate(len(table) for table in tables))
        for position in positions:
            number = bisect_right(ends, position)
            table = tables[number]
            yield table.row(position - (ends[number] - len(table)))

    def identity(self, split: str) -> Mapping[str, Any]:
        digests = []
        for path in self._paths(split):
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        found = {"source": self.kind, "rows": self.num_rows(split), "sha256": digests}
        plain = Files({})
        how = {
            "list": self._origin.rows,
            "quotes": self._origin.quotes,
            "columns": list(self._origin.columns),
        }
        usual = {"list": plain.rows, "quotes": plain.quotes, "columns": []}
        return found | {name: value for name, value in how.items() if value != usual[name]}

    def files(self, split: str) -> list[Path]:
        """Returns the files of a split, which need not be read for it.

        Raises:
          SourceUnavailableError: there are none.
        """
        status = self.status()
        if split not in self._origin.paths or status.state is not State.AVAILABLE:
            error = SourceUnavailableError(f"{self._name}: {status.detail}")
            error.add_note(f"looked in {Path(self._origin.root).absolute()}")
            raise error
        return self._paths(split)

    def _paths(self, split: str) -> list[Path]:
        place = Path(self._origin.root) / self._origin.paths[split]
        if place.is_file():  # a name may hold what a pattern would read otherwise: train[1].csv
            return [place]
        root = Path(glob.escape(self._origin.root))
        pattern = str(root / self._origin.paths[split])
        return [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]

    def _missing(self, splits: Sequence[str]) -> str:
        if splits:
            return "no file " + ", ".join(self._origin.paths[split] for split in splits)
        return (
            "no files; wanted one for each split, named after it, such as train.jsonl "
            f"({known_endings()})"
        )

    @cached_property
    def _tables(self) -> dict[str, list[Table]]:
        status = self.status()
        if status.state is not State.AVAILABLE:
            error = SourceUnavailableError(status.detail, dataset=self._name)
            # A note, since the message goes into manifests and those hold no path.
            error.add_note(f"looked in {Path(self._origin.root).absolute()}")
            raise error
        readers: dict[Path, str] = {}
        for split in self._origin.paths:
            for path in self._paths(split):
                if readers.setdefault(path, split) != split:
                    raise DeclarationError(
                        f"{self._name}: splits {readers[path]} and {split} both read {path.name}; "
                        "rows of one would be rows of the other"
                    )
        for split in self._origin.paths:
            self._check_one_kind(split)
        return {
            split: [open_table(path, self._origin, self._schema) for path in self._paths(split)]
            for split in self._origin.paths
        }

    def _check_one_kind(self, split: str) -> None:
        names = {file_kind(path): path.name for path in self._paths(split)}
        if len(names) > 1:
            raise DeclarationError(
                f"{self._name}: split {split} is read from files of several kinds, "
                f"{', '.join(names.values())}, which may hold the same rows; name one kind"
            )
