"""Records of TFRecord files, each compared with its checksums.

A record is its length (uint64, little-endian), the masked CRC-32C of these eight bytes (uint32),
its data, and the masked CRC-32C of the data: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

from flan_tasks.core import extras

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
# Bytes read from the file at a time.
_BUFFER = 1 << 20


class DamagedRecord(Exception):
    """A record is not what was written; names its file and its number there, from 0."""

    def __init__(self, file: str, number: int, problem: str, *, ends_file: bool) -> None:
        """
        Args:
          file: its name, without folders.
          number: of the record.
          problem: what is wrong with it.
          ends_file: whether the records behind it cannot be read either.
        """
        super().__init__(f"{file}, record {number}: {problem}")
        self.ends_file = ends_file


def read_records(path: Path, start: int, stop: int, *, total: int) -> Iterator[bytes]:
    """Yields the data of the records from `start` to before `stop`.

    Of those that are passed over only the lengths are compared with their checksums.

    Args:
      path: the file.
      start: number of the first.
      stop: number after the last.
      total: how many records the file should have.

    Raises:
      DamagedRecord: one is damaged, the file ends before `stop`, or goes on after `total`.
      OSError: the file cannot be read.
    """
    checksum = _checksum()
    with path.open("rb", buffering=_BUFFER) as file:
        for number in range(start):
            file.seek(_length(file, path.name, number, checksum) + _CHECKSUM.size, 1)
        for number in range(start, stop):
            length = _length(file, path.name, number, checksum)
            data, stated = file.read(length), file.read(_CHECKSUM.size)
            if len(data) < length or len(stated) < _CHECKSUM.size:
                raise DamagedRecord(path.name, number, "the file ends in it", ends_file=True)
            if _CHECKSUM.unpack(stated)[0] != _masked(checksum(data)):
                problem = "its data is not what its checksum says"
                raise DamagedRecord(path.name, number, problem, ends_file=False)
            yield data
        if stop == total and file.read(1):
            problem = f"the file should end before it, after {total:,}"
            raise DamagedRecord(path.name, stop, problem, ends_file=True)


def _length(file: BinaryIO, name: str, number: int, checksum: Callable[[bytes], int]) -> int:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        problem = "the file ends in it" if header else "the file ends before it"
        raise DamagedRecord(name, number, problem, ends_file=True)
    length, stated = _HEADER.unpack(header)
    if stated != _masked(checksum(header[:8])):
        problem = "its length is not what its checksum says"
        raise DamagedRecord(name, number, problem, ends_file=True)
    return length


def _masked(checksum: int) -> int:
    """A checksum as the format stores it, so that data that holds checksums has another one."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _checksum() -> Callable[[bytes], int]:
    with extras.needed_for("Reading TFRecord files"):
        import google_crc32c

    return google_crc32c.value
