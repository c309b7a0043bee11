"""What filling the store costs: rows per CPU-second from a tree that TFDS prepared.

    python -m benchmarks.filling --data-dir TFDS_TREE [--made-up 1000000]

Each line is a process of its own that fills a fresh store and ends; CPU-seconds are all of it from
its start, imports among it, and of its children. First the training rows of every dataset that the
tree has, through TFDS and read here, then a made-up dataset of one split, with one process and with
several. `store` is a hash of all files that were stored: what is compared has the same.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.build.measure import run_alone

_FILL = """
import json, sys
from pathlib import Path
from benchmarks.build.measure import children_peak_megabytes, peak_megabytes, print_result
from flan_tasks.datasets import catalog
from flan_tasks.engine.filling import fill
from flan_tasks.engine.run_local import local_runner
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.raw_rows import quiet
from flan_tasks.raw_rows.tfds import TfdsSource
from flan_tasks.store.store import Store

asked = json.loads(sys.argv[1])
quiet.keep_quiet()
if asked["through_tfds"]:
    TfdsSource._tree = None  # as where only TFDS can read it
mixture = catalog().mixture(asked["mixture"])
if asked["limit"]:
    from dataclasses import replace
    mixture = replace(mixture, limit=asked["limit"], cap=asked["limit"])
source, store = SourceChoice("tfds", Path(asked["tree"])), Store(Path(asked["store"]))
if asked["workers"] > 1:
    runner = local_runner(asked["workers"])
    fill(mixture, catalog(), source=source, store=store, split="train", runner=runner)
prepared = prepare(mixture, catalog(), source=source, store=store, allow_missing=True)
files = {one.examples.path: one.examples.rows for one in prepared.ingredients}
print_result(
    rows=sum(files.values()),
    datasets=len(files),
    memory_mb=round(peak_megabytes()),
    worker_memory_mb=round(children_peak_megabytes()),
)
"""


def measure(tree: Path, mixture: str, *, limit: int = 0, workers: int = 1, through_tfds=False):
    """Fills a fresh store and returns what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        asked = {
            "tree": str(tree),
            "store": f"{folder}/store",
            "mixture": mixture,
            "limit": limit,
            "workers": workers,
            "through_tfds": through_tfds,
        }
        found = run_alone([sys.executable, "-c", _FILL, json.dumps(asked)], timeout=3600)
        stored = hashlib.sha256()
        for path in sorted(Path(folder).rglob("*.arrow")):
            stored.update(path.name.encode() + path.read_bytes())
    if "failed" in found:
        return {"failed": found["failed"]}
    spent = found.pop("process")
    return {
        **found,
        "workers": workers,
        "cpu_s": round(spent["cpu"], 2),
        "wall_s": round(spent["wall"], 2),
        "rows_per_cpu_s": round(found["rows"] / spent["cpu"]),
        "store": stored.hexdigest()[:16],
    }


def made_up_tree(root: Path, rows: int) -> Path:
    """Writes a prepared tree of `super_glue/rte` with made-up rows, and returns its root."""
    from tests.builders.prepared_trees import write_rte

    write_rte(root, count=rows)
    return root


def main() -> None:
    """Prints one JSON line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="A prepared tree; without, none is read.")
    parser.add_argument("--mixture", default="all", help="Whose rows are read of it.")
    parser.add_argument("--made-up", type=int, default=1_000_000, help="Rows of the made-up tree.")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.data_dir is not None:
        for through_tfds in (True, False):
            way = "through TFDS" if through_tfds else "read here"
            found = measure(given.data_dir, given.mixture, through_tfds=through_tfds)
            print(json.dumps({"rows_of": given.mixture, "way": way, **found}), flush=True)
    if given.made_up:
        folder = Path(tempfile.mkdtemp())
        try:
            tree = made_up_tree(folder, given.made_up)
            for workers in (1, given.workers):
                found = measure(tree, "rte", limit=2 * given.made_up, workers=workers)
                print(json.dumps({"rows_of": "made up", "way": "read here", **found}), flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
