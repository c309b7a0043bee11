"""A builder of TFDS as it lies prepared on disk, read without TensorFlow and TFDS.

`dataset_info.json` says which splits there are and how many rows each file of them has,
`features.json` what a row is, `<column>.labels.txt` how the labels of a column are called.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.parsing import parse_json
from flan_tasks.raw_rows.example_features import (
    NeedsTfds,
    WrongExample,
    features_of,
    num_classes,
    row_reader,
)
from flan_tasks.raw_rows.record_files import DamagedRecord, read_records

_FILE_NAME = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
# What a JSON file of another form raises when it is taken apart.
_OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError, IndexError)


@dataclass(frozen=True)
class SplitInfo:
    """What TFDS notes of one split of a prepared builder."""

    shard_lengths: list[int]
    """Rows of each file."""
    num_bytes: int
    """Bytes of all rows."""


def stated_splits(path: Path) -> dict[str, SplitInfo]:
    """Reads the splits of a `dataset_info.json`; empty where TFDS itself has to read it.

    The file is a protocol buffer as JSON, where 64-bit numbers are texts and zeros are left out.
    """
    try:
        stated = parse_json(path.read_text(encoding="utf-8"))["splits"]
        return {
            split["name"]: SplitInfo(
                [int(rows) for rows in split["shardLengths"]], int(split.get("numBytes", 0))
            )
            for split in stated
        }
    except (OSError, *_OTHER_FORM):
        return {}


class PreparedTree:
    """The rows of a prepared builder.

    Raises:
      NeedsTfds: only TFDS can read it, or say what is wrong with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[tuple[str, ...], Callable[[bytes], Row]] = {}
        try:
            about = parse_json((folder / "dataset_info.json").read_text(encoding="utf-8"))
            self._features = features_of(
                parse_json((folder / "features.json").read_text(encoding="utf-8"))
            )
            form = about.get("fileFormat", "tfrecord")
            self._files = {
                split["name"]: _file_names(about["name"], split) for split in about["splits"]
            }
        except OSError as error:
            raise NeedsTfds(f"its {Path(error.filename or '').name} cannot be read") from error
        except _OTHER_FORM as error:
            raise NeedsTfds("its metadata has another form") from error
        if form != "tfrecord":
            raise NeedsTfds(f"its files are in the format {form}")

    @property
    def columns(self) -> list[str]:
        """What a row has."""
        return list(self._features)

    def reader(self, columns: Sequence[str]) -> Callable[[bytes], Row]:
        """Returns what makes a row of these columns out of a record.

        Raises:
          NeedsTfds: one of them has a feature that is not known.
        """
        columns = tuple(columns)
        if columns not in self._readers:
            try:
                self._readers[columns] = row_reader(self._features, columns)
            except _OTHER_FORM as error:
                raise NeedsTfds("its features.json has another form") from error
        return self._readers[columns]

    def rows(self, split: str, positions: range, columns: Sequence[str]) -> Iterator[Row]:
        """Yields rows, in the order they are stored in.

        Args:
          split: as the builder calls it.
          positions: numbers of the rows, one after the other.
          columns: those of a row.

        Raises:
          DamagedRecord: a record is damaged, or not as the metadata says.
          UnicodeDecodeError: a text is not UTF-8.
          OSError: a file cannot be read.
        """
        read = self.reader(columns)
        before = 0
        for name, length in self._files[split]:
            start, stop = positions.start - before, positions.stop - before
            before += length
            if start >= length or stop <= 0 or start >= stop:
                continue
            start, stop = max(start, 0), min(stop, length)
            records = read_records(self._folder / name, start, stop, total=length)
            for number, record in enumerate(records, start):
                try:
                    row = read(record)
                except WrongExample as error:
                    raise DamagedRecord(name, number, str(error), ends_file=False) from error
                yield row

    def labels(self, columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Returns column -> names of its labels, of those that have some.

        Those of the file beside the metadata; numbers where there is none.
        """
        found = {}
        for column in columns:
            count = num_classes(self._features[column])
            if count is not None and (names := self._label_names(column) or _numbers(count)):
                found[column] = names
        return found

    def _label_names(self, column: str) -> tuple[str, ...]:
        path = self._folder / f"{column.replace('/', '.')}.labels.txt"
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return ()
        return tuple(line.strip() for line in lines if line.strip())


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(count))


def _file_names(builder: str, split: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The files of a split, each with the number of its rows.

    Raises:
      NeedsTfds: they are called in another way than usual.
    """
    template = split.get("filepathTemplate") or _FILE_NAME
    lengths = [int(rows) for rows in split["shardLengths"]]
    if template != _FILE_NAME:
        raise NeedsTfds(f"its files are called {template}")
    digits = max(5, len(str(len(lengths))))
    return [
        (f"{builder}-{split['name']}.tfrecord-{number:0{digits}}-of-{len(lengths):0{digits}}", rows)
        for number, rows in enumerate(lengths)
    ]
