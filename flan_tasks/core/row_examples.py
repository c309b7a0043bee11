"""The one way a raw row becomes examples of a dataset, each with its key."""

from flan_tasks.core.columns import fits, is_nullable, type_name
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.errors import DeclarationError, RowError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.field_types import shown
from flan_tasks.core.user_code import told


def normalize_row(
    dataset: Dataset, row: Row, *, source_split: str, number: int
) -> tuple[Example | Skip, ...]:
    """Turns one raw row into examples and skips, each example with its key.

    Args:
      dataset: whose row it is.
      row: plain Python values in the source's schema.
      source_split: the source's split it was read from.
      number: its row number there, from 0.

    Raises:
      RowError: the row lacks a column, has another type there, or its normalizer fails on it.
    """
    where = f"{dataset.name}, split {source_split}, row {number}"
    try:
        return _normalized(dataset, row, source_split=source_split, number=number, where=where)
    except RowError as error:
        error.where = error.where or where
        raise


def _normalized(
    dataset: Dataset, row: Row, *, source_split: str, number: int, where: str
) -> tuple[Example | Skip, ...]:
    row = _checked_row(dataset, row, where=where)
    try:
        found = dataset.normalize(row)
    except DeclarationError as error:
        raise RowError(f"{where}: {error}. The row is {_short(row)}") from error
    except Exception as error:  # noqa: BLE001 - whatever a normalizer raises, the row must be named
        raise RowError(
            f"{where}: the normalizer fails with {told(error)}. The row is {_short(row)}"
        ) from error
    if not isinstance(found, tuple):
        key = _key(source_split, number, 0, 1)
        return (_complete(dataset, found, key=key, where=where),)
    if not found:
        raise RowError(
            f"{where}: the normalizer returned an empty tuple; return Skip(reason), so that the "
            "row is counted"
        )
    return tuple(
        _complete(dataset, item, key=_key(source_split, number, index, len(found)), where=where)
        for index, item in enumerate(found)
    )


def selected(dataset: Dataset, item: Example | Skip, *, source_split: str) -> Example | Skip:
    """Applies the dataset's own selection to a normalized example.

    Raises:
      RowError: the selection fails, or gives neither a Skip nor None.
    """
    if isinstance(item, Skip) or dataset.select is None:
        return item
    where = f"{dataset.name}, split {source_split}, example {item.key}"
    try:
        found = dataset.select(item, source_split)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the example must be named
        raise RowError(f"{where}: select fails with {told(error)}") from error
    if found is None:
        return item
    if not isinstance(found, Skip):
        raise RowError(
            f"{where}: select returned {type(found).__name__}; return Skip(reason) to drop the "
            "example, None to keep it"
        )
    return found


def _key(source_split: str, number: int, index: int, count: int) -> str:
    return f"{source_split}:{number}" if count == 1 else f"{source_split}:{number}.{index}"


def _complete(dataset: Dataset, item: Example | Skip, *, key: str, where: str) -> Example | Skip:
    if isinstance(item, Skip):
        return item
    if not isinstance(item, Example):
        raise RowError(
            f"{where}: the normalizer returned {type(item).__name__}; "
            "return an Example, a tuple of them, or Skip(reason)"
        )
    if item.fields.keys() != set(dataset.row_fields):
        raise RowError(
            f"{where}: the normalizer returned fields {sorted(item.fields)}; "
            f"declared are {sorted(dataset.row_fields)}"
        )
    if dataset.options and item.options != dataset.options:
        raise RowError(
            f"{where}: the normalizer returned options {list(item.options)}; "
            f"declared are {list(dataset.options)}"
        )
    if dataset.options_per_example and len(item.options) < 2:
        raise RowError(
            f"{where}: the example has {counted(len(item.options), 'option')}; it needs two or more"
        )
    if item.options and not dataset.is_classification:
        raise RowError(f"{where}: the example has options, and the dataset declares none")
    return item if item.key else item.with_key(key)


def _checked_row(dataset: Dataset, row: Row, *, where: str) -> Row:
    """Returns a row that fits the schema, with None in the columns it lacks and need not have."""
    if not isinstance(row, dict):
        raise RowError(f"{where}: a row must be a dict of columns, not {_short(row)}")
    absent = [column for column in dataset.schema if column not in row]
    missing = [column for column in absent if not is_nullable(dataset.schema[column])]
    if missing:
        raise RowError(
            f"{where}: no column {', '.join(missing)}; "
            f"the row has {', '.join(sorted(map(str, row))) or 'none'}"
        )
    for column, kind in dataset.schema.items():
        value = row.get(column)
        if fits(value, kind):
            continue
        if value is None:
            raise RowError(
                f'{where}: column "{column}" is null; the schema says {type_name(kind)}. Where '
                f'rows may have nothing there, write "{column}": {type_name(kind)} | None'
            )
        raise RowError(
            f'{where}: column "{column}" is {type(value).__name__} {_short(value)}; '
            f"the schema says {type_name(kind)}"
        )
    return {**row, **dict.fromkeys(absent)} if absent else row


def _short(value: object) -> str:
    text = shown(value)
    return text if len(text) <= 300 else text[:300] + "..."
