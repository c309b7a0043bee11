"""Tables that several members of a family are made of, and what is said of members apart from them.

Prompts of one data set are members that share its rows; the wording of each stands elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Origin
from flan_tasks.core.splits import Splits

# Columns of a row as the normalizer of such a family is given it.
ROW, RECORD = "row", "record"


@dataclass(frozen=True, kw_only=True)
class SharedTable:
    """Rows that some members of a family are made of.

    Raises:
      DeclarationError: a value has the wrong type.
    """

    source: Origin
    """Where they are unless a user says otherwise."""
    splits: Splits
    """Which of them are train, validation and test."""
    folder: str
    """Where their files are below the folder of the family's rows, `<folder>/<split>.jsonl`."""

    def __post_init__(self) -> None:
        check_types(self, f"table {self.folder}", error=DeclarationError)


@dataclass(frozen=True, kw_only=True)
class SharedTables:
    """How the members of a family come to their rows where these are in many tables.

    The normalizer is given `{"row": <of the table>, "record": <of the member>}`. What is stored is
    a table of its own for each of these, with all members that are made of it.
    """

    table: Callable[[Member], SharedTable]
    """The table of a member; the same for all that have its `Member.table`."""
    records: Callable[[Path], Callable[[Member], dict[str, Any]]]
    """Opens a folder of records: what gives that of a member. Raises SourceUnavailableError where
    the folder, or what it has of a member, is missing."""
    record_dir: str
    """What the folder of records is, and where to get it, in a sentence."""
    stand_ins: str
    """What is said of embedded records, which stand in for those of the folder."""
    row_dir: str
    """Name of the directory of the rows, `--data-dir <row_dir>=DIR`; records are in the one that
    has the family's name."""
