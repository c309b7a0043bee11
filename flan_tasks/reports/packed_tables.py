"""Rows of packed `arrays` builds, taken apart into the examples they hold."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import BuildError
from flan_tasks.engine.contents import Contents
from flan_tasks.packing.features import OFFSETS, TASKS

FORMAT = "arrays"


@dataclass(frozen=True)
class PackedRow:
    """One packed row."""

    number: int
    """Its number in the build."""
    examples: np.ndarray
    """Row number in the plan of each of its examples: int64[n]."""
    tasks: np.ndarray
    """Number of the task of each: int16[n], or int32 of very many."""
    inputs: tuple[np.ndarray, ...]
    """Ids of each prompt, EOS included."""
    targets: tuple[np.ndarray, ...]
    """Ids of each target, EOS included."""


def tasks_and_rows(
    folder: Path, manifest: Mapping[str, Any], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the task and the row of each of the first examples, about `wanted` or all.

    Raises:
      BuildError: a file is missing or is not what the manifest says.
    """
    tasks, rows = [np.zeros(0, np.int16)], [np.zeros(0, np.int64)]
    contents = Contents(folder, manifest)
    first, left = 0, size
    for number, shard in enumerate(manifest["shards"]):
        if left <= 0:
            break
        name = shard["name"]
        contents.compare((number,), (OFFSETS, TASKS))
        try:
            sizes = np.diff(_array(folder, name, "offsets"))
            tasks.append(np.array(_array(folder, name, "tasks")))
            rows.append(np.repeat(first + np.arange(len(sizes)), sizes))
        except (OSError, ValueError) as error:
            raise BuildError(f"{folder}: {name} cannot be read: {error}") from error
        first += shard["rows"]
        left -= shard["examples"]
    return np.concatenate(tasks), np.concatenate(rows)


def read_rows(
    folder: Path, manifest: Mapping[str, Any], numbers: np.ndarray
) -> Iterator[PackedRow]:
    """Yields rows by number, ascending.

    Raises:
      BuildError: a file is missing or is not what the manifest says.
    """
    contents = Contents(folder, manifest)
    first = 0
    for number, shard in enumerate(manifest["shards"]):
        of_shard = numbers[(numbers >= first) & (numbers < first + shard["rows"])]
        if len(of_shard):
            contents.compare((number,), contents.layout(number))
            try:
                yield from _read_shard(folder, shard["name"], manifest["arch"], of_shard, first)
            except (OSError, ValueError, IndexError) as error:
                raise BuildError(f"{folder}: {shard['name']} cannot be read: {error}") from error
        first += shard["rows"]


def _array(folder: Path, name: str, part: str) -> np.ndarray:
    return np.load(folder / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False)


def _read_shard(
    folder: Path, name: str, arch: str, numbers: np.ndarray, first: int
) -> Iterator[PackedRow]:
    array = functools.cache(functools.partial(_array, folder, name))
    offsets, examples, tasks = array("offsets"), array("examples"), array("tasks")
    for number in numbers:
        row = int(number) - first
        start, stop = int(offsets[row]), int(offsets[row + 1])
        if arch == "decoder":
            segments, mask = array("segment_ids")[row], array("loss_mask")[row]
            tokens = array("tokens")[row]
            inputs = _split(tokens, np.where(mask == 0, segments, 0), stop - start)
            targets = _split(tokens, np.where(mask == 1, segments, 0), stop - start)
        else:
            inputs = _split(array("inputs")[row], array("inputs_segment_ids")[row], stop - start)
            targets = _split(array("targets")[row], array("targets_segment_ids")[row], stop - start)
        yield PackedRow(
            int(number),
            np.array(examples[start:stop]),
            np.array(tasks[start:stop]),
            inputs,
            targets,
        )


def _split(ids: np.ndarray, segments: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array(ids[segments == s + 1], dtype=np.int32) for s in range(count))
