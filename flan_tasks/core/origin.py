"""Where a dataset's rows come from, as declared; reading them is the business of `sources`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.errors import DeclarationError

# What a user may ask rows of: each dataset's own source, or one kind for all.
DECLARED = "declared"
SOURCE_KINDS = (DECLARED, "samples", "tfds", "files", "hf")


@dataclass(frozen=True)
class Tfds:
    """A TensorFlow Datasets builder, `name[/config]:version`."""

    # Always with its version: what a bare name means changes with every TFDS release.
    name: str
    # What must be fetched by hand and where it goes; empty where TFDS downloads all by itself.
    manual: str = ""
    # Names of the files meant, as they must lie in TFDS's manual folder.
    manual_files: tuple[str, ...] = ()
    # Why TFDS can no longer have it; empty where it can.
    gone: str = ""
    # Download size in MiB as the builder declares it; 0 where unknown.
    download_mib: int = 0

    def __post_init__(self) -> None:
        if ":" not in self.name:
            raise DeclarationError(f'Tfds("{self.name}"): no version; write name[/config]:version')

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
    """A data set on the Hugging Face hub."""

    # Repository id, e.g. "abisee/cnn_dailymail".
    path: str
    # Configuration name; empty for the default one.
    config: str = ""
    # A commit, tag or branch; a commit where it is known, so that the rows cannot change.
    revision: str = "main"
    # What must be fetched by hand, and where; empty where the hub has it all.
    manual: str = ""


@dataclass(frozen=True)
class Files:
    """JSONL, CSV or Parquet files, one or more for each split; several are read in name order."""

    # Source split -> a path or a glob pattern; relative ones start at `root`.
    paths: Mapping[str, str]
    # Where relative paths start; empty means the current folder.
    root: str = ""


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
    # Turns a row of this origin into the primary schema; None where they are equal.
    adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    # The primary source's name of a split -> its name there, where they differ.
    splits: Mapping[str, str] = field(default_factory=dict)
    # Whether reading it live was ever run; shown to users.
    tested: bool = False
