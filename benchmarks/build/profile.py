"""Where the time of a packed build goes: `python -m benchmarks.build.profile --set prose ...`.

Sampled every two milliseconds of processor time: cProfile's cost for each call makes Python's own
steps look several times dearer (packing took ten times as long under it). `--top N` prints the
functions that take longest besides.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from types import FrameType

from benchmarks.build.measure import print_result
from benchmarks.build.rowsets import add_arguments, row_set
from benchmarks.build.throughput import build

REST = "the rest"
_EVERY = 0.002
# File and function -> the stage it is, unless a function it called is one.
STAGES = {
    ("sentencepiece_model.py", "_lists"): "SentencePiece",
    ("tokenizer_json.py", "_lists"): "tokenizers",
    ("word_table.py", "flat"): "words into ids",
    ("encoding.py", "encode_flat"): "ids into arrays, cut and closed",
    ("encoding.py", "_unknown"): "counting what is unknown",
    ("encoding.py", "control_in"): "counting control tokens",
    ("text_counts.py", "count_by_task"): "counting what is unknown",
    ("encoding.py", "joined"): "ids into arrays, cut and closed",
    ("store.py", "texts"): "columns out of the store",
    ("rows.py", "render_texts"): "rendering",
    ("plan.py", "rows"): "rows of the plan",
    ("packing.py", "pack"): "packing",
    ("packing.py", "lower_bound"): "bounds",
    ("packing.py", "simple_bound"): "bounds",
    ("packed_rows.py", "_encoder_decoder_arrays"): "laying out",
    ("packed_rows.py", "_decoder_arrays"): "laying out",
    ("arrays.py", "write_packed"): "writing",
    ("shard.py", "file_facts"): "hashing",
    ("run_local.py", "_recipe"): "what the bytes depend on, manifest and card",
    ("run_local.py", "_finish"): "what the bytes depend on, manifest and card",
    ("plan.py", "make_plan"): "making the plan",
}


class Sampler:
    """Says in which stage this thread spends the processor's time.

    A signal that arrives during a call into C is handled when that returns, to its caller; so each
    sample counts for all the time since the one before.
    """

    def __init__(self) -> None:
        # Stage -> seconds.
        self.stages: Counter[str] = Counter()
        # Innermost function -> seconds.
        self.functions: Counter[str] = Counter()
        self._last = 0.0

    def __enter__(self) -> "Sampler":
        self._last = time.process_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
        return self

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _sample(self, number: int, frame: FrameType | None) -> None:
        now = time.process_time()
        passed, self._last = now - self._last, now
        if frame is not None:
            self.functions[":".join(_place(frame))] += passed
        inside, stage = False, REST
        while frame is not None:
            place = _place(frame)
            if stage == REST:
                stage = STAGES.get(place, REST)
            # What comes before and after the build is no part of it.
            inside = inside or place == ("run_local.py", "build") or place in _BEFORE
            frame = frame.f_back
        if inside:
            self.stages[stage] += passed


_BEFORE = {("plan.py", "make_plan")}


def _place(frame: FrameType) -> tuple[str, str]:
    return frame.f_code.co_filename.rsplit("/", 1)[-1], frame.f_code.co_name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--top", type=int, default=0)
    add_arguments(parser)
    args = parser.parse_args()
    with Sampler() as sampler:
        found = build(row_set(args))
    for name, seconds in sampler.functions.most_common(args.top):
        print(f"{seconds:8.3f} s  {name}", file=sys.stderr)
    print_result(
        stages={stage: sampler.stages[stage] for stage in (*dict.fromkeys(STAGES.values()), REST)},
        tokens=found["tokens"],
        rows=found["rows"],
    )


if __name__ == "__main__":
    main()
