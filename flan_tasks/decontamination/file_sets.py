"""Evaluation sets out of files: benchmarks as their authors lay them out, and files of the user's.

MMLU is `test/*_test.csv` and `val/*_val.csv` without a header, BBH a folder of `*.json`, each an
object with a list `examples` of `input` and `target`, MGSM `mgsm_*.tsv` without a header. Any other
file is a table (JSON Lines, JSON, CSV, TSV, Parquet, compressed or not), of which a row is compared
by all its strings, or by its column `text` where it has one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.decontamination.compared import FileTexts
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.raw_rows.tables import file_kind, known_endings, open_table

_MMLU_COLUMNS = ("question", "A", "B", "C", "D", "answer")
_MGSM_COLUMNS = ("question", "answer")
# Columns that name a row.
_NAMES = ("id", "key")
_TEXT = "text"
# What a rule is told of a file with these names: split -> ending.
_MMLU_SPLITS = {"validation": ("val", "_val.csv"), "test": ("test", "_test.csv")}

_Rows = Iterator[tuple[str, Texts]]


def is_path(name: str) -> bool:
    """Whether a name that is no dataset's can only mean a file or folder."""
    return "/" in name or "\\" in name or file_kind(Path(name)) is not None or Path(name).exists()


def file_sets(path: Path) -> tuple[FileTexts, ...]:
    """Reads the evaluation sets of a file or folder.

    Raises:
      SourceUnavailableError: there is none, or it cannot be read.
      RowError: a file is damaged, or a row is not what its layout says.
    """
    try:
        if path.is_dir():
            return _folder(path)
    except OSError as error:
        raise SourceUnavailableError(f"{path} cannot be read: {error.strerror or error}") from error
    if not path.exists():
        raise SourceUnavailableError(f"{path}: no such file or folder")
    return (_set(path.name, "", (path,), _table),)


def _folder(folder: Path) -> tuple[FileTexts, ...]:
    name = folder.resolve().name
    mmlu = []
    for split, (place, ending) in _MMLU_SPLITS.items():
        paths = sorted(folder.glob(f"{place}/*{ending}")) or sorted(folder.glob(f"*{ending}"))
        if paths:
            mmlu.append(_set(name, split, paths, _mmlu))
    if mmlu:
        return tuple(mmlu)
    for paths in (sorted(folder.glob("bbh/*.json")), sorted(folder.glob("*.json"))):
        if paths and all(_is_bbh(path) for path in paths):
            return (_set(name, "test", paths, _bbh),)
    if paths := sorted(folder.glob("mgsm_*.tsv")):
        return (_set(name, "test", paths, _mgsm),)
    paths = sorted(p for p in folder.iterdir() if p.is_file() and file_kind(p) is not None)
    if not paths:
        raise SourceUnavailableError(
            f"{folder}: no file to compare with; wanted MMLU's test/*_test.csv, BBH's *.json, "
            f"MGSM's mgsm_*.tsv, or tables ({known_endings()})"
        )
    return tuple(_set(f"{name}/{path.name}", "", (path,), _table) for path in paths)


def _set(name: str, split: str, paths: Sequence[Path], read: Callable[[Path], _Rows]) -> FileTexts:
    pairs = [pair for path in paths for pair in read(path)]
    return FileTexts(name, [texts for _, texts in pairs], [key for key, _ in pairs], split)


def _mmlu(path: Path) -> _Rows:
    subject = path.stem.rpartition("_")[0]
    for number, row in _rows(path, Files({}, columns=_MMLU_COLUMNS)):
        yield (
            f"{subject}:{number}",
            Texts((row["question"],), tuple(row[letter] for letter in "ABCD")),
        )


def _mgsm(path: Path) -> _Rows:
    for number, row in _rows(path, Files({}, columns=_MGSM_COLUMNS, quotes=False)):
        yield f"{path.stem}:{number}", Texts((row["question"],))


def _is_bbh(path: Path) -> bool:
    # The first row says it: a table of other columns has no input and target.
    try:
        table = open_table(path, Files({}, rows="examples"), {})
        return len(table) > 0 and set(table.row(0)) == {"input", "target"}
    except RowError:
        return False


def _bbh(path: Path) -> _Rows:
    for number, row in _rows(path, Files({}, rows="examples")):
        if not isinstance(row.get("input"), str):
            raise RowError(f"{path}, row {number}: no text in input; BBH has input and target")
        yield f"{path.stem}:{number}", Texts((row["input"],))


def _table(path: Path) -> _Rows:
    for number, row in _rows(path, Files({})):
        if isinstance(row.get(_TEXT), str):
            yield f"{path.stem}:{number}", Texts((row[_TEXT],))
            continue
        values = (value for name, value in row.items() if name not in _NAMES)
        yield f"{path.stem}:{number}", Texts(tuple(t for value in values for t in _strings(value)))


def _rows(path: Path, origin: Files) -> Iterator[tuple[int, Mapping[str, Any]]]:
    table = open_table(path, origin, {})
    for number in range(len(table)):
        yield number, table.row(number)


def _strings(value: Any) -> Iterator[str]:
    """Yields the strings in a value of JSON, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inside in value.values():
            yield from _strings(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _strings(inside)
