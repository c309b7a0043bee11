"""A build by one or more local processes: time, and the most memory one of them held.

    python -m benchmarks.build.workers --workers 2 --rows 80000 --set prose --work DIR ...
    python -m benchmarks.build.workers --threads 2 --rows 20000 --set prose --work DIR ...

The second encodes the finished texts with SentencePiece's own threads, for comparison. Shards are
of the same number for any number of workers, so the bytes are the same.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.build.measure import (
    Clock,
    children_peak_megabytes,
    peak_megabytes,
    print_result,
)
from benchmarks.build.rowsets import (
    RowSet,
    add_arguments,
    open_prepared,
    packed_settings,
    row_set,
)
from benchmarks.build.throughput import pieces


def build_with(rows: RowSet, workers: int, shards: int | None) -> dict[str, Any]:
    """Builds packed arrays; tokens are counted by the build itself."""
    from flan_tasks.engine.run_local import build
    from flan_tasks.plan.plan import make_plan

    prepared = open_prepared(rows)
    settings = packed_settings(rows, num_shards=shards)
    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        clock = Clock()
        plan = make_plan(prepared, seed=0, num_examples=rows.rows)
        built = build(prepared, plan, settings, Path(folder) / "out", workers=workers)
        spent = clock.spent()
    shards_made = built.manifest["shards"]
    examples = sum(shard["examples"] for shard in shards_made)
    tokens = 2 * examples + sum(sum(shard["tokens"].values()) for shard in shards_made)
    return {
        "workers": workers,
        "rows": examples,
        "shards": len(shards_made),
        "tokens": tokens,
        "wall": spent.wall,
        "cpu": spent.cpu,
        "rows_per_second": examples / spent.wall,
        "tokens_per_second": tokens / spent.wall,
        "tokens_per_cpu_second": tokens / spent.cpu,
        "peak_mb": peak_megabytes(),
        "worker_peak_mb": children_peak_megabytes() if workers > 1 else peak_megabytes(),
        "content": _content(built.manifest),
    }


def _content(manifest: dict[str, Any]) -> str:
    """A hash of all files of a build, which is the same for any number of workers."""
    files = sorted((file["path"], file["sha256"]) for file in manifest["files"])
    return hashlib.sha256(repr(files).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, help="measure bare SentencePiece instead")
    parser.add_argument("--shards", type=int)
    add_arguments(parser)
    args = parser.parse_args()
    if args.threads:
        print_result(threads=args.threads, **pieces(row_set(args), threads=args.threads))
    print_result(**build_with(row_set(args), args.workers, args.shards))


if __name__ == "__main__":
    main()
