"""The rows of one file by number: JSON Lines, JSON, CSV, TSV and Parquet, compressed or not.

JSON Lines, CSV and TSV are read line by line at any position; JSON and Parquet are held whole.
"""

import codecs
import csv
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from flan_tasks.core.columns import ColumnType, is_nullable, plain_type, type_name
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.core.parsing import parse_json
from flan_tasks.raw_rows.text_bytes import COMPRESSED, ENCODINGS_HINT, check_no_pointer, open_text

KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


def file_kind(path: Path) -> str | None:
    """Returns which of KINDS a file is by its name, None where it is none of them."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    kind = {".ndjson": ".jsonl"}.get(kind, kind)
    return kind if kind in KINDS else None


class Table(ABC):
    """The rows of one file by number."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row(self, number: int) -> Row:
        """Returns a row.

        Raises:
          RowError: it cannot be read, or is no row.
        """


def open_table(path: Path, origin: Files, schema: Mapping[str, ColumnType]) -> Table:
    """Opens a file by its ending, and JSON by what is in it.

    Raises:
      SourceUnavailableError: it cannot be opened, or is none of KINDS.
      RowError: it is damaged.
    """
    kind = file_kind(path)
    if kind is None:
        raise SourceUnavailableError(f"{path}: unknown ending; known are {known_endings()}")
    try:
        if kind == ".parquet":
            check_no_pointer(path)
            return _Parquet(path)
        file = open_text(path)
        if kind in (".csv", ".tsv"):
            separator = "\t" if kind == ".tsv" else ","
            return _Separated(path, file, schema, separator=separator, origin=origin)
        if _is_lines(file):
            return _JsonLines(path, file)
        return _Json(path, file, origin.rows, schema)
    except OSError as error:
        why = error.strerror or f"its compression is damaged ({error})"
        raise SourceUnavailableError(f"{path} cannot be read: {why}") from error
    except UnicodeDecodeError as error:
        raise RowError(f"{path.name} is not UTF-8: {error}; {ENCODINGS_HINT}") from error


def known_endings() -> str:
    """Returns the endings that are read, for messages."""
    return f"{', '.join(KINDS)}, and with {', '.join(COMPRESSED)} behind them"


def _is_lines(file: BinaryIO) -> bool:
    """Whether a file has a JSON object in each line, and not one JSON value over all of them.

    Told from its beginning, whatever its ending: most `.json` files of data are lines, and some
    `.jsonl` files an array.
    """
    file.seek(0)
    texts = (line for line in file if line.strip())
    first = next(texts, b"{}").removeprefix(codecs.BOM_UTF8)
    second = next(texts, None)
    file.seek(0)
    if first.lstrip().startswith(b"["):
        return False
    try:
        value = parse_json(first)
    except ValueError:
        # A line that is damaged, or the first of a value that goes on, which reading it tells.
        try:
            parse_json(file.read())
        except ValueError:
            return True
        finally:
            file.seek(0)
        return False
    # One object alone may hold the rows; as a row by itself it is a line all the same.
    return second is not None or (isinstance(value, dict) and not _lists_of_rows(value))


class _JsonLines(Table):
    def __init__(self, path: Path, file: BinaryIO) -> None:
        super().__init__(path)
        self._file = file
        self._starts = array("q")
        offset = 0
        for line in file:
            if line.strip():
                self._starts.append(offset)
            offset += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, number: int) -> Row:
        self._file.seek(self._starts[number])
        where = f"{self.path.name}, row {number}"
        return _as_row(_parse(self._file.readline(), where), where)


class _Json(Table):
    """An array of objects, an object that holds one, or an object that is a row itself."""

    def __init__(
        self, path: Path, file: BinaryIO, name: str, schema: Mapping[str, ColumnType]
    ) -> None:
        super().__init__(path)
        value = _parse(file.read(), path.name)
        if isinstance(value, dict):
            value = self._inside(value, name, schema)
        elif name:
            raise RowError(f'{path.name} holds no object, so it has no list "{name}"')
        if not isinstance(value, list):
            raise RowError(f"{path.name} holds {_kind(value)}; wanted a list of objects")
        self._rows = value

    def _inside(self, value: Mapping[str, Any], name: str, schema: Mapping[str, ColumnType]) -> Any:
        lists = _lists_of_rows(value)
        if name and name not in value:
            raise RowError(f'{self.path.name} has no "{name}"; it has {", ".join(value)}')
        if not name and any(one in schema for one in lists):
            return [value]  # who declares the list as a column reads what stands beside it as well
        if not name and len(lists) > 1:
            raise RowError(
                f"{self.path.name} is one object with several lists of objects, "
                f'{", ".join(lists)}; say which holds the rows: Files(..., rows="{lists[-1]}"). '
                + _as_one_row(lists[-1])
            )
        if not name and not lists:
            return [value]
        name = name or lists[0]
        first = value[name][0] if isinstance(value[name], list) and value[name] else None
        needed = [column for column, kind in schema.items() if not is_nullable(kind)]
        beside = [c for c in needed if isinstance(first, dict) and c in value and c not in first]
        if beside:
            raise RowError(
                f'{self.path.name}: the rows in "{name}" have no {", ".join(beside)}, which stands '
                "beside them. " + _as_one_row(name)
            )
        return value[name]

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, number: int) -> Row:
        return _as_row(self._rows[number], f"{self.path.name}, row {number}")


