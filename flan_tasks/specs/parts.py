"""Fields that several jobs share: where rows come from, the vocabulary."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core import environment
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_checks import refuse
from flan_tasks.core.origin import DECLARED, SOURCE_KINDS
from flan_tasks.core.spec import Spec, option


@dataclass(frozen=True, kw_only=True)
class RowsFrom(Spec):
    """Where a job's rows come from."""

    source: str = option(DECLARED, choices=SOURCE_KINDS, environment=environment.SOURCE)
    """Where rows come from: declared is each dataset's own source, samples the embedded rows."""
    data_dir: str | Mapping[str, str] | None = option(
        None,
        is_folder=True,
        is_place=True,
        environment=environment.DATA_DIR,
        metavar="[NAME=]DIR",
    )
    """A prepared TFDS tree (no network then), or a folder of files; NAME=DIR is for one dataset,
    parent, cluster or kind of source, and may be given again."""

    def __post_init__(self) -> None:
        # One text from here on, which every reader of rows takes.
        if isinstance(self.data_dir, Mapping):
            values = {name: os.fspath(place) for name, place in self.data_dir.items()}
            try:
                object.__setattr__(self, "data_dir", DataDirs.of(values).to_text())
            except DeclarationError as error:
                refuse(self, [("data_dir", str(error))])
        super().__post_init__()

    @property
    def place(self) -> Path | None:
        """Where rows lie, or several places in one text, as `core.data_dirs` reads them."""
        # A mapping became one text when this was built.
        return Path(str(self.data_dir)) if self.data_dir else None

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        try:
            DataDirs.of(self.data_dir)
        except DeclarationError as error:
            return [*super().problems(), ("data_dir", str(error))]
        return super().problems()


@dataclass(frozen=True, kw_only=True)
class VocabularyNamed(Spec):
    """The vocabulary of a job."""

    vocab: str | None = option(None)
    """bytes, t5, a SentencePiece model, a tokenizer.json, or a folder with one."""
    eos: str | None = option(None, metavar="TOKEN")
    """What ends a text: a token of the vocabulary or its number. Default: what its files say."""
    control_tokens: str | None = option(None, choices=("text", "special"))
    """How </s> or <|endoftext|> written in a text is read: as the characters (the default), or as
    the token; only a tokenizer.json has the second."""
