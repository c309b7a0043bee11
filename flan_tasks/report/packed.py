"""Rows of packed `arrays` builds, taken apart into the examples they hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import BuildError

FORMAT = "arrays"


@dataclass(frozen=True)
class PackedRow:
    """One packed row."""

    # Its number in the build.
    number: int
    # Row number in the plan of each of its examples: int64[n].
    examples: np.ndarray
    # Number of the task of each: int16[n].
    tasks: np.ndarray
    # Ids of each prompt, EOS included.
    inputs: tuple[np.ndarray, ...]
    # Ids of each target, EOS included.
    targets: tuple[np.ndarray, ...]


def read_rows(folder: Path, manifest: Mapping[str, Any], wanted: int) -> list[PackedRow]:
    """Returns evenly spaced rows that hold about `wanted` examples together.

    Raises:
      BuildError: a file is missing or is not what the manifest says.
    """
    total, examples = manifest["rows"], max(manifest["examples"], 1)
    count = min(total, max(1, round(wanted * total / examples)))
    numbers = np.arange(count, dtype=np.int64) * total // max(count, 1)
    found: list[PackedRow] = []
    first = 0
    for shard in manifest["shards"]:
        here = numbers[(numbers >= first) & (numbers < first + shard["rows"])]
        if len(here):
            try:
                found += _read_shard(folder, shard["name"], manifest["arch"], here, first)
            except (OSError, ValueError, IndexError) as error:
                raise BuildError(f"{folder}: {shard['name']} cannot be read: {error}") from error
        first += shard["rows"]
    return found


def _read_shard(
    folder: Path, name: str, arch: str, numbers: np.ndarray, first: int
) -> list[PackedRow]:
    def array(part: str) -> np.ndarray:
        return np.load(folder / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False)

    offsets, examples, tasks = array("offsets"), array("examples"), array("tasks")
    found = []
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
        found.append(
            PackedRow(
                int(number),
                np.array(examples[start:stop]),
                np.array(tasks[start:stop]),
                inputs,
                targets,
            )
        )
    return found


def _split(ids: np.ndarray, segments: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array(ids[segments == s + 1], dtype=np.int32) for s in range(count))