class _Separated(Table):
    """CSV and TSV."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        schema: Mapping[str, ColumnType],
        *,
        separator: str,
        origin: Files,
    ) -> None:
        super().__init__(path)
        self._file = file
        self._schema = schema
        # Strict: else a cell such as `"Go," he said` loses its marks without a word.
        self._form: dict[str, Any] = {"delimiter": separator, "strict": True}
        if not origin.quotes:
            self._form |= {"quoting": csv.QUOTE_NONE, "strict": False}
        self._starts = array("q")
        lines = _Lines(file)
        with _any_cell_size():
            reader = csv.reader(lines, **self._form)
            try:
                self._header = list(origin.columns) or next(reader, [])
                self._check_header(separator)
                start = lines.offset
                for cells in reader:
                    if cells:
                        self._starts.append(start)
                    start = lines.offset
            except csv.Error as error:
                raise RowError(
                    f"{path.name}, row {len(self._starts)}: not valid {self._kind}: {error}"
                    + self._about_quotes(str(error))
                ) from error

    @property
    def _kind(self) -> str:
        return "TSV" if self._form["delimiter"] == "\t" else "CSV"

    def _about_quotes(self, problem: str) -> str:
        if "expected after" not in problem and "unexpected end" not in problem:
            return ""
        return (
            ". A cell that begins with a quotation mark ends with one, and marks inside are "
            "doubled; where quotation marks are just text: Files(..., quotes=False)"
        )

    def _check_header(self, separator: str) -> None:
        twice = sorted({name for name in self._header if self._header.count(name) > 1})
        if twice:
            names = ", ".join(f'"{name}"' for name in twice)
            raise RowError(
                f"{self.path.name}: the header has {names} more than once; name each column once"
            )
        if len(self._header) == 1 and len(self._schema) > 1:
            other = next((mark for mark in "\t;|," if mark in self._header[0]), None)
            if other:
                name = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}[other]
                raise RowError(
                    f"{self.path.name}: its columns are parted by {name}, and {self._kind} wants "
                    f"{'tabs' if separator == chr(9) else 'commas'}; save it as .csv with commas "
                    "or as .tsv with tabs"
                )

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, number: int) -> Row:
        self._file.seek(self._starts[number])
        with _any_cell_size():
            try:
                cells = next(csv.reader(_Lines(self._file), **self._form))
            except (csv.Error, UnicodeDecodeError, StopIteration) as error:
                raise RowError(
                    f"{self.path.name}, row {number}: not valid {self._kind}: "
                    f"{error or 'it is gone'}"
                ) from error
        if len(cells) != len(self._header):
            raise RowError(
                f"{self.path.name}, row {number}: {counted(len(cells), 'cell')}; the header has "
                f"{len(self._header)}"
            )
        row: Row = dict(zip(self._header, cells, strict=True))
        for column, kind in self._schema.items():
            if column in row:
                row[column] = self._convert(row[column], kind, column, number)
        return row

    def _convert(self, cell: str, declared: ColumnType, column: str, number: int) -> Any:
        if not cell and is_nullable(declared):
            return None
        kind = plain_type(declared)
        if kind is str:
            return cell
        try:
            if kind is bool:
                return {"true": True, "1": True, "false": False, "0": False}[cell.strip().lower()]
            return parse_json(cell) if kind in (list, dict) else kind(cell)
        except (ValueError, KeyError) as error:
            raise RowError(
                f'{self.path.name}, row {number}: column "{column}" is {cell!r}; '
                f"the schema says {type_name(declared)}"
            ) from error


class _Parquet(Table):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        import pyarrow
        import pyarrow.parquet

        try:
            # Not `read_table`, which takes folders named a=b above the file for columns.
            with pyarrow.parquet.ParquetFile(path) as file:
                self._table = file.read()
            self._names = self._table.column_names
        except UnicodeDecodeError as error:
            raise RowError(f"{path.name}: the name of a column is not UTF-8: {error}") from error
        except (pyarrow.ArrowException, MemoryError) as error:
            raise RowError(f"{path.name} is no Parquet file that can be read: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise  # the file system's
            raise RowError(f"{path.name} is no Parquet file that can be read: {error}") from error
        if twice := sorted({name for name in self._names if self._names.count(name) > 1}):
            raise RowError(f"{path.name}: more than one column is called {', '.join(twice)}")

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


def _parse(text: bytes, where: str) -> Any:
    try:
        return parse_json(text, unique_names=True)
    except UnicodeDecodeError as error:
        raise RowError(f"{where}: not UTF-8: {error}; {ENCODINGS_HINT}", where=where) from error
    except ValueError as error:
        raise RowError(f"{where}: not valid JSON: {error}", where=where) from error


def _as_row(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise RowError(f"{where}: a row is a JSON object, not {_kind(value)}", where=where)
    return value


def _as_one_row(name: str) -> str:
    return (
        f'To read what stands beside a list as well, declare it in the schema, {{"{name}": list, '
        "...}: the object is one row then, of which the normalizer makes several examples"
    )


def _kind(value: Any) -> str:
    return type(value).__name__


def _lists_of_rows(value: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, held in value.items()
        if isinstance(held, list) and held and all(isinstance(one, dict) for one in held)
    ]


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

    def __init__(self, file: BinaryIO) -> None:
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
