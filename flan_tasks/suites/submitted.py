"""What a benchmark's server takes: declared in suite files, `[submission]`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types, quoted


@dataclass(frozen=True, kw_only=True)
class SubmittedFile:
    """A file of answers to unlabeled rows.

    Raises:
      DeclarationError: a value has the wrong type, or two do not go together.
    """

    name: str
    """Name of the file."""
    dataset: str
    """The dataset whose templates ask the rows."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Option -> what the server calls it; without any the option's own text is written."""
    by_place: bool = False
    """Whether an answer is the place of the option among its example's, from 0."""
    nested: bool = False
    """Whether answers stand by paragraph and question, as MultiRC's do."""
    tfds: str = ""
    """TFDS builder that has the rows, where it is not the dataset's own."""
    split: str = "test"
    """The source's split."""
    number: str = "idx"
    """Column with the number of a row; of a column of several numbers, `idx.query`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The dataset's column -> what it is called in these rows."""
    missing: tuple[str, ...] = ("label",)
    """The dataset's columns that only labeled rows have."""
    title_ends: str = ""
    """What parts the title from the passage, where the passage has both."""

    def __post_init__(self) -> None:
        check_types(self, f"submission {quoted(self.name)}", error=DeclarationError)
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise DeclarationError(f"submission: {quoted(self.name)} is no name of a file")
        if self.by_place and (self.labels or self.nested):
            raise DeclarationError(
                f"submission {quoted(self.name)}: by_place goes with neither labels nor nested"
            )


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The files that a server takes.

    Raises:
      DeclarationError: with every problem of the declaration.
    """

    form: Literal["tsv", "jsonl"]
    """Lines of `index` and `prediction`, or of JSON with `idx` and `label`."""
    source: str
    """Where the form is written down."""
    files: tuple[SubmittedFile, ...]
    """Each file."""

    def __post_init__(self) -> None:
        check_types(self, "submission", error=DeclarationError)
        if problems := list(self._problems()):
            raise DeclarationError("submission: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if not self.source.strip():
            yield "source is empty; say where the form is written down"
        names = [one.name for one in self.files]
        if not names:
            yield "files is empty"
        if twice := sorted({name for name in names if names.count(name) > 1}):
            yield f"{', '.join(twice)} stands there more than once"
        if self.form == "tsv" and any(one.nested for one in self.files):
            yield 'nested goes with form "jsonl"'
