"""Where a dataset's rows come from, as declared; reading them is the business of `sources`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types

# What a user may ask rows of: each dataset's own source, or one kind for all.
DECLARED = "declared"
SOURCE_KINDS = (DECLARED, "samples", "tfds", "files", "hf")
_TFDS_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)?:\d[\w.*-]*", re.ASCII)


@dataclass(frozen=True)
class Tfds:
    """A TensorFlow Datasets builder, `name[/config]:version`.

    Raises:
      DeclarationError: a value has the wrong type, or the name is no such name.
    """

    name: str
    """Always with its version: what a bare name means changes with every TFDS release."""
    manual: str = ""
    """What must be fetched by hand and where it goes; empty where TFDS downloads all by itself."""
    manual_files: tuple[str, ...] = ()
    """Names of the files meant, as they must lie in TFDS's manual folder."""
    gone: str = ""
    """Why TFDS can no longer have it; empty where it can."""
    download_mib: int = 0
    """Download size in MiB as the builder declares it; 0 where unknown."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
        if ":" not in self.name:
            raise DeclarationError(f'Tfds("{self.name}"): no version; write name[/config]:version')
        if not _TFDS_NAME.fullmatch(self.name):
            # Name and version are folders of the data directory.
            raise DeclarationError(
                f'Tfds("{self.name}"): wanted name[/config]:version of letters, digits and ._-+'
            )
        if self.download_mib < 0:
            raise DeclarationError(f"Tfds: download_mib is {self.download_mib}; want 0 or more")

    @property
    def builder(self) -> str:
        """The name without its version."""
        return self.name.split(":")[0]

    @property
    def version(self) -> str:
        """The pinned version."""
        return self.name.split(":")[1]


@dataclass(frozen=True)
class HuggingFace:
    """A data set on the Hugging Face hub.

    Raises:
      DeclarationError: a value has the wrong type, or the path is empty.
    """

    path: str
    """Repository id, e.g. "abisee/cnn_dailymail"."""
    config: str = ""
    """Configuration name; empty for the default one."""
    revision: str = "main"
    """A commit, tag or branch; a commit where it is known, so that the rows cannot change."""
    manual: str = ""
    """What must be fetched by hand, and where; empty where the hub has it all."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
        if not self.path.strip():
            raise DeclarationError("HuggingFace: path is empty; write owner/name")


@dataclass(frozen=True)
class Files:
    """JSON, CSV, TSV or Parquet files, one or more for each split; several are read in name order.

    Text may be compressed (.gz, .bz2, .xz) and in UTF-8, or UTF-16 with a byte order mark.
    """

    paths: Mapping[str, str]
    """Source split -> a path or a glob pattern; relative ones start at `root`."""
    root: str = ""
    """Where relative paths start; empty means the current folder."""
    rows: str = ""
    """Which list holds the rows, where a .json file is one object with several."""
    quotes: bool = True
    """Whether quotation marks part the cells of .csv and .tsv files; False takes them as text."""
    columns: tuple[str, ...] = ()
    """Names of the columns of .csv and .tsv files that have no header."""
    manual: str = ""
    """What must be fetched by hand, and where; relative paths then start in the data directory as
    well (`--data-dir`), or in a folder there that is named after the dataset."""
    beside: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of a family whose tasks are files: name -> pattern of a file that says more of a task, with
    `{task}` for its name at the source; the text of the file is in the task's record."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)


Origin = Tfds | HuggingFace | Files


def origin_name(origin: Origin) -> str:
    """What names an origin without its version; empty for files, whose place is their user's."""
    if isinstance(origin, Tfds):
        return origin.builder
    if isinstance(origin, HuggingFace):
        return f"{origin.path}/{origin.config}".rstrip("/")
    return ""


@dataclass(frozen=True)
class Alternative:
    """A second place that has the dataset, in its own row schema."""

    origin: Origin
    """Where it is."""
    adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Turns a row of this origin into the primary schema; None where they are equal."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """The primary source's name of a split -> its name there, where they differ."""
    tested: bool = False
    """Whether reading it live was ever run; shown to users."""
    task_column: str = ""
    """For a family: column that names the task of a row, where this place has one table."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
