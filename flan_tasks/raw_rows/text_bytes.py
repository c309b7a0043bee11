"""Files of text as UTF-8 that can be read at any position, whatever they are stored as.

Compressed ones and those in UTF-16 or UTF-32 are turned once into a temporary file, which vanishes
with the process.
"""

import bz2
import codecs
import gzip
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from flan_tasks.core.errors import RowError, SourceUnavailableError

COMPRESSED: dict[str, Callable[[Path], io.BufferedIOBase]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
ENCODINGS_HINT = "save it as UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8"
# How files of other compressions begin.
_OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"(\xb5/\xfd": "compressed with zstd",
    b"\x1f\x8b": "compressed with gzip, and its name does not end in .gz",
    b"BZh": "compressed with bzip2, and its name does not end in .bz2",
    b"\xfd7zXZ": "compressed with xz, and its name does not end in .xz",
    b"PAR1": "a Parquet file, and its name does not end in .parquet",
}
# In this order, as the mark of UTF-16 begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_POINTER = b"version https://git-lfs.github.com/spec/"
# Bytes of a temporary file that stay in memory.
_IN_MEMORY = 64 << 20


def open_text(path: Path) -> BinaryIO:
    """Opens a file of text as UTF-8 bytes, a byte order mark aside.

    Raises:
      OSError: it cannot be read.
      RowError: it is no text.
      SourceUnavailableError: it only stands for a file that is elsewhere.
    """
    check_no_pointer(path)
    opener = COMPRESSED.get(path.suffix.lower())
    file: BinaryIO = _unpacked(path, opener) if opener else path.open("rb")
    start = file.read(4096)
    file.seek(0)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return _as_utf8(path, file, encoding)
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise RowError(f"{path.name} is {what}; unpack or rename it")
    if b"\0" in start:
        raise RowError(
            f"{path.name} holds zero bytes: it is no text, or UTF-16 without a byte order mark; "
            "save it as UTF-8, for example with iconv -f UTF-16LE -t UTF-8"
        )
    return file


def check_no_pointer(path: Path) -> None:
    """Refuses what Git Large File Storage leaves in the place of a file that is not fetched.

    Raises:
      SourceUnavailableError: the file is such a pointer.
    """
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise SourceUnavailableError(
                f"{path} is a pointer of Git LFS and not the file itself; fetch it with "
                "`git lfs pull` in its repository"
            )


def _unpacked(path: Path, opener: Callable[[Path], io.BufferedIOBase]) -> BinaryIO:
    unpacked = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - its user closes
    try:
        with opener(path) as packed:
            shutil.copyfileobj(packed, unpacked)
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise SourceUnavailableError(
            f"{path} cannot be read: its compression is damaged or cut off ({error})"
        ) from error
    unpacked.seek(0)
    return unpacked  # type: ignore[return-value]  # a BinaryIO but by inheritance


def _as_utf8(path: Path, file: BinaryIO, encoding: str) -> BinaryIO:
    turned = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - its user closes
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        while piece := text.read(1 << 20):
            turned.write(piece.encode("utf-8"))
    except UnicodeError as error:
        raise RowError(f"{path.name} is not valid {encoding.upper()}: {error}") from error
    turned.seek(0)
    return turned  # type: ignore[return-value]  # as above
