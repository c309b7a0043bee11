"""Going through a plan of 10^8 rows in blocks: rows per second, memory, and resuming.

    python benchmarks/plan.py
    python benchmarks/plan.py --rows 1e9 --block 65536

The plan is that of the mixture `all`, every dataset with as many examples as `--examples` says
(keys are drawn, as no text is needed to plan). A block is what `Plan.rows` returns at once; a
build asks for 1,024 rows at a time. Resuming is making the plan and asking for the last block.
"""

import argparse
import resource
import time
from dataclasses import dataclass

import numpy as np

from flan_tasks.datasets import catalog
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient
from flan_tasks.plan.shares import largest_remainder

SMALL = 1024


@dataclass(frozen=True, eq=False)
class Keys:
    """Stands in for stored examples and their file, of which a plan needs the keys alone."""

    # A number for each example's key: uint64[examples].
    key_hashes: np.ndarray
    start: int = 0
    chosen: None = None

    @property
    def table(self) -> "Keys":
        return self

    def hashes_at(self, places: np.ndarray) -> np.ndarray:
        return self.key_hashes[places]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--block", type=int, default=1 << 18)
    parser.add_argument("--examples", type=int, default=30_000)
    args = parser.parse_args()
    rows = int(args.rows)
    before = peak_megabytes()
    start = time.perf_counter()
    plan = make(rows, args.examples)
    made = time.perf_counter() - start
    plan.rows(rows - SMALL, rows)
    resumed = time.perf_counter() - start
    print(f"tasks                      {len(plan.ingredients):12,d}")
    print(f"making the plan            {made:12.3f} s")
    print(f"resuming at the end        {resumed:12.3f} s (with making it)")
    for block, limit in ((SMALL, min(rows, SMALL * 2000)), (args.block, rows)):
        wall, cpu = time.perf_counter(), time.process_time()
        seen = go_through(plan, limit, block)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"blocks of {block:9,d}        {limit / cpu / 1e6:12.2f} M rows/CPU-s, "
            f"{limit:,} rows in {wall:.1f} s"
        )
        if limit == rows:
            assert seen.tolist() == list(plan.counts), "rows of each task are not those planned"
    print(f"peak memory                {peak_megabytes():12.0f} MB, {before:.0f} of it imports")


def make(rows: int, examples: int) -> Plan:
    """Returns a plan of all datasets, equally large."""
    found = catalog()
    datasets = [d for d in found.members(found.mixture("all")) if d.is_trained_on]
    random = np.random.default_rng(0)
    items = tuple(
        Ingredient(
            dataset,
            Keys(random.integers(0, 1 << 64, examples, np.uint64)),
            examples,
            tuple(found.templates(dataset.name)),
            rate=3000.0,
        )
        for dataset in datasets
    )
    return Plan(items, 0, tuple(largest_remainder([i.rate for i in items], rows)))


def go_through(plan: Plan, rows: int, block: int) -> np.ndarray:
    """Asks for every row and returns how many each task has."""
    seen = np.zeros(len(plan.ingredients), np.int64)
    for start in range(0, rows, block):
        found = plan.rows(start, min(start + block, rows))
        seen += np.bincount(found.task, minlength=len(seen))
    return seen


def peak_megabytes() -> float:
    """Most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
