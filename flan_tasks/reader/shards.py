"""The files of an `arrays` build: sizes checked on opening, contents when first mapped."""

import math
import mmap
import resource
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import BuildError
from flan_tasks.engine.contents import OPEN, Contents, Layout, array_file, check_layout, header
from flan_tasks.engine.local_copy import LocalCopy
from flan_tasks.engine.manifest_file import MANIFEST
from flan_tasks.packing.features import (
    DECODER_SEGMENTS,
    EXAMPLES,
    OFFSETS,
    STORED,
    TASKS,
    array_names,
)

# Linux allows a process 65,530 mappings.
_MOST = 4096


class Shards:
    """The shards of a build as one sequence of rows, and one of examples."""

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        *,
        check: str,
        copy: LocalCopy | None = None,
    ) -> None:
        """Checks that every file is there and of the size the manifest says.

        Args:
          folder: the build.
          manifest: of it.
          check: when its files are compared with their hashes: one of `contents.CHECKS`.
          copy: what brings files that lie at an address, whose sizes are compared when they come.

        Raises:
          BuildError: files are missing or of another size, or the manifest contradicts itself.
        """
        self.arch: str = manifest["arch"]
        self.lengths = dict(manifest["lengths"])
        self.lengths.setdefault("row", self.lengths["inputs"] + self.lengths["targets"])
        self._folder = folder
        self._names = [shard["name"] for shard in manifest["shards"]]
        self._row_ends = np.cumsum([shard["rows"] for shard in manifest["shards"]], dtype=np.int64)
        self._example_ends = np.cumsum(
            [shard["examples"] for shard in manifest["shards"]], dtype=np.int64
        )
        self._contents = Contents(folder, manifest, check, copy.bring if copy else None)
        self._mapped: OrderedDict[int, _Shard] = OrderedDict()
        self._most_mapped = _most_mapped()
        self._check(manifest, is_copy=copy is not None)
        if check == OPEN:
            self._contents.compare(range(len(self._names)), array_names(self.arch))

    @property
    def rows(self) -> int:
        """Number of stored rows."""
        return int(self._row_ends[-1]) if len(self._row_ends) else 0

    @property
    def examples(self) -> int:
        """Number of examples in them."""
        return int(self._example_ends[-1]) if len(self._example_ends) else 0

    def gather(self, rows: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Reads stored rows, in the order asked for.

        Returns:
          The stored arrays, int32[rows, length] each, and the task of every decoder position, -1 on
          padding.
        """
        numbers = np.searchsorted(self._row_ends, rows, side="right")
        self._contents.compare(np.unique(numbers).tolist(), (*STORED[self.arch], OFFSETS, TASKS))
        stored = {
            name: np.empty((len(rows), self.lengths[length]), np.int32)
            for name, length in STORED[self.arch].items()
        }
        segments = stored[DECODER_SEGMENTS[self.arch]]
        tasks = np.empty(segments.shape, np.int32)
        for number in np.unique(numbers):
            places = np.flatnonzero(numbers == number)
            shard = self._shard(int(number))
            local = rows[places] - self._start(self._row_ends, number)
            for name, array in stored.items():
                array[places] = shard[name][local]
            tasks[places] = shard.tasks_of(local, segments[places])
        return stored, tasks

    def row_examples(self, row: int) -> tuple["_Shard", int, range]:
        """Returns the shard of a row, its number there, and the numbers there of its examples."""
        number = int(np.searchsorted(self._row_ends, row, side="right"))
        shard = self._shard(number)
        local = row - self._start(self._row_ends, number)
        first, last = shard[OFFSETS][local : local + 2]
        return shard, local, range(int(first), int(last))

    def row_of_example(self, example: int) -> tuple[int, int]:
        """Returns the row an example is in, and its place among the row's examples."""
        number = int(np.searchsorted(self._example_ends, example, side="right"))
        local = example - self._start(self._example_ends, number)
        offsets = self._shard(number)[OFFSETS]
        row = int(np.searchsorted(offsets, local, side="right")) - 1
        return row + self._start(self._row_ends, number), local - int(offsets[row])

    @cached_property
    def most_examples(self) -> int:
        """Most examples of a row; the offsets of all shards are read for it."""
        return max(
            int(np.diff(self._shard(n)[OFFSETS]).max(initial=0)) for n in range(len(self._names))
        )

    def __getstate__(self) -> dict[str, Any]:
        # Mappings are not sent to other processes; those map anew.
        return self.__dict__ | {"_mapped": OrderedDict()}

    @staticmethod
    def _start(ends: np.ndarray, number: int) -> int:
        return int(ends[number - 1]) if number else 0

    def _shard(self, number: int) -> "_Shard":
        shard = self._mapped.get(number)
        if shard is None:
            shard = self._mapped[number] = _Shard(
                self._folder,
                self._names[number],
                self._contents.layout(number),
                lambda name: self._contents.compare((number,), (OFFSETS, name)),
            )
            while len(self._mapped) > self._most_mapped:
                self._mapped.popitem(last=False)
        else:
            self._mapped.move_to_end(number)
        return shard

    def _check(self, manifest: Mapping[str, Any], *, is_copy: bool) -> None:
        sizes = {entry["path"]: entry["bytes"] for entry in manifest["files"]}
        problems = []
        for number, name in enumerate(self._names):
            for array, (shape, dtype) in self._contents.layout(number).items():
                path = array_file(name, array)
                if path not in sizes:
                    problems.append(f"{path} is not in {MANIFEST}")
                    continue
                try:
                    # What lies at an address is compared when it comes.
                    size = sizes[path] if is_copy else (self._folder / path).stat().st_size
                except OSError as error:
                    problems.append(f"{path}: {error.strerror}")
                    continue
                expected = len(header(shape, dtype)) + dtype.itemsize * math.prod(shape)
                if size != sizes[path]:
                    problems.append(f"{path} has {size:,} bytes; {MANIFEST} says {sizes[path]:,}")
                elif size != expected:
                    problems.append(
                        f"{path} has {size:,} bytes; {dtype}{list(shape)} takes {expected:,}"
                    )
        if not self.rows:
            problems.append("it has no rows")
        if problems:
            more = f"and {len(problems) - 10} more" if len(problems) > 10 else ""
            lines = [f"{self._folder} is damaged; copy or build it again:", *problems[:10], more]
            raise BuildError("\n".join(filter(None, lines)))


class _Shard:
    """The arrays of one shard, each mapped when it is first asked for."""

    def __init__(
        self,
        folder: Path,
        name: str,
        expected: Layout,
        compare: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._name = name
        self._expected = expected
        self._compare = compare
        self._arrays: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        array = self._arrays.get(name)
        if array is None:
            array = self._arrays[name] = self._map(name)
        return array

    def tasks_of(self, rows: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """Returns the task of every position of rows, -1 on padding: int32[rows, length]."""
        if not len(self[TASKS]):
            return np.full(segments.shape, -1, np.int32)
        examples = self[OFFSETS][rows][:, None] + segments - 1
        return np.where(segments > 0, self[TASKS][np.maximum(examples, 0)], -1)

    def task(self, example: int) -> int:
        """Returns the number of an example's task."""
        return int(self[TASKS][example])

    def plan_row(self, example: int) -> int:
        """Returns the row of the plan an example was."""
        return int(self[EXAMPLES][example])

    def _map(self, name: str) -> np.ndarray:
        self._compare(name)
        shape, dtype = self._expected[name]
        path = self._folder / array_file(self._name, name)
        check_layout(path, shape, dtype)
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise BuildError(f"{path} cannot be read: {error}") from error
        return np.frombuffer(mapped, dtype, offset=len(header(shape, dtype))).reshape(shape)


def _most_mapped() -> int:
    """Shards mapped at one time: each mapping holds a file descriptor, and a shard has up to seven.

    Half of the descriptors that the process may have are left to others.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 14))
