"""Rows from TensorFlow Datasets: an existing tree (no network, no builder code) or a download."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.origin import Tfds
from flan_tasks.core.parsing import parse_json
from flan_tasks.sources.base import Source, State, Status


def default_data_dir() -> Path:
    """Where TFDS keeps prepared data unless told otherwise."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


@dataclass(frozen=True)
class _SplitInfo:
    """What TFDS notes of one split of a prepared builder."""

    # Rows of each file.
    shard_lengths: list[int]
    # Bytes of all rows.
    num_bytes: int


class TfdsSource(Source):
    """Reads one TFDS builder.

    With a data directory only what lies prepared there is read and nothing is downloaded; without
    one, TFDS's default directory is used and what it lacks is downloaded.
    """

    kind = "tfds"
    # TFDS writes rows in the order of a hash of their keys.
    is_shuffled = True

    def __init__(
        self, origin: Tfds, *, columns: Sequence[str], data_dir: Path | None = None
    ) -> None:
        self._origin = origin
        # Columns to decode; none means all.
        self._columns = tuple(columns)
        self._given = data_dir
        self._folder = (data_dir or default_data_dir()) / origin.builder / origin.version

    def status(self) -> Status:
        if (self._folder / "dataset_info.json").exists():
            return Status(State.AVAILABLE, f"TFDS {self._origin.name}, prepared")
        if self._origin.gone:
            return Status(State.GONE, self._origin.gone)
        if self._origin.manual:
            return Status(State.NEEDS_MANUAL, self._origin.manual)
        size = self._origin.download_mib
        detail = f"TFDS {self._origin.name}" + (f", about {size:,} MiB" if size else "")
        return Status(State.NEEDS_DOWNLOAD, detail)

    def splits(self) -> Mapping[str, int]:
        return {name: sum(info.shard_lengths) for name, info in sorted(self._infos.items())}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        import tensorflow_datasets as tfds

        self.num_rows(split)
        if not isinstance(positions, range) or positions.step != 1:
            raise TypeError("TFDS rows are read as one slice")
        builder = self._builder
        known = list(builder.info.features)
        missing = [column for column in self._columns if column not in known]
        if missing:
            raise RowError(
                f"TFDS {self._origin.name} has no column {', '.join(missing)}; it has {known}"
            )
        decoders = None
        if self._columns and set(self._columns) != set(known):
            decoders = tfds.decode.PartialDecoding({column: True for column in self._columns})
        data = builder.as_dataset(
            split=tfds.core.ReadInstruction(
                split, from_=positions.start, to=positions.stop, unit="abs"
            ),
            shuffle_files=False,
            decoders=decoders,
            # One file after the other: the rows come in the order they are stored in.
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
        for number, row in zip(positions, tfds.as_numpy(data), strict=True):
            try:
                yield _plain(row)
            except UnicodeDecodeError as error:
                raise RowError(
                    f"TFDS {self._origin.name}, split {split}, row {number}: not UTF-8: {error}"
                ) from error

    def identity(self, split: str) -> Mapping[str, Any]:
        info = self._infos[split]
        rows = sum(info.shard_lengths)
        lengths = json.dumps([rows, info.num_bytes, info.shard_lengths])
        return {
            "source": self.kind,
            "name": self._origin.name,
            "rows": rows,
            "sha256": hashlib.sha256(lengths.encode() + self._sizes(split)).hexdigest(),
        }

    def labels(self) -> Mapping[str, tuple[str, ...]]:
        features = self._builder.info.features
        return {
            column: tuple(features[column].names)
            for column in self._columns or features
            if column in features and getattr(features[column], "names", None)
        }

    def _sizes(self, split: str) -> bytes:
        # Sizes, not contents: hashing gigabytes would take longer than building from them.
        files = sorted(self._folder.glob(f"*-{split}.*"))
        return json.dumps([[file.name, file.stat().st_size] for file in files]).encode()

    @cached_property
    def _infos(self) -> Mapping[str, "_SplitInfo"]:
        # A finished build asks for this much of 78 builders; importing TFDS for it takes 4 s.
        found = _stated_splits(self._folder / "dataset_info.json")
        if found:
            return found
        return {
            name: _SplitInfo(list(info.shard_lengths), int(info.num_bytes))
            for name, info in self._builder.info.splits.items()
        }

    @cached_property
    def _builder(self) -> Any:
        status = self.status()
        name = self._origin.name
        if status.state is State.AVAILABLE:
            return self._open()
        if self._given is not None:
            raise SourceUnavailableError(
                f"TFDS {name} is not prepared in the data directory; expected the folder "
                f"{self._origin.builder}/{self._origin.version} there. Leave --data-dir out to let "
                f"TFDS prepare it ({status.state}: {status.detail})"
            )
        if status.state in (State.GONE, State.NEEDS_MANUAL):
            raise SourceUnavailableError(f"TFDS {name}: {status.state}: {status.detail}")
        return self._download()

    def _open(self) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(str(self._folder))
        except Exception as error:  # noqa: BLE001 - TFDS raises many kinds for a damaged folder
            raise SourceUnavailableError(
                f"TFDS {self._origin.name}: its prepared folder cannot be read: {error}. "
                "Remove it and prepare it again"
            ) from error

    def _download(self) -> Any:
        import tensorflow_datasets as tfds

        try:
            builder = tfds.builder(self._origin.name)
            builder.download_and_prepare()
        except Exception as error:  # noqa: BLE001 - network, checksum and builder errors all end here
            raise SourceUnavailableError(
                f"TFDS {self._origin.name} could not be downloaded or prepared: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else error!r}"
            ) from error
        return builder


def _stated_splits(path: Path) -> dict[str, _SplitInfo]:
    """Reads the splits of a `dataset_info.json`; empty where TFDS itself has to read it.

    The file is a protocol buffer as JSON, where 64-bit numbers are texts and zeros are left out.
    """
    try:
        stated = parse_json(path.read_text(encoding="utf-8"))["splits"]
        return {
            split["name"]: _SplitInfo(
                [int(rows) for rows in split["shardLengths"]], int(split.get("numBytes", 0))
            )
            for split in stated
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _plain(value: Any) -> Any:
    """Turns what TFDS hands out to plain Python: str, int, float, bool, list, dict."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "to_list"):  # a ragged tensor
        return _plain(value.to_list())
    if hasattr(value, "tolist"):  # an array or a NumPy scalar
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
