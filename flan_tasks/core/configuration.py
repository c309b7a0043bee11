"""Where rows and vocabulary come from unless a call says; for SeqIO names, decided once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.environment import DATA_DIR, SOURCE, VOCAB
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.origin import SOURCE_KINDS


@dataclass(frozen=True)
class Configuration:
    """Where rows and vocabulary come from."""

    source: str = "declared"
    """Kind of source; "declared" is each dataset's own."""
    data_dir: Path | None = None
    """A prepared TFDS tree, or a folder of files, or several, as `core.data_dirs` reads them; None
    leaves it to TFDS (and SeqIO's override)."""
    vocab: str = "t5"
    """bytes, t5, or the path of a vocabulary file."""


_chosen: dict[str, str] = {}
_in_use: list[Configuration] = []


def configure(
    *,
    source: str | None = None,
    data_dir: str | PathLike[str] | Mapping[str, str | PathLike[str]] | None = None,
    vocab: str | Path | None = None,
) -> None:
    """Decides where rows and the vocabulary come from where a call does not say so.

    It holds for this process, and stands before the environment. `rows`, `build`, `evaluate`,
    `task` and `mixture` take from here what their arguments leave out; a whole specification says
    its source itself, and a trained model has its vocabulary. Registered SeqIO names, such as
    `flan:rte`, take no arguments: all read what was decided when the first of them was used. What
    is not given here is left as it is.

    Args:
      source: declared (each dataset's own, the default), samples, tfds, files or hf.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, parents,
        clusters and kinds of source to theirs, where `all` is for the rest.
      vocab: bytes, t5 (the default), or the path of a vocabulary file.

    Raises:
      UnknownNameError: there is no such source.
      DeclarationError: a registered name was used before, with another configuration.
    """
    if source is not None and source not in SOURCE_KINDS:
        raise unknown_name("source", source, SOURCE_KINDS)
    wanted = {SOURCE: source, DATA_DIR: DataDirs.of(data_dir).to_text(), VOCAB: vocab}
    before = dict(_chosen)
    _chosen.update({name: str(value) for name, value in wanted.items() if value is not None})
    if _in_use and _resolve() != _in_use[0]:
        _chosen.clear()
        _chosen.update(before)
        raise DeclarationError(
            f"registered names are in use with {_in_use[0]}; call configure() before the first "
            "get_dataset, or use flan_tasks.task(...) and mixture(...) for a second configuration"
        )


def current() -> Configuration:
    """Returns the configuration, and holds it from now on."""
    if not _in_use:
        _in_use.append(_resolve())
    return _in_use[0]


def resolve(
    *,
    source: str | None = None,
    data_dir: str | PathLike[str] | Mapping[str, str | PathLike[str]] | None = None,
    vocab: str | Path | None = None,
) -> Configuration:
    """Returns the configuration with some of it replaced, without holding it."""
    found = _resolve()
    if source is not None and source not in SOURCE_KINDS:
        raise unknown_name("source", source, SOURCE_KINDS)
    return Configuration(
        source or found.source,
        found.data_dir if data_dir is None else Path(DataDirs.of(data_dir).to_text() or ""),
        str(vocab) if vocab is not None else found.vocab,
    )


def _resolve() -> Configuration:
    values = {name: _chosen.get(name) or os.environ.get(name) for name in (SOURCE, DATA_DIR, VOCAB)}
    source = values[SOURCE] or "declared"
    if source not in SOURCE_KINDS:
        raise unknown_name(f"source in {SOURCE}", source, SOURCE_KINDS)
    data_dir = values[DATA_DIR]
    return Configuration(source, Path(data_dir) if data_dir else None, values[VOCAB] or "t5")
