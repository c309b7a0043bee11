"""Where raw rows come from: TFDS, the Hugging Face hub, files, the embedded rows."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.errors import RowError, SourceUnavailableError, unknown_name
from flan_tasks.core.family import Family, family_of
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
from flan_tasks.raw_rows.families import FamilySamples, FamilySource, MemberSource, TaskTable
from flan_tasks.raw_rows.files import FilesSource, find_files
from flan_tasks.raw_rows.huggingface import HuggingFaceSource
from flan_tasks.raw_rows.places import ORIGINS, Place, place_of, place_of_family
from flan_tasks.raw_rows.samples import SamplesSource
from flan_tasks.raw_rows.shared_tables import open_table
from flan_tasks.raw_rows.task_file_places import find_task_files
from flan_tasks.raw_rows.task_files import TaskFiles
from flan_tasks.raw_rows.task_tables import TaskTables
from flan_tasks.raw_rows.tfds import TfdsSource
from flan_tasks.raw_rows.tfds_apart import TfdsApart

__all__ = ["DECLARED", "SOURCE_KINDS", "Source", "State", "Status", "open_source"]


def open_source(
    dataset: Dataset,
    *,
    kind: str = DECLARED,
    data_dir: Path | None = None,
    samples: Path | None,
    apart: bool = False,
    opened: MutableMapping[str, FamilySource] | None = None,
) -> Source:
    """Returns the source of a dataset; nothing is read yet.

    Args:
      dataset: whose rows are wanted.
      kind: one of SOURCE_KINDS; `declared` takes the dataset's own source.
      data_dir: for TFDS a prepared tree; for files a folder that has `<dataset>/<split>.jsonl`
        (or .json, .csv, .tsv, .parquet, compressed or not) in the dataset's own schema; or
        several, as `core.data_dirs` reads them, of which the most specific counts.
      samples: the dataset's embedded rows.
      apart: whether what needs TensorFlow is done in a process of its own.
      opened: what members of a family are stored in (`Family.stored_as`) -> its source, kept here
        for its other members; all have one kind, data_dir and samples.

    Raises:
      UnknownNameError: no such kind of source.
      SourceUnavailableError: the dataset declares no source of that kind.
    """
    if kind not in SOURCE_KINDS:
        raise unknown_name("source", kind, SOURCE_KINDS)
    if dataset.family:
        family, member = family_of(dataset)
        opened = {} if opened is None else opened
        name = family.stored_as(member)
        if name not in opened and family.tables is not None:
            opened[name] = open_table(family, member, kind, data_dir, samples)
        elif name not in opened:
            place = place_of_family(family, kind, data_dir)
            opened[name] = _open_family(family, place, samples, apart=apart)
        return MemberSource(opened[name], member)
    place = place_of(dataset, kind, data_dir)
    kind, data_dir, folder = place.kind, place.data_dir, place.folder
    if kind == "samples":
        return SamplesSource(dataset.name, samples)
    # A dataset that declares files keeps to them where the folder has none for it.
    declares = isinstance(dataset.source, Files)
    has_files = declares or any(isinstance(one.origin, Files) for one in dataset.alternatives)
    if kind == "files" and folder and not (has_files and not folder.is_dir()):
        like = dataset.source if isinstance(dataset.source, Files) else None
        files = find_files(folder, like)
        return FilesSource(dataset.name, files, schema=dataset.schema)
    wanted = ORIGINS.get(kind)
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


def _open_family(
    family: Family, place: Place, samples: Path | None, *, apart: bool
) -> FamilySource:
    kind, data_dir = place.kind, place.data_dir
    if kind == "samples":
        return FamilySamples(family, samples)
    wanted = ORIGINS.get(kind)
    primary = Alternative(family.source, task_column=family.task_column)
    for alternative in (primary, *family.alternatives):
        origin = alternative.origin
        if wanted is not None and not isinstance(origin, wanted):
            continue
        in_folder = kind == "files" or (data_dir is not None and (data_dir / family.name).is_dir())
        if isinstance(origin, Files) and data_dir is not None and in_folder:
            origin = find_task_files(family, data_dir, origin)
        if isinstance(origin, Files) and not alternative.task_column:
            return (TaskTables if origin.columns else TaskFiles)(family, origin)
        if isinstance(origin, Tfds):
            # What the record of a task needs is not in the schema, so all columns are decoded.
            reader = TfdsApart if apart else TfdsSource
            rows: Source = reader(origin, columns=(), data_dir=data_dir, dataset=family.name)
        elif isinstance(origin, HuggingFace):
            rows = HuggingFaceSource(origin, dataset=family.name, copy=_copy_of(origin, data_dir))
        else:
            # CSV and TSV say types by the schema; what is not in it stays text.
            rows = FilesSource(family.name, origin, schema=family.schema)
        return TaskTable(family, rows, alternative)
    raise SourceUnavailableError(f'{family.name} has no source of kind "{kind}"')


def alternatives(dataset: Dataset) -> Sequence[str]:
    """Says where else a dataset is available, one line each."""
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
        copy = _copy_of(origin, data_dir)
        return HuggingFaceSource(origin, dataset=dataset.name, copy=copy)
    return FilesSource(dataset.name, _rooted(dataset, origin, data_dir), schema=dataset.schema)


def _copy_of(origin: HuggingFace, data_dir: Path | None) -> Path | None:
    """Returns the folder of a user's copy of what the hub has; None where there is none."""
    copy = None if data_dir is None else data_dir / origin.path
    return copy if copy is not None and copy.is_dir() else None


def _rooted(dataset: Dataset, origin: Files, data_dir: Path | None) -> Files:
    """Returns files that a user fetches with the folder where they lie."""
    if not origin.manual or origin.root or data_dir is None:
        return origin
    own = data_dir / dataset.name
    is_own = all((own / path).exists() for path in origin.paths.values())
    return replace(origin, root=str(own if is_own else data_dir))


def _kind_of(origin: Origin) -> str:
    return next(kind for kind, cls in ORIGINS.items() if isinstance(origin, cls))


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
