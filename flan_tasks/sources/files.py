"""Rows from files: JSONL, CSV and Parquet, one or more for each split."""

import csv
import glob
import hashlib
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.core.parsing import parse_json
from flan_tasks.sources.base import Source, State, Status

ENDINGS = (".jsonl", ".csv", ".parquet")


def find_files(folder: Path) -> Files:
    """Returns the files of a folder as an origin: each is named after its split, `train.jsonl`."""
    found = {
        path.stem: path.name
        for ending in reversed(ENDINGS)
        for path in sorted(folder.glob(f"*{ending}"))
    }
    return Files(found, root=str(folder))


class FilesSource(Source):
    """Reads rows at any position without loading JSONL or CSV files whole.

    Parquet is decoded one split at a time. CSV cells are text; columns the schema declares as int,
    float, bool, list or dict are converted (lists and dicts from JSON).
    """

    kind = "files"

    def __init__(self, name: str, origin: Files, *, schema: Mapping[str, type]) -> None:
        self._name = name
        self._origin = origin
        self._schema = schema

    def status(self) -> Status:
        missing = [split for split in self._origin.paths if not self._paths(split)]
        if missing or not self._origin.paths:
            return Status(State.GONE, self._missing(missing))
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
        return {"source": self.kind, "rows": self.num_rows(split), "sha256": digests}

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
        wanted = ", ".join("train" + ending for ending in ENDINGS)
        return f"no files; wanted one for each split, named after it: {wanted}"

    @cached_property
    def _tables(self) -> dict[str, list["_Table"]]:
        status = self.status()
        if status.state is not State.AVAILABLE:
            error = SourceUnavailableError(f"{self._name}: {status.detail}")
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
        return {
            split: [_open(path, self._schema) for path in self._paths(split)]
            for split in self._origin.paths
        }


class _Table(ABC):
    """The rows of one file by number."""

    def __init__(self, path: Path, schema: Mapping[str, type]) -> None:
        self.path = path
        self.schema = schema

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row(self, number: int) -> Row: ...


class _Jsonl(_Table):
    def __init__(self, path: Path, schema: Mapping[str, type]) -> None:
        super().__init__(path, schema)
        self._file = path.open("rb")
        self._starts = array("q")
        offset = 0
        for line in self._file:
            if line.strip():
                self._starts.append(offset)
            offset += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, number: int) -> Row:
        self._file.seek(self._starts[number])
        line = self._file.readline()
        try:
            row = parse_json(line)
        except ValueError as error:
            raise RowError(f"{self.path.name}, row {number}: not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise RowError(
                f"{self.path.name}, row {number}: a line holds one JSON object, not "
                f"{type(row).__name__}"
            )
        return row


class _Csv(_Table):
    def __init__(self, path: Path, schema: Mapping[str, type]) -> None:
        super().__init__(path, schema)
        self._file = path.open("rb")
        lines = _Lines(self._file)
        self._starts = array("q")
        with _any_cell_size():
            reader = csv.reader(lines)
            try:
                self._header = next(reader, [])
                start = lines.offset
                for cells in reader:
                    if cells:
                        self._starts.append(start)
                    start = lines.offset
            except csv.Error as error:
                raise RowError(
                    f"{path.name}, row {len(self._starts)}: not valid CSV: {error}"
                ) from error

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, number: int) -> Row:
        self._file.seek(self._starts[number])
        with _any_cell_size():
            try:
                cells = next(csv.reader(_Lines(self._file)))
            except (csv.Error, UnicodeDecodeError, StopIteration) as error:
                raise RowError(
                    f"{self.path.name}, row {number}: not valid CSV: {error or 'it is gone'}"
                ) from error
        if len(cells) != len(self._header):
            raise RowError(
                f"{self.path.name}, row {number}: {len(cells)} cells; the header has "
                f"{len(self._header)}"
            )
        row: Row = dict(zip(self._header, cells, strict=True))
        for column, kind in self.schema.items():
            if column in row:
                row[column] = self._convert(row[column], kind, column, number)
        return row

    def _convert(self, cell: str, kind: type, column: str, number: int) -> Any:
        if kind is str:
            return cell
        try:
            if kind is bool:
                return {"true": True, "1": True, "false": False, "0": False}[cell.strip().lower()]
            return parse_json(cell) if kind in (list, dict) else kind(cell)
        except (ValueError, KeyError) as error:
            raise RowError(
                f'{self.path.name}, row {number}: column "{column}" is {cell!r}; '
                f"the schema says {kind.__name__}"
            ) from error


@contextmanager
def _any_cell_size() -> Iterator[None]:
    # Documents are longer than the 131,072 letters csv allows; its limit is the whole process's.
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Lines:
    """Lines of a binary file as text, with the offset after the last line handed out."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.offset = file.tell()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        start, self.offset = self.offset, self._file.tell()
        return line.decode("utf-8-sig" if start == 0 else "utf-8")


class _Parquet(_Table):
    def __init__(self, path: Path, schema: Mapping[str, type]) -> None:
        super().__init__(path, schema)
        import pyarrow
        import pyarrow.parquet

        try:
            self._table = pyarrow.parquet.read_table(path)
            self._names = self._table.column_names
        except UnicodeDecodeError as error:
            raise RowError(f"{path.name}: the name of a column is not UTF-8: {error}") from error
        except (pyarrow.ArrowException, MemoryError) as error:
            raise RowError(f"{path.name} is no Parquet file that can be read: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise  # the file system's
            raise RowError(f"{path.name} is no Parquet file that can be read: {error}") from error

    def __len__(self) -> int:
        return self._table.num_rows

    def row(self, number: int) -> Row:
        row = self._table.slice(number, 1)
        try:
            return row.to_pylist()[0]
        except Exception as error:  # noqa: BLE001 - Arrow decodes here, and raises every kind
            wrong = ", ".join(name for name in self._names if not _is_readable(row, name))
            raise RowError(
                f"{self.path.name}, row {number}: column {wrong} cannot be decoded: "
                f"{type(error).__name__}: {error}"
            ) from error


def _is_readable(row: Any, name: str) -> bool:
    try:
        row.column(name).to_pylist()
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _open(path: Path, schema: Mapping[str, type]) -> _Table:
    kinds = {".jsonl": _Jsonl, ".csv": _Csv, ".parquet": _Parquet}
    if path.suffix not in kinds:
        raise SourceUnavailableError(f"{path}: unknown ending; known are {', '.join(kinds)}")
    try:
        return kinds[path.suffix](path, schema)
    except OSError as error:
        raise SourceUnavailableError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RowError(f"{path.name} is not UTF-8: {error}") from error
