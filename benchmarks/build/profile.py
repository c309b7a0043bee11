"""Where the time of a packed build goes: `python -m benchmarks.build.profile --set prose ...`.

cProfile's own cost falls on Python's calls, of which the large steps make few; the shares are those
of the profiled run. `--top N` prints the functions that take longest besides.
"""

import argparse
import cProfile
import io
import pstats
import sys

from benchmarks.build.measure import print_result
from benchmarks.build.rowsets import add_arguments, row_set
from benchmarks.build.throughput import build

# Stage -> functions whose whole time is its time, less that of the stages they call.
STAGES = {
    "SentencePiece": [("vocabulary.py", "_lists")],
    "ids into arrays, cut and closed": [("vocabulary.py", "encode_flat")],
    "columns out of the store": [("store.py", "texts")],
    "rendering": [("rows.py", "render_texts")],
    "rows of the plan": [("plan.py", "rows")],
    "packing": [("packing.py", "pack")],
    "bounds": [("packing.py", "lower_bound"), ("packing.py", "simple_bound")],
    "laying out": [("packed.py", "_encoder_decoder_arrays"), ("packed.py", "_decoder_arrays")],
    "writing": [("arrays.py", "write_packed")],
    "hashing": [("shard.py", "file_facts")],
    "waiting for the disk": [("~", "<built-in method posix.fsync>")],
}
_WITHIN = {
    "ids into arrays, cut and closed": ("SentencePiece",),
    "rendering": ("columns out of the store",),
}
WHOLE = ("run_local.py", "build")


def stage_seconds(stats: pstats.Stats) -> dict[str, float]:
    """Returns seconds of each stage, and of the rest."""
    found = {stage: sum(_seconds(stats, *one) for one in ones) for stage, ones in STAGES.items()}
    # lower_bound calls simple_bound.
    found["bounds"] = _seconds(stats, "packing.py", "lower_bound")
    for stage, inner in _WITHIN.items():
        found[stage] -= sum(found[one] for one in inner)
    whole = _seconds(stats, *WHOLE)
    return {**found, "the rest": whole - sum(found.values())}


def _seconds(stats: pstats.Stats, file: str, function: str) -> float:
    return sum(
        cumulative
        for (path, _, name), (_, _, _, cumulative, _) in stats.stats.items()
        if name == function and path.rsplit("/", 1)[-1] == file
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--top", type=int, default=0)
    add_arguments(parser)
    args = parser.parse_args()
    profiler = cProfile.Profile()
    profiler.enable()
    found = build(row_set(args))
    profiler.disable()
    stats = pstats.Stats(profiler, stream=io.StringIO())
    seconds = stage_seconds(stats)
    if args.top:
        stats.stream = sys.stdout
        stats.sort_stats("tottime").print_stats(args.top)
    print_result(stages=seconds, tokens=found["tokens"], rows=found["rows"])


if __name__ == "__main__":
    main()
