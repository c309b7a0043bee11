"""Fields that several jobs share: where rows come from, the vocabulary."""

from dataclasses import dataclass

from flan_tasks.core import environment
from flan_tasks.core.origin import DECLARED, SOURCE_KINDS
from flan_tasks.core.spec import Spec, option


@dataclass(frozen=True, kw_only=True)
class RowsFrom(Spec):
    """Where a job's rows come from."""

    source: str = option(DECLARED, choices=SOURCE_KINDS, environment=environment.SOURCE)
    """Where rows come from: declared is each dataset's own source, samples the embedded rows."""
    data_dir: str | None = option(
        None, is_folder=True, is_place=True, environment=environment.DATA_DIR
    )
    """A prepared TFDS tree (no network then), or a folder of files."""


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
