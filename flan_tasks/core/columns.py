"""Types of a schema's columns: `str`, or `str | None` where rows may have nothing there."""

import types
import typing
from typing import Any

# What a schema says of a column.
ColumnType = type | types.UnionType

PLAIN = (str, int, float, bool, list, dict)


def is_column_type(kind: object) -> bool:
    """Whether a schema may say this of a column."""
    return kind in PLAIN or any(kind == (one | None) for one in PLAIN)


def is_nullable(kind: ColumnType) -> bool:
    """Whether a row may have nothing in the column: null, or no such column."""
    return not isinstance(kind, type)


def plain_type(kind: ColumnType) -> type:
    """Returns the type of what is there, where something is."""
    if isinstance(kind, type):
        return kind
    plain: type = next(one for one in typing.get_args(kind) if one is not type(None))
    return plain


def type_name(kind: ColumnType) -> str:
    """Returns the type as it is written."""
    return f"{plain_type(kind).__name__} | None" if is_nullable(kind) else plain_type(kind).__name__


def fits(value: Any, kind: ColumnType) -> bool:
    """Whether a value is of a type; a whole number is a float too, and a bool is no number."""
    if type(value) is kind:  # most are: asked millions of times
        return True
    if value is None:
        return is_nullable(kind)
    plain = plain_type(kind)
    if isinstance(value, bool):
        return plain is bool
    return isinstance(value, plain) or (plain is float and isinstance(value, int))
