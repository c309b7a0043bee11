"""Rows of a finished build at given positions, read back from its text and TFRecord files."""

import json
import struct
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core import extras
from flan_tasks.core.errors import BuildError
from flan_tasks.core.intact import is_intact
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.manifest_file import MANIFEST, SEAL
from flan_tasks.engine.styles import options_in, texts_in

Row = dict[str, Any]


def read_rows(folder: Path, manifest: Mapping[str, Any], positions: np.ndarray) -> list[Row]:
    """Returns the rows at ascending positions, each with `inputs`, `targets` and its columns.

    Raises:
      BuildError: a file is missing or is not what the manifest says.
    """
    read = READERS[manifest["format"]]
    names = {task["task"] for task in manifest["tasks"]}
    found: list[Row] = []
    first = 0
    for shard in manifest["shards"]:
        rows = shard["rows"]
        here = positions[(positions >= first) & (positions < first + rows)] - first
        if len(here):
            for name in shard["paths"]:
                check_file(folder, manifest, name)
            path = folder / shard["paths"][0]
            try:
                found += [_checked(_told(row), names) for row in read(path, here)]
            except BuildError:
                raise
            except Exception as error:  # noqa: BLE001 - each library fails in ways of its own
                raise BuildError(f"{path} cannot be read: {error!r}") from error
        first += rows
    if len(found) != len(positions):
        raise BuildError(f"{folder}: its files end before the rows its manifest counts")
    return found


def all_rows(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Row]:
    """Yields every row of a build in its order; errors as for `read_rows`."""
    for shard in manifest["shards"]:
        alone = {**manifest, "shards": [shard]}
        yield from read_rows(folder, alone, np.arange(shard["rows"], dtype=np.int64))


def check_file(folder: Path, manifest: Mapping[str, Any], name: str) -> None:
    """Compares a file of a complete build with its manifest.

    Raises:
      BuildError: it is not what the manifest says, or cannot be read.
    """
    if SEAL not in manifest:
        return  # the build is being made
    entry = next((entry for entry in manifest["files"] if entry["path"] == name), None)
    try:
        is_sound = entry is not None and is_intact(folder / name, entry["sha256"])
    except OSError as error:
        raise BuildError(f"{folder / name} cannot be read: {error}") from error
    if not is_sound:
        raise BuildError(
            f"{folder / name} was changed: its content is not what {MANIFEST} says. Copy or build "
            "the directory again"
        )


def _checked(row: Row, names: Collection[str]) -> Row:
    for name in ("task", "template", "kind", "key", "inputs", "targets"):
        if not isinstance(row[name], str):
            raise ValueError(f"{name} is no text")
    if not all(isinstance(option, str) for option in row["options"]):
        raise ValueError("options are no texts")
    if row["task"] not in names:
        raise ValueError(f"task {row['task']} is not in {MANIFEST}")
    return row


def _told(row: Row) -> Row:
    inputs, targets = texts_in(row)
    return {**row, "inputs": inputs, "targets": targets, "options": options_in(row["options"])}


def _jsonl(path: Path, positions: np.ndarray) -> Iterator[Row]:
    wanted = set(positions.tolist())
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number in wanted:
                yield parse_json(line)


def _parquet(path: Path, positions: np.ndarray) -> Iterator[Row]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            here = positions[(positions >= first) & (positions < first + rows)] - first
            if len(here):
                yield from file.read_row_group(group).take(here).to_pylist()
            first += rows


def _records(path: Path, positions: np.ndarray) -> Iterator[Row]:
    # The frames of the records are read here: TensorFlow's reader cannot step over any.
    wanted = set(positions.tolist())
    with path.open("rb") as file:
        number = 0
        while head := file.read(12):
            (length,) = struct.unpack("<Q", head[:8])
            if number in wanted:
                yield _record(file.read(length))
            else:
                file.seek(length, 1)
            file.seek(4, 1)
            number += 1


def _array_records(path: Path, positions: np.ndarray) -> Iterator[Row]:
    with extras.needed_for("Reading ArrayRecord", error=BuildError):
        from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(path))
    try:
        yield from map(_record, reader.read(positions.tolist()))
    finally:
        reader.close()


def _record(data: bytes) -> Row:
    with extras.needed_for("Reading TFRecords", error=BuildError):
        import tensorflow as tf

    features = tf.train.Example.FromString(data).features.feature

    def texts(name: str) -> list[str]:
        return [value.decode() for value in features[name].bytes_list.value]

    about = {name: texts(name)[0] for name in ("task", "template", "kind", "key")}
    options = json.loads(texts("gold")[0])["options"] if "gold" in features else texts("options")
    return {
        **about,
        "inputs": texts("inputs_pretokenized")[0],
        "targets": texts("targets_pretokenized")[0],
        "options": options,
    }


READERS = {
    "jsonl": _jsonl,
    "parquet": _parquet,
    "tfrecord": _records,
    "seqio-cache": _records,
    "arrayrecord": _array_records,
}
