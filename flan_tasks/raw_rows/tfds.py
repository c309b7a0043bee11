"""Rows from TensorFlow Datasets: an existing tree (no network, no builder code) or a download.

What lies prepared is read without TFDS and TensorFlow (`prepared_tree`); they are for downloads and
for what is not known there.
"""

import hashlib
import json
import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flan_tasks.core import extras
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.home import under_home
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows import quiet
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.example_features import NeedsTfds
from flan_tasks.raw_rows.failures import in_words
from flan_tasks.raw_rows.prepared_tree import PreparedTree, SplitInfo, stated_splits
from flan_tasks.raw_rows.record_files import DamagedRecord

ENVIRONMENT = "TFDS_DATA_DIR"
# Seconds that a host has to take a connection before its download is begun.
_PATIENCE = 5.0
# Seconds that its refusal is remembered.
_REMEMBERED = 60
# What a status says where --data-dir names a folder.
_NOT_THERE = ", where no --data-dir is given; it has none of it"
_PORTS = {"http": 80, "ftp": 21}


def default_data_dir() -> Path:
    """Where TFDS keeps prepared data unless told otherwise.

    Raises:
      FlanTasksError: it would lie in the home folder, and none is known.
    """
    folder = os.environ.get(ENVIRONMENT) or "~/tensorflow_datasets"
    return under_home(folder, setting=ENVIRONMENT)


