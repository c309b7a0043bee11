"""What the files of an `arrays` build hold, compared with its manifest before it is used.

Each file is hashed when it is first used, and looked through in the same pass: ids of the
vocabulary, segments that are those of its examples, tasks that there are.
"""

import functools
import io
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import BuildError
from flan_tasks.core.intact import is_intact
from flan_tasks.engine.manifest_file import MANIFEST, SEAL
from flan_tasks.packing.features import EXAMPLES, OFFSETS, STORED, TASKS

# When files are compared with the manifest: each when it is first used, all when the build is
# opened, or never, for storage that checks itself.
USE, OPEN, NEVER = "use", "open", "never"
CHECKS = (USE, OPEN, NEVER)
IDS = ("inputs", "targets", "tokens")
_MASK = "loss_mask"
_THREADS = 8

# Array -> (shape, type).
Layout = Mapping[str, tuple[tuple[int, ...], np.dtype]]
# (some rows of an array, number of the first) -> what is wrong with them, or nothing.
_Fault = Callable[[np.ndarray, int], str]


@dataclass
class Contents:
    """Compares the files of a build with its manifest, each once, and has them brought for it."""

    folder: Path
    """The build."""
    manifest: Mapping[str, Any]
    """Its manifest; while a build is made it carries no hash of itself, and nothing is compared."""
    check: str = USE
    """One of CHECKS."""
    bring: Callable[[Iterable[str]], None] | None = None
    """Has files in the folder, if they lie elsewhere before they are used."""
    _seen: set[str] = field(default_factory=set)
    """Files that were compared."""

    def __post_init__(self) -> None:
        self._files = {entry["path"]: entry for entry in self.manifest["files"]}
        lengths = dict(self.manifest["lengths"])
        lengths.setdefault("row", lengths["inputs"] + lengths["targets"])
        self._stored = {
            name: lengths[length] for name, length in STORED[self.manifest["arch"]].items()
        }
        wide = self.manifest["vocabulary_size"] > 1 << 16
        self._ids = np.dtype(np.uint32 if wide else np.uint16)

    def layout(self, number: int) -> Layout:
        """Shape and type of each array of a shard."""
        shard = self.manifest["shards"][number]
        rows, examples = shard["rows"], shard["examples"]
        # Of more than 32,768 tasks the numbers are wider.
        entry = self._files.get(array_file(shard["name"], TASKS))
        narrow = len(header((examples,), np.dtype(np.int16))) + 2 * examples
        tasks = np.int16 if entry is None or entry["bytes"] == narrow else np.int32
        return {
            **{
                name: ((rows, length), self._ids if name in IDS else np.dtype(np.uint8))
                for name, length in self._stored.items()
            },
            OFFSETS: ((rows + 1,), np.dtype(np.int64)),
            EXAMPLES: ((examples,), np.dtype(np.int64)),
            TASKS: ((examples,), np.dtype(tasks)),
        }

    def compare(self, numbers: Iterable[int], names: Collection[str]) -> None:
        """Compares arrays of shards that were not compared yet, several at a time.

        Args:
          numbers: of the shards.
          names: of the arrays.

        Raises:
          BuildError: one is not what the manifest says, or cannot be read.
        """
        files = [
            (array_file(self.manifest["shards"][number]["name"], name), number, name)
            for number in numbers
            for name in names
        ]
        if self.bring is not None:
            self.bring(file for file, _, _ in files)
        if self.check == NEVER or SEAL not in self.manifest:
            return
        left = [one for one in files if one[0] not in self._seen]
        # Offsets first: segments are compared with them.
        for is_first in (True, False):
            some = [one for one in left if (one[2] == OFFSETS) == is_first]
            if len(some) == 1:
                self._compare(*some[0])
            elif some:
                # Hashing lets other threads run.
                with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
                    list(pool.map(lambda one: self._compare(*one), some))

    def _compare(self, file: str, number: int, name: str) -> None:
        path, layout = self.folder / file, self.layout(number)
        shape, dtype = layout[name]
        check_layout(path, shape, dtype)
        fault, done = self._fault(number, layout, name), 0

        def look(piece: memoryview) -> None:
            nonlocal done
            rows = np.frombuffer(piece, dtype).reshape(-1, *shape[1:])
            # What stands in a row of another array is looked up by the number of the row.
            if wrong := fault(rows, done):
                raise BuildError(f"{path} is damaged: {wrong}. Copy or build the directory again")
            done += len(rows)

        try:
            is_sound = is_intact(
                path,
                self._files[file]["sha256"],
                claim=self.manifest[SEAL],
                head=len(header(shape, dtype)),
                row=dtype.itemsize * math.prod(shape[1:]),
                look=look,
            )
        except (OSError, ValueError) as error:
            raise BuildError(f"{path} cannot be read: {error}") from error
        if not is_sound:
            raise BuildError(
                f"{path} was changed: its content is not what {MANIFEST} says. Copy or build the "
                "directory again"
            )
        self._seen.add(file)

    def _fault(self, number: int, layout: Layout, name: str) -> _Fault:
        """Returns what says what is wrong with rows of an array, from a certain one on."""
        if name in IDS:
            size = self.manifest["vocabulary_size"]
            return lambda rows, first: _outside(rows, size, "id", f"the vocabulary has {size:,}")
        if name == TASKS:
            size = len(self.manifest["tasks"])
            return lambda rows, first: _outside(rows, size, "task", f"{MANIFEST} has {size:,}")
        if name == EXAMPLES:
            size = self.manifest.get("planned", self.manifest["examples"])
            return lambda rows, first: _outside(rows, size, "example", f"there are {size:,}")
        if name == _MASK:
            return lambda rows, first: _outside(rows, 2, "mask", "it is 0 or 1")
        if name == OFFSETS:
            (examples,), _ = layout[EXAMPLES]
            (size,), _ = layout[OFFSETS]
            return _offsets_fault(size, examples)
        head = len(header(*layout[OFFSETS]))
        path = self.folder / array_file(self.manifest["shards"][number]["name"], OFFSETS)
        offsets = np.fromfile(path, np.int64, offset=head)
        counts = np.diff(offsets)
        return lambda rows, first: _segments_fault(rows, counts[first : first + len(rows)])


