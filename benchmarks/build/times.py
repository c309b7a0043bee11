"""Planning and going on: seconds to plan, to resume, to know a finished build, and to open one.

python -m benchmarks.build.times --what plan --plan-rows 1e8
python -m benchmarks.build.times --what open --set prose --rows 20000 --work DIR --vocab FILE
"""

import argparse
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.build.measure import Clock, peak_megabytes, print_result
from benchmarks.build.rowsets import (
    RowSet,
    add_arguments,
    open_prepared,
    packed_settings,
    row_set,
)

_BLOCK = 1 << 18
_BATCH = 256


def plan_times(rows: int) -> dict[str, Any]:
    """Goes through a plan of the mixture all, every dataset with 30,000 examples."""
    from benchmarks.plan import SMALL, go_through, make

    clock = Clock()
    plan = make(rows, 30_000)
    made = clock.spent()
    clock = Clock()
    plan.rows(rows - SMALL, rows)
    resumed = clock.spent()
    clock = Clock()
    seen = go_through(plan, rows, _BLOCK)
    through = clock.spent()
    assert seen.tolist() == list(plan.counts), "rows of each task are not those planned"
    return {
        "rows": rows,
        "tasks": len(plan.ingredients),
        "make": made.wall,
        "last_block": resumed.wall,
        "through": through.wall,
        "rows_per_cpu_second": rows / through.cpu,
        "peak_mb": peak_megabytes(),
    }


def open_times(rows: RowSet) -> dict[str, Any]:
    """Builds a set once, then knows it again, opens it and reads at any step."""
    import flan_tasks
    from flan_tasks.engine.run_local import build
    from flan_tasks.plan.plan import make_plan

    clock = Clock()
    prepared = open_prepared(rows)
    from_store = clock.spent()
    settings = packed_settings(rows, num_shards=64)
    out = rows.folder / "build"
    plan = make_plan(prepared, seed=0, num_examples=rows.rows)
    build(prepared, plan, settings, out)
    clock = Clock()
    again = build(prepared, plan, settings, out)
    known = clock.spent()
    assert again.was_there
    clock = Clock()
    reader = flan_tasks.open(out)
    opened = clock.spent()
    clock = Clock()
    reader.batch(0, _BATCH)
    first = clock.spent()
    clock = Clock()
    reader.batch(10**9, _BATCH)
    far = clock.spent()
    steps = 50
    clock = Clock()
    for step in range(steps):
        reader.batch(step, _BATCH)
    return {
        "packed_rows": len(reader),
        "prepare": from_store.wall,
        "known_again": known.wall,
        "open": opened.wall,
        "first_batch": first.wall,
        "step_1e9": far.wall,
        "batches_per_second": steps / clock.spent().wall,
        "peak_mb": peak_megabytes(),
    }


def command_times() -> dict[str, Any]:
    """Runs light commands, each five times; returns the median seconds of each."""
    found = {}
    for command in ("--help", "list"):
        code = "from flan_tasks.cli.start import main; main()"
        seconds = []
        for _ in range(5):
            clock = Clock()
            subprocess.run(
                [sys.executable, "-c", code, command], stdout=subprocess.DEVNULL, check=True
            )
            seconds.append(clock.spent().wall)
        found[f"flan {command}"] = statistics.median(seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=("plan", "open", "commands"), required=True)
    parser.add_argument("--plan-rows", type=float, default=1e8)
    add_arguments(parser)
    args = parser.parse_args()
    if args.what == "plan":
        print_result(**plan_times(int(args.plan_rows)))
    if args.what == "commands":
        print_result(**command_times())
    print_result(**open_times(row_set(args)))


if __name__ == "__main__":
    main()