class TfdsSource(Source):
    """Reads one TFDS builder.

    With a data directory only what lies prepared there is read and nothing is downloaded; without
    one, TFDS's default directory is used and what it lacks is downloaded.
    """

    kind = "tfds"
    # TFDS writes rows in the order of a hash of their keys.
    is_shuffled = True

    def __init__(
        self,
        origin: Tfds,
        *,
        columns: Sequence[str],
        data_dir: Path | None = None,
        dataset: str = "",
    ) -> None:
        self._origin = origin
        # For messages: our name of the dataset, where it has one, and what is read.
        self._dataset = dataset
        self._label = f"TFDS {origin.name}"
        self._name = f"{dataset}: {self._label}" if dataset else self._label
        self._see = f"flan sources {dataset}" if dataset else "flan sources"
        # Columns to decode; none means all.
        self._columns = tuple(columns)
        self._given = data_dir
        self._root = data_dir or default_data_dir()
        self._folder = self._root / origin.builder / origin.version
        # Why its prepared folder is read by TFDS, where that is so.
        self._needs_tfds = ""

    def status(self) -> Status:
        if (self._folder / "dataset_info.json").exists():
            return Status(State.AVAILABLE, f"TFDS {self._origin.name}, prepared")
        if self._origin.gone:
            return Status(State.GONE, self._origin.gone)
        if self._origin.manual and not self._fetched_by_hand():
            return Status(State.NEEDS_MANUAL, self._origin.manual)
        size = self._origin.download_mib
        detail = f"TFDS {self._origin.name}" + (f", about {size:,} MiB" if size else "")
        if self._given is not None:
            detail += _NOT_THERE
        return Status(State.NEEDS_DOWNLOAD, detail)

    def splits(self) -> Mapping[str, int]:
        return {name: sum(info.shard_lengths) for name, info in sorted(self._infos.items())}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        self.num_rows(split)
        if not isinstance(positions, range) or positions.step != 1:
            raise TypeError("TFDS rows are read as one slice")
        tree = self._tree
        known = tree.columns if tree else list(self._builder.info.features)
        missing = [column for column in self._columns if column not in known]
        if missing:
            raise DeclarationError(
                f"{self._name} has no column {', '.join(missing)}; it has {known}"
            )
        number = positions.start
        rows = tree.rows(split, positions, self._columns or known) if tree else None
        try:
            for row in self._rows_of_tfds(split, positions, known) if rows is None else rows:
                yield row
                number += 1
        except UnicodeDecodeError as error:
            raise RowError(
                f"{self._name}, split {split}, row {number}: not UTF-8: {error}"
            ) from error
        except DamagedRecord as error:
            if error.ends_file:
                raise self._damaged(str(error)) from error
            raise RowError(f"{self._name}, split {split}, row {number}: {error}") from error
        except OSError as error:
            name = Path(os.fsdecode(error.filename or "")).name
            raise self._damaged(f"{name}: {error.strerror or error}") from error

    def _rows_of_tfds(self, split: str, positions: range, known: Sequence[str]) -> Iterator[Row]:
        tfds = self._tfds()
        decoders = None
        if self._columns and set(self._columns) != set(known):
            decoders = tfds.decode.PartialDecoding({column: True for column in self._columns})
        data = self._builder.as_dataset(
            split=tfds.core.ReadInstruction(
                split, from_=positions.start, to=positions.stop, unit="abs"
            ),
            shuffle_files=False,
            decoders=decoders,
            # One file after the other: the rows come in the order they are stored in.
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
        for _, row in zip(positions, tfds.as_numpy(data), strict=True):
            yield _plain(row)

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
        if tree := self._tree:
            known = tree.columns
            return tree.labels(one for one in self._columns or known if one in known)
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
    def _tree(self) -> PreparedTree | None:
        """What lies prepared; None where TFDS has to read it."""
        if self.status().state is not State.AVAILABLE:
            self._provide()
        try:
            tree = PreparedTree(self._folder)
            tree.reader([one for one in self._columns or tree.columns if one in tree.columns])
        except NeedsTfds as error:
            self._needs_tfds = str(error)
            return None
        return tree

    def _provide(self) -> None:
        """Downloads what is not there, or says why not."""
        self._builder  # noqa: B018 - which does

    @cached_property
    def _infos(self) -> Mapping[str, SplitInfo]:
        # A finished build asks for this much of 78 builders; importing TFDS for it takes 4 s.
        found = stated_splits(self._folder / "dataset_info.json")
        if found:
            return found
        return {
            name: SplitInfo(list(info.shard_lengths), int(info.num_bytes))
            for name, info in self._builder.info.splits.items()
        }

    @cached_property
    def _builder(self) -> Any:
        status = self.status()
        if status.state is State.AVAILABLE:
            return self._open()
        if self._given is not None:
            raise SourceUnavailableError(
                f"{self._label} is not prepared in the data directory; expected the folder "
                f"{self._origin.builder}/{self._origin.version} there. Leave --data-dir out to let "
                f"TFDS prepare it ({status.state}: {status.detail.removesuffix(_NOT_THERE)})",
                dataset=self._dataset,
            )
        if status.state is State.GONE:
            raise SourceUnavailableError(
                f"{self._label}: {status.state}: {status.detail}. {self._see} names other places",
                dataset=self._dataset,
            )
        if status.state is State.NEEDS_MANUAL:
            raise self._unavailable(
                f"{self._label}: {status.state}: {status.detail}. Then run the same command again",
                f"the manual folder is {self._manual_folder}",
            )
        if self._folder.exists():
            raise self._unavailable(
                f"{self._label}: its prepared folder has no dataset_info.json, as a copy that was "
                "broken off leaves it. Remove it and run the same command again",
                f"it is {self._folder}",
            )
        return self._download()

    def _open(self) -> Any:
        tfds = self._tfds()
        try:
            return tfds.builder_from_directory(str(self._folder))
        except Exception as error:  # noqa: BLE001 - TFDS raises many kinds for a damaged folder
            raise self._unavailable(
                f"{self._label}: its prepared folder cannot be read: {error}. "
                "Remove it and prepare it again",
                f"it is {self._folder}",
            ) from error

    def _download(self) -> Any:
        tfds = self._tfds()
        before = self._partial_downloads()
        hosts: list[str] = []
        try:
            builder = tfds.builder(self._origin.name, data_dir=str(self._root))
            hosts = sorted({f"{urlsplit(url).hostname}" for url in builder.url_infos or {}})
            self._check_hosts(builder.url_infos or {})
            builder.download_and_prepare()
        except Exception as error:  # noqa: BLE001 - network, checksum and builder errors all end here
            reason, notes = in_words(error, f"{self._label}: its download", hosts=hosts)
            raise self._unavailable(
                f"{reason}. Run the same command again, or give a tree that has it with "
                f"--data-dir; {self._see} names other places{self._manual_hint(error)}",
                *notes,
            ) from error
        finally:
            # TFDS leaves what it was writing: on a full disk, the next try would find it full.
            for folder in self._partial_downloads() - before:
                shutil.rmtree(folder, ignore_errors=True)
        return builder

    def _tfds(self) -> Any:
        what = f"Preparing {self._label}"
        if self._folder.exists():
            why = f" ({self._needs_tfds})" if self._needs_tfds else ""
            what = f"Reading {self._label}{why}"
        with extras.needed_for(what, error=SourceUnavailableError, in_note=True):
            quiet.before_import("tensorflow_datasets")
            import tensorflow_datasets as tfds

        return tfds

    def _damaged(self, problem: str) -> SourceUnavailableError:
        return self._unavailable(
            f"{self._label}: its prepared folder is damaged: {problem}. "
            "Remove it and prepare it again",
            f"it is {self._folder}",
        )

    def _unavailable(self, text: str, *notes: str) -> SourceUnavailableError:
        error = SourceUnavailableError(text, dataset=self._dataset)
        # Notes, since the message goes into manifests and those hold no path.
        for note in notes:
            error.add_note(note)
        return error

    @property
    def _manual_folder(self) -> Path:
        return self._root / "downloads" / "manual"

    def _manual_hint(self, error: Exception) -> str:
        # TFDS takes a file of the manual folder for any download of that name: newsroom's
        # train.jsonl for that of bool_q.
        if f"{self._manual_folder}/" in str(error):
            return ". It was read from the manual folder: move a file of another set away"
        return f". By hand: {self._origin.manual}" if self._origin.manual else ""

    def _fetched_by_hand(self) -> bool:
        names = self._origin.manual_files
        return bool(names) and all((self._manual_folder / name).exists() for name in names)

    def _partial_downloads(self) -> set[Path]:
        builder = self._origin.builder.split("/")[0]
        return set((self._root / "downloads" / builder).glob("*.tmp.*"))

    def _check_hosts(self, urls: Iterable[str]) -> None:
        """Raises an OSError where no host of the addresses takes a connection.

        TFDS tries each address eleven times, which takes minutes where there is no network, and
        half an hour behind a firewall that drops what it does not let through.
        """
        builder = self._origin.builder.split("/")[0]
        fetched = self._root / "downloads"
        if (
            urllib.request.getproxies()  # connections are the proxy's business
            or any((fetched / builder).glob("*.INFO"))  # fetched before: none may be needed
            or any(fetched.glob("*.INFO"))
        ):
            return
        failures = []
        period = int(time.monotonic() // _REMEMBERED)
        for scheme, place in sorted({urlsplit(url)[:2] for url in urls}):
            parts = urlsplit(f"//{place}")
            failure = _refusal(parts.hostname, parts.port or _PORTS.get(scheme, 443), period)
            if failure is None:
                return
            failures.append((f"{scheme}://{place}", failure))
        if failures:
            raise ConnectionError(" ".join(host for host, _ in failures)) from failures[0][1]


@lru_cache(maxsize=256)
def _refusal(host: str | None, port: int, period: int) -> OSError | None:
    """Why a host takes no connection; asked once in each period, as many datasets share a host."""
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except OSError as error:
        return error
    return None


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