def array_file(shard: str, array: str) -> str:
    """Returns the name of the file an array of a shard is in."""
    return f"{shard}.{array}.npy"


@functools.lru_cache(maxsize=1024)
def header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The first bytes of a .npy file."""
    file = io.BytesIO()
    about = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def check_layout(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Checks that a file holds an array of this shape and type.

    Raises:
      BuildError: it holds another, or cannot be read.
    """
    # Compared as bytes: numpy parses a header in the time in which it maps ten files.
    start = header(shape, dtype)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(len(start)) == start and size == len(start) + dtype.itemsize * math.prod(
                shape
            ):
                return
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {error}") from error
    raise BuildError(f"{path} holds {_described(path)}; {MANIFEST} says {dtype}{list(shape)}")


def _described(path: Path) -> str:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # noqa: BLE001 - numpy has Python read the header, which may be anything
        return f"no array ({type(error).__name__})"
    return f"{array.dtype}{list(array.shape)}"


def _outside(values: np.ndarray, size: int, noun: str, why: str) -> str:
    if not values.size:
        return ""
    low, high = int(values.min()), int(values.max())
    if 0 <= low and high < size:
        return ""
    return f"it holds {noun} {low if low < 0 else high:,}; {why}"


def _offsets_fault(size: int, examples: int) -> _Fault:
    last = 0

    def fault(values: np.ndarray, first: int) -> str:
        nonlocal last
        steps = np.diff(values, prepend=last)
        starts_at_zero = first > 0 or values[0] == 0
        ends = first + len(values) < size or values[-1] == examples
        last = int(values[-1])
        if starts_at_zero and ends and (steps >= 0).all():
            return ""
        return f"its offsets do not go from 0 to {examples:,} without a step back"

    return fault


def _segments_fault(segments: np.ndarray, counts: np.ndarray) -> str:
    # From 1 to the number of examples, each step one at most, and padding behind.
    before, after = segments[:, :-1], segments[:, 1:]
    is_step = (after == before) | (after == before + np.uint8(1)) & (before > 0) | (after == 0)
    # A zero is followed by zeros: what is behind one would be a step from 0.
    if (
        is_step.all()
        and (segments[:, 0] == (counts > 0)).all()
        and (segments.max(axis=1, initial=0) == counts).all()
    ):
        return ""
    return "its segments are not those of the examples of its rows"
