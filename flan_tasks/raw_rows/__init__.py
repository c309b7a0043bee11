"""Where raw rows come from: TFDS, the Hugging Face hub, files, the embedded rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.errors import RowError, SourceUnavailableError, unknown_name
from flan_tasks.core.origin import (
    DECLARED,
    SOURCE_KINDS,
    Alternative,
    Files,
    HuggingFace,
    Origin,
    Tfds,
    origin_name,
)
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.files import FilesSource, find_files
from flan_tasks.raw_rows.huggingface import HuggingFaceSource
from flan_tasks.raw_rows.samples import SamplesSource
from flan_tasks.raw_rows.tfds import TfdsSource
from flan_tasks.raw_rows.tfds_apart import TfdsApart

_ORIGINS = {"tfds": Tfds, "hf": HuggingFace, "files": Files}

__all__ = ["DECLARED", "SOURCE_KINDS", "Source", "State", "Status", "open_source"]


def open_source(
    dataset: Dataset,
    *,
    kind: str = DECLARED,
    data_dir: Path | None = None,
    samples: Path | None,
    apart: bool = False,
) -> Source:
    """Returns the source of a dataset; nothing is read yet.

    Args:
      dataset: whose rows are wanted.
      kind: one of SOURCE_KINDS; `declared` takes the dataset's own source.
      data_dir: for TFDS a prepared tree; for files a folder that has `<dataset>/<split>.jsonl`
        (or .json, .csv, .tsv, .parquet, compressed or not) in the dataset's own schema.
      samples: the dataset's embedded rows.
      apart: whether what needs TensorFlow is done in a process of its own.

    Raises:
      UnknownNameError: no such kind of source.
      SourceUnavailableError: the dataset declares no source of that kind.
    """
    if kind not in SOURCE_KINDS:
        raise unknown_name("source", kind, SOURCE_KINDS)
    if kind == "samples":
        return SamplesSource(dataset.name, samples)
    # A dataset that declares files keeps to them where the folder has none for it.
    declares = isinstance(dataset.source, Files)
    if kind == "files" and data_dir and not (declares and not (data_dir / dataset.name).is_dir()):
        like = dataset.source if isinstance(dataset.source, Files) else None
        files = find_files(data_dir / dataset.name, like)
        return FilesSource(dataset.name, files, schema=dataset.schema)
    wanted = _ORIGINS.get(kind)
    for alternative in (Alternative(dataset.source), *dataset.alternatives):
        if wanted is None or isinstance(alternative.origin, wanted):
            return _adapted(dataset, alternative, data_dir, apart=apart)
    hint = f"; it declares {_kind_of(dataset.source)} {origin_name(dataset.source)}".rstrip()
    if kind == "files":
        hint = f"; give --data-dir with a folder {dataset.name} that has train.jsonl and so on"
    elif declares:
        hint += (
            "; --source declared --data-dir DIR reads each dataset from the source it declares, "
            "those of TFDS from the tree in DIR"
        )
    raise SourceUnavailableError(f'has no source of kind "{kind}"{hint}', dataset=dataset.name)


def alternatives(dataset: Dataset) -> Sequence[str]:
    """Says where else a dataset can be had, one line each."""
    return [
        f"{_kind_of(other.origin)} {origin_name(other.origin)}"
        + ("" if other.tested else " (untested)")
        for other in dataset.alternatives
    ]


def _adapted(
    dataset: Dataset, alternative: Alternative, data_dir: Path | None, *, apart: bool
) -> Source:
    source = _open_origin(dataset, alternative, data_dir, apart=apart)
    if alternative.adapt is None and not alternative.splits:
        return source
    return _Adapted(source, alternative)


def _open_origin(
    dataset: Dataset, alternative: Alternative, data_dir: Path | None, *, apart: bool
) -> Source:
    origin = alternative.origin
    if isinstance(origin, Tfds):
        # An adapted row has other columns than the schema; which, only `adapt` knows.
        columns = () if alternative.adapt else tuple(dataset.schema)
        reader = TfdsApart if apart else TfdsSource
        return reader(origin, columns=columns, data_dir=data_dir, dataset=dataset.name)
    if isinstance(origin, HuggingFace):
        return HuggingFaceSource(origin, dataset=dataset.name)
    return FilesSource(dataset.name, origin, schema=dataset.schema)


def _kind_of(origin: Origin) -> str:
    return next(kind for kind, cls in _ORIGINS.items() if isinstance(origin, cls))


class _Adapted(Source):
    """An alternative source, its rows and split names turned into the primary ones."""

    def __init__(self, source: Source, alternative: Alternative) -> None:
        self._source = source
        self._adapt = alternative.adapt
        self._there = dict(alternative.splits)
        self.kind = source.kind
        self.is_shuffled = source.is_shuffled

    def status(self) -> Status:
        return self._source.status()

    def splits(self) -> Mapping[str, int]:
        here = {there: ours for ours, there in self._there.items()}
        return {here.get(split, split): rows for split, rows in self._source.splits().items()}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        rows = self._source.rows(self._there.get(split, split), positions)
        for number, row in zip(positions, rows, strict=True):
            yield self._adapted(row, split, number) if self._adapt else row

    def _adapted(self, row: Row, split: str, number: int) -> Row:
        assert self._adapt is not None
        try:
            return self._adapt(row)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the row is named
            raise RowError(
                f"{self.kind}, split {split}, row {number}: its adapter fails with "
                f"{type(error).__name__}: {error}; the row has {', '.join(sorted(row))}"
            ) from error

    def identity(self, split: str) -> Mapping[str, Any]:
        return self._source.identity(self._there.get(split, split))
