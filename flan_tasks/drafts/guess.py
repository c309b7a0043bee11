"""What a dataset could be, guessed from rows: which columns are texts, and which is the answer."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flan_tasks.core.columns import PLAIN
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import DeclarationError, RowError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.origin import Files
from flan_tasks.raw_rows.tables import Table, file_kind, open_table

CLASSIFICATION, GENERATION = "classification", "generation"
DRAFT_KINDS = (CLASSIFICATION, GENERATION)
# Rows that are looked at, as many as `flan lint` reads.
MOST_ROWS = 20_000
# Different answers that are options at most: a prompt lists them.
MOST_OPTIONS = 20
# Names of columns that hold answers, the likeliest first.
_ANSWERS = (
    *("label", "labels", "answer", "answers", "target", "targets", "gold", "class", "category"),
    *("output", "completion", "response", "summary", "translation", "reference", "sentiment"),
    *("intent", "emotion", "topic", "title", "headline", "highlights"),
)
# Names of columns that tell rows apart, and are no text to be read.
_IDS = re.compile(r"(.*[_ -])?(id|idx|index|uid|guid|uuid|key|url|hash|split)", re.IGNORECASE)
_LONGEST_OPTION = 60
_LONGEST_WORD = 30


@dataclass(frozen=True)
class Column:
    """A column of the rows that the draft reads."""

    name: str
    """As it is in the rows."""
    kind: type
    """One of `core.columns.PLAIN`."""
    is_nullable: bool = False
    """Whether rows have nothing there."""

    @property
    def words(self) -> str:
        """Its name in words, of letters and digits alone; at most two, so that they are a label."""
        found = re.sub(r"[\W_]+", " ", self.name).lower().split()
        return " ".join(word[:_LONGEST_WORD] for word in found[-2:]) or "text"


@dataclass(frozen=True)
class Guess:
    """What rows look like."""

    kind: str
    """One of DRAFT_KINDS."""
    texts: tuple[Column, ...]
    """Columns that become fields, the one with the longest texts first."""
    answer: Column
    """The column of the answer."""
    labels: tuple[Any, ...] = ()
    """The different answers of a classification, in the order they are met."""
    is_long: bool = False
    """Whether answers are longer than a few words."""
    quotes: bool = True
    """Whether quotation marks part the cells of a CSV or TSV file."""
    notes: tuple[str, ...] = field(default_factory=tuple)
    """What was guessed, and what is left out and why, a line each."""


def guess_file(path: Path, *, kind: str | None = None, answer: str | None = None) -> Guess:
    """Looks at the rows of a file.

    Args:
      path: JSON Lines, JSON, CSV, TSV or Parquet.
      kind: one of DRAFT_KINDS; None guesses.
      answer: the column of the answer; None guesses.

    Raises:
      SourceUnavailableError: it cannot be opened.
      RowError: it is damaged.
      DeclarationError: nothing can be made of its columns.
    """
    table, quotes = _opened(path)
    is_text = file_kind(path) in (".csv", ".tsv")
    rows = [table.row(number) for number in range(min(len(table), MOST_ROWS))]
    where = for_line(path.name)
    return guess_rows(rows, kind=kind, answer=answer, where=where, cells=is_text, quotes=quotes)


def _opened(path: Path) -> tuple[Table, bool]:
    try:
        return open_table(path, Files({}), {}), True
    except RowError as error:
        if file_kind(path) not in (".csv", ".tsv"):
            raise
        try:  # perhaps quotation marks are text there
            return open_table(path, Files({}, quotes=False), {}), False
        except RowError:
            raise error from None


def guess_rows(
    rows: Sequence[Row],
    *,
    kind: str | None = None,
    answer: str | None = None,
    where: str = "the rows",
    cells: bool = False,
    quotes: bool = True,
) -> Guess:
    """Looks at rows.

    Args:
      rows: of a source.
      kind: one of DRAFT_KINDS; None guesses.
      answer: the column of the answer; None guesses.
      where: what messages call them.
      cells: whether all values are cells of text, of which an empty one is no missing one.
      quotes: noted in what is returned.

    Raises:
      DeclarationError: nothing can be made of their columns.
    """
    if not rows:
        raise DeclarationError(f"{where}: no rows; a draft is made from what is in them")
    columns, notes = _columns(rows)
    by_name = {column.name: column for column in columns}
    if answer is not None and answer not in by_name:
        why = next((note for note in notes if note.startswith(f"{for_line(answer)}: ")), "")
        raise DeclarationError(
            f'{where}: the answer cannot be "{for_line(answer)}"; columns are '
            f"{for_line(', '.join(by_name)) or 'none'}" + (f" ({why})" if why else "")
        )
    target = by_name[answer] if answer is not None else _answer(rows, columns, where)
    if not _is_answer(rows, target):
        raise DeclarationError(
            f'{where}: column "{for_line(target.name)}" holds neither texts nor numbers nor lists '
            "of texts, so it is no answer; name another with --answer"
        )
    values = [value for row in rows if (value := row.get(target.name)) not in (None, "")]
    if not values:
        raise DeclarationError(f'{where}: column "{for_line(target.name)}" is empty in every row')
    labels = () if target.kind is list else tuple(dict.fromkeys(values))
    texts, left_out = _texts(rows, columns, target)
    if not texts:
        raise DeclarationError(
            f"{where}: no column of text beside the answer, {for_line(target.name)}; its columns "
            f"are {for_line(', '.join(by_name))}. Another --answer may leave one"
        )
    could_be = _could_be_options(labels)
    if kind == CLASSIFICATION and not could_be:
        raise DeclarationError(
            f'{where}: column "{for_line(target.name)}" has {len(labels):,} different values; a '
            f"classification has from 2 to {MOST_OPTIONS} of one short line each. Name another "
            "column with --answer, or take --kind generation"
        )
    if kind is None:
        kind = CLASSIFICATION if could_be and 2 * len(labels) <= len(values) else GENERATION
    said = [
        f"kind: {kind}",
        f"answer: {for_line(target.name)}"
        + (f", one of {len(labels)}" if kind == CLASSIFICATION else ""),
        f"fields: {for_line(', '.join(column.name for column in texts))}",
        *(["quotation marks are text, as they do not part cells"] if not quotes else []),
        *(f"left out: {note}" for note in (*left_out, *notes)),
    ]
    return Guess(
        kind,
        tuple(_never_null(c) if cells else c for c in texts),
        _never_null(target) if cells else target,
        labels if kind == CLASSIFICATION else (),
        is_long=_mean(len(str(value).split()) for value in values) > 5,
        quotes=quotes,
        notes=tuple(said),
    )


def _never_null(column: Column) -> Column:
    return Column(column.name, column.kind)


def _columns(rows: Sequence[Row]) -> tuple[list[Column], list[str]]:
    """Returns the columns of one plain type, and why others are left out."""
    columns, notes = [], []
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            kinds = {float}
        if len(kinds) == 1 and (kind := kinds.pop()) in PLAIN:
            columns.append(Column(name, kind, is_nullable=None in values))
        elif kinds:
            named = " and ".join(sorted(kind.__name__ for kind in kinds))
            notes.append(f"{for_line(name)}: its values are {named}")
        elif all(value is None for value in values):
            notes.append(f"{for_line(name)}: it is empty in every row")
        else:
            kind = type(next(value for value in values if value is not None))
            notes.append(f"{for_line(name)}: its values are {kind.__name__}")
    return columns, notes


def _answer(rows: Sequence[Row], columns: Sequence[Column], where: str) -> Column:
    able = [column for column in columns if _is_answer(rows, column)]
    by_name = {column.name.lower(): column for column in reversed(able)}
    for name in _ANSWERS:
        if name in by_name:
            return by_name[name]
    for column in able:  # a name such as final_answer
        if set(re.split(r"[\W_]+", column.name.lower())) & set(_ANSWERS):
            return column
    names = for_line(", ".join(column.name for column in columns)) or "none of a plain type"
    raise DeclarationError(
        f"{where}: which column is the answer? Name it with --answer; columns are {names}"
    )


def _is_answer(rows: Sequence[Row], column: Column) -> bool:
    if column.kind is not list:
        return column.kind is not dict
    return all(isinstance(text, str) for row in rows for text in (row.get(column.name) or ()))


def _texts(
    rows: Sequence[Row], columns: Sequence[Column], answer: Column
) -> tuple[list[Column], list[str]]:
    texts, left_out = [], []
    lengths: dict[str, float] = {}
    for column in columns:
        if column is answer:
            continue
        lengths[column.name] = _mean(len(str(row.get(column.name) or "")) for row in rows)
        if column.kind is not str:
            left_out.append(f"{for_line(column.name)}: its values are {column.kind.__name__}")
        elif _IDS.fullmatch(column.name):
            left_out.append(f"{for_line(column.name)}: by its name it tells rows apart")
        elif not lengths[column.name]:
            left_out.append(f"{for_line(column.name)}: it is empty in every row")
        else:
            texts.append(column)
    return sorted(texts, key=lambda column: -lengths[column.name]), left_out


def _could_be_options(labels: Sequence[Any]) -> bool:
    texts = [label_text(label) for label in labels]
    if any(isinstance(label, float) for label in labels):
        return False  # a measure, and what is no number has no literal
    return 2 <= len(set(texts)) <= MOST_OPTIONS and all(
        text and len(text) <= _LONGEST_OPTION and len(text.splitlines()) == 1 for text in texts
    )


def label_text(label: Any) -> str:
    """Returns a value of a column as a person would say it."""
    if isinstance(label, bool):
        return "yes" if label else "no"
    return str(label).strip()


def field_names(columns: Sequence[Column]) -> Mapping[str, str]:
    """Returns what templates call columns: name of the column -> name of the field."""
    found: dict[str, str] = {}
    for column in columns:
        words = re.sub(r"[^a-z0-9]+", "_", column.name.lower()).strip("_")
        if not words or not words[0].isalpha() or words in ("options", "answer"):
            words = f"text_{words}".rstrip("_")
        found[column.name] = next(name for name in _tries(words) if name not in found.values())
    return found


def _tries(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _mean(numbers: Iterator[int]) -> float:
    found = list(numbers)
    return sum(found) / max(1, len(found))
