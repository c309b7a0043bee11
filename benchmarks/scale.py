"""A build of 10⁸ rows: planned whole, built for a while, stopped, and reckoned up from that.

    python -m benchmarks.scale --place DIR --vocab spiece.model

The store holds `--distinct` made-up examples of one dataset (`benchmarks/made_up_store.py`), of
which a build of `--rows` rows is begun by `flan build --workers N` and stopped after `--seconds`.
Shards that are whole by then are counted, with the bytes of their files; processor seconds are
those of all processes of the command, memory is the most that each held at once, looked at four
times a second. What the whole build would take is their rate times what is left, which takes for
granted that later shards are like the first: rows of any shard are drawn from the whole store.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import families

_TASKS = 100
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK = 0.25


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--place", type=Path, required=True, help="folder for store and build")
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--distinct", type=float, default=1e7, help="examples in the store")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--order", default="random", choices=["random", "blocks"])
    parser.add_argument("--vocab", default="bytes")
    args = parser.parse_args()
    place, distinct = args.place.resolve(), int(args.distinct)
    families.write(place, distinct, _TASKS)
    if not list((place / "store").glob("plain-*")):
        families.run(["-m", "benchmarks.made_up_store", "plain", str(distinct), str(_TASKS)], place)
    words = [
        *("build", "all_plain", "--module", "made_up_module", "--store", "store"),
        *("--examples", str(int(args.rows)), "--format", "arrays", "--no-report"),
        *("--vocab", args.vocab, "--order", args.order),
        *("--workers", str(args.workers), "--out", f"build-{args.order}"),
    ]
    found = run_for(words, place, args.seconds)
    about = {"rows": int(args.rows), "distinct": distinct, "workers": args.workers}
    print(json.dumps({**about, "order": args.order, **reckoned(found, int(args.rows))}, indent=1))


def run_for(words: list[str], place: Path, seconds: float) -> dict[str, float]:
    """Runs `flan` for so long, stops it, and returns what was done and held."""
    path = os.pathsep.join([str(families.ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path.strip(os.pathsep)}
    out = place / words[-1]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "flan_tasks", *words]
    with (place / "build.log").open("w") as log:
        running = subprocess.Popen(command, cwd=place, env=env, stdout=log, stderr=log)
        most: dict[int, int] = {}
        first = 0.0
        while running.poll() is None and time.perf_counter() - start < seconds:
            for process in family_of(running.pid):
                most[process] = max(most.get(process, 0), own_bytes(process))
            if not first and any(notes(out)):
                first = time.perf_counter() - start
            time.sleep(_LOOK)
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)  # a shell may have it ignore SIGINT
        running.wait()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    done = list(notes(out))
    command_mb = most.pop(running.pid, 0) / 1e6
    return {
        "wall_s": round(wall, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "first_shard_s": round(first, 1),
        "shards": len(done),
        "rows_built": sum(note["examples"] for note in done),
        "bytes": sum(file["bytes"] for note in done for file in note["files"]),
        "command_mb": round(command_mb),
        "worker_mb": round(max(most.values(), default=0) / 1e6),
    }


def reckoned(found: dict[str, float], rows: int) -> dict[str, float]:
    """Adds what the whole build would take, from what of it was built."""
    if not found["rows_built"]:
        return found
    share = rows / found["rows_built"]
    return {
        **found,
        "rows_per_cpu_s": round(found["rows_built"] / found["cpu_s"]),
        "whole_hours": round(found["wall_s"] * share / 3600, 2),
        "whole_gb": round(found["bytes"] * share / 1e9, 1),
    }


def notes(build: Path) -> Iterator[dict]:
    """Yields what is known of each shard that is whole."""
    names = ("train-*.json", "data--*.json")
    for path in [path for name in names for path in (build / ".progress").glob(name)]:
        yield json.loads(path.read_text(encoding="utf-8"))
    if (build / "manifest.json").exists():  # it was faster
        manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
        yield {"examples": manifest["examples"], "files": manifest["files"]}


def family_of(process: int) -> list[int]:
    """A process and all that it began."""
    found = [process]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += map(int, children.split())
    return found


def own_bytes(process: int) -> int:
    """Memory of a process that is its own: what it maps of the store is not counted."""
    try:
        size = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return (int(size[1]) - int(size[2])) * _PAGE


if __name__ == "__main__":
    main()
