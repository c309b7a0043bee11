"""Reading a store that is in no page cache: by a random plan, and by one that goes by blocks.

    python -m benchmarks.order --place DIR
    python -m benchmarks.order --place DIR --examples 1e7 --rows 1e6 --cold shard

A file of made-up examples stands in for a store, all of one task, `--size` bytes each. Its pages
are put out of the page cache (`posix_fadvise`, which asks and does not force), then rows of a plan
are read through a memory map in plan order, a shard of 65,536 at a time, as a build gathers them.
`--cold shard` puts them out before each of these, as where a store is many times the memory;
without it a file that fits into memory is read once at most. `--readahead off` reads the pages that
are touched and no others; otherwise the system reads as much around each as its disk is set to
(/sys/block/*/queue/read_ahead_kb). What was read from the disk is that of /proc/self/io: on a file
system in memory it is nothing.
"""

import argparse
import json
import mmap
import os
import time
from pathlib import Path

import numpy as np

from flan_tasks.plan import draws
from flan_tasks.plan.order import permuted_in_blocks, rows_of_tasks

# Rows of a shard, and of what is gathered at once.
_SHARD = 1 << 16
_PAGE = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--place", type=Path, required=True, help="folder on the disk to read from")
    parser.add_argument("--examples", type=float, default=20_000)
    parser.add_argument("--rows", type=float, default=None, help="rows read; default: examples")
    parser.add_argument("--size", type=int, default=437, help="bytes of an example")
    parser.add_argument("--cold", choices=("once", "shard"), default="once", help="put out when")
    parser.add_argument("--readahead", choices=("system", "off"), default="system")
    args = parser.parse_args()
    examples = int(args.examples)
    rows = int(args.rows or examples)
    args.place.mkdir(parents=True, exist_ok=True)
    path = args.place / f"examples-{examples}-{args.size}.bin"
    write(path, examples, args.size)
    found = {
        order: read(path, examples, rows, args, blocks=order == "blocks")
        for order in ("random", "blocks")
    }
    asked = {"examples": examples, "rows": rows, "size": args.size}
    how = {"cold": args.cold, "readahead": args.readahead}
    print(json.dumps({**asked, **how, **found}, indent=1))


def write(path: Path, examples: int, size: int) -> None:
    """Writes made-up examples, unless they are there."""
    if path.exists() and path.stat().st_size == examples * size:
        return
    block = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8).tobytes()
    left = examples * size
    with path.open("wb") as file:
        while left:
            left -= file.write(block[:left])
        file.flush()
        os.fsync(file.fileno())


def read(
    path: Path, examples: int, rows: int, args: argparse.Namespace, *, blocks: bool
) -> dict[str, float]:
    """Reads rows in the order of a plan, and returns what that took."""
    forget(path)
    mapped = mapping(path, args.readahead)
    permute = permuted_in_blocks if blocks else draws.permute
    before, seconds, touched = disk_bytes(), 0.0, 0
    for first in range(0, rows, _SHARD):
        if args.cold == "shard":
            # Pages of a file that is mapped are not put out.
            mapped.close()
            forget(path)
            mapped = mapping(path, args.readahead)
        data = np.frombuffer(mapped, np.uint8).reshape(examples, args.size)
        start = time.perf_counter()
        positions = np.arange(first, min(first + _SHARD, rows))
        _, row = rows_of_tasks(positions, [(examples,)], 0, blocks=blocks)
        numbers = permute(row % examples, examples, 0, row // examples)
        # In the order of the file, as Arrow's batches are gathered.
        numbers = np.sort(numbers)
        touched += len(np.unique(numbers * args.size // _PAGE))
        data[numbers].sum()
        seconds += time.perf_counter() - start
        del data
    mapped.close()
    return {
        "seconds": round(seconds, 3),
        "pages_touched": touched,
        "read_mb": round((disk_bytes() - before) / 1e6, 1),
    }


def mapping(path: Path, readahead: str) -> mmap.mmap:
    """Maps a file into memory."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    if readahead == "off":
        mapped.madvise(mmap.MADV_RANDOM)
    return mapped


def forget(path: Path) -> None:
    """Asks the system to drop a file's pages."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def disk_bytes() -> int:
    """Bytes that this process had read from disks."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


if __name__ == "__main__":
    main()
