"""Runs every measurement, each in a process of its own, and renders the tables.

`bash benchmarks/build.sh --help` is the way in. Ways that are compared take turns, repetition after
repetition, so that a drift of the machine meets all of them. What fails or takes too long is noted
with its reason, and the run goes on.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.build import tables
from benchmarks.build.lines import read
from benchmarks.build.measure import run_alone

RESULTS = Path("docs/benchmarks.jsonl")
PAGE = Path("docs/benchmarks.md")
_PACKAGES = (
    *("numpy", "pyarrow", "sentencepiece", "tokenizers", "datasets", "trl", "seqio"),
    *("tensorflow", "tensorflow-text", "apache-beam", "protobuf"),
)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    # Rows of the made-up set.
    rows: int
    # Times each way has its turn; the slowest ones have one.
    turns: int
    # Seconds a stream is read for.
    seconds: float
    # Rows of a build by one and by two workers.
    scaling: int
    # Rows of builds whose memory is compared.
    memory: tuple[int, ...]
    # Rows of the plan that is gone through.
    plan: int
    # Splits that are packed.
    splits: tuple[str, ...]
    # Which of task, mixture and user's mixture are read through SeqIO.
    streams: tuple[str, ...]
    # Minutes after which nothing more is begun.
    minutes: float
    # By how much longer than usual a measurement may take before it is ended.
    patience: float = 1.0


FULL = Size(
    rows=20_000,
    turns=3,
    seconds=5.0,
    scaling=240_000,
    memory=(20_000, 200_000, 2_000_000),
    plan=100_000_000,
    splits=("train", "validation", "test"),
    streams=("task", "mixture", "user"),
    minutes=25.0,
)
QUICK = Size(
    rows=1_000,
    turns=1,
    seconds=1.0,
    scaling=4_000,
    memory=(500, 5_000),
    plan=1_000_000,
    splits=("validation",),
    streams=("task",),
    minutes=3.0,
)


@dataclass(frozen=True)
class Step:
    """One measurement."""

    # Which table it belongs to; empty for a preparation.
    table: str
    # What tells it from others of the table.
    labels: Mapping[str, str]
    # Module of this folder, with its options.
    command: tuple[str, ...]
    # Interpreter; None is this one.
    python: str | None = None
    # Seconds until it is given up.
    timeout: float = 180.0
    # Set beside the environment.
    environment: Mapping[str, str] = field(default_factory=dict)


def steps(size: Size, args: argparse.Namespace, work: Path) -> Iterator[Step]:
    """Yields every measurement in the order it is made."""
    shared = ("--work", str(work), "--vocab", str(args.vocab))
    # Filling the store with real rows alone takes a quick run's time.
    real = "real" if args.data_dir and not args.quick else "samples"
    if real == "real":
        shared += ("--data-dir", str(args.data_dir))
    # Of the others one pass: of the embedded rows there are few.
    rows = {"prose": ("--rows", str(size.rows)), "samples": (), "real": ()}
    sets = ("prose",) if args.quick else (real, "prose")
    for name in dict.fromkeys(("samples", real, "prose")):
        of_set = ("--set", name, *rows[name], *shared)
        yield Step("rows", {"set": name}, ("rowsets", *of_set), timeout=400)
    yield from _throughput(size, args, sets, rows, shared, work)
    yield from _first_batches(size, real, shared, ways=("engine", "seqio"))
    yield from _scaling(size, shared)
    for split in size.splits:
        yield Step(
            "packing",
            {"split": split},
            ("packing", "--split", split, "--set", real, *shared),
            timeout=300,
        )
    for count in size.memory:
        command = ("workers", "--workers", "2", "--set", real, "--rows", str(count), *shared)
        yield Step("memory", {"size": f"{count:,}"}, command, timeout=400)
    for what in ("plan", "open", "commands"):
        of_set = ("--set", "prose", *rows["prose"], *shared)
        command = ("times", "--what", what, "--plan-rows", str(size.plan), *of_set)
        yield Step("times", {"what": what}, command)
    yield Step("profile", {"set": "prose"}, ("profile", "--set", "prose", *rows["prose"], *shared))
    if real in sets:
        yield Step("profile", {"set": real}, ("profile", "--set", real, *rows[real], *shared))
    yield from _streams(size, real, shared, ways=("engine",))
    # What takes minutes of processors each comes last, as time may run out.
    yield from _first_batches(size, real, shared, ways=("graph",))
    yield from _streams(size, real, shared, ways=("graph",))
    yield from _caches(args, sets, rows, shared)


def _throughput(size, args, sets, rows, shared, work) -> Iterator[Step]:
    for turn in range(size.turns):
        for name in sets:
            of_set = ("--set", name, *rows[name], *shared)
            folder = work / f"{name}-{rows[name][1] if rows[name] else 'pass'}"
            from_files = ("--rows-folder", str(folder), "--vocab", str(args.vocab))
            for way in ("pieces", "ours", "decoder", "hf", "stream"):
                label = {"set": name, "way": way}
                if way == "stream" and name == "real" and turn > 1:
                    continue  # a minute each
                if way == "hf":
                    command = ("huggingface", *from_files)
                    yield Step("throughput", label, command, python=args.torch_python)
                else:
                    yield Step("throughput", label, ("throughput", "--way", way, *of_set))


def _caches(args, sets, rows, shared) -> Iterator[Step]:
    for name in sets if args.beam_python else ():
        command = ("throughput", "--way", "cache", "--set", name, *rows[name], *shared)
        label = {"set": name, "way": "cache"}
        yield Step("throughput", label, command, python=args.beam_python, timeout=400)


def _first_batches(
    size: Size, real: str, shared: tuple[str, ...], *, ways: tuple[str, ...]
) -> Iterator[Step]:
    for turn in range(size.turns):
        for name in ("samples",) if size is QUICK or real == "samples" else ("samples", "real"):
            for way in ways:
                # Minutes of processors for the last: twice is enough to see what it is.
                if way != "graph" or turn < min(size.turns, 2):
                    command = ("first_batch", "--way", way, "--set", name, *shared)
                    yield Step("first_batch", {"set": name, "way": way}, command, timeout=300)


def _scaling(size: Size, shared: tuple[str, ...]) -> Iterator[Step]:
    pieces = ("workers", "--set", "prose", "--rows", str(size.rows), *shared)
    builds = ("workers", "--set", "prose", "--rows", str(size.scaling), "--shards", "8", *shared)
    for _ in range(min(size.turns, 2)):
        for number in ("1", "2"):
            yield Step(
                "scaling",
                {"what": "build", "number": number},
                (*builds, "--workers", number),
            )
            yield Step(
                "scaling",
                {"what": "pieces", "number": number},
                (*pieces, "--threads", number),
            )


def _streams(
    size: Size, real: str, shared: tuple[str, ...], *, ways: tuple[str, ...]
) -> Iterator[Step]:
    for what in size.streams:
        for way in ways:
            options = ("--what", what, "--way", way, "--seconds", str(size.seconds))
            command = ("streams", *options, "--set", real, *shared)
            yield Step("streams", {"what": what, "way": way}, command, timeout=300)


def about_machine(args: argparse.Namespace) -> dict[str, Any]:
    """Returns what the figures depend on beside the code."""
    pythons = {"main": sys.executable, "beam": args.beam_python, "torch": args.torch_python}
    return {
        **machine.about(),
        "load_before": os.getloadavg()[0],
        "quick": args.quick,
        "versions": {name: _versions(python) for name, python in pythons.items() if python},
    }


def _versions(python: str) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json\n"
        "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        f"print(json.dumps({{n: found[n] for n in {_PACKAGES!r} if n in found}}))"
    )
    return json.loads(machine.output_of(python, "-c", code) or "{}")


def run_all(size: Size, args: argparse.Namespace, work: Path, results: Path) -> None:
    """Makes every measurement and writes a line of JSON for each."""
    start = time.monotonic()
    with results.open("w", encoding="utf-8") as file:

        def note(line: Mapping[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        note({"table": "machine", **about_machine(args)})
        todo = list(steps(size, args, work))
        for number, step in enumerate(todo, start=1):
            elapsed = time.monotonic() - start
            label = {"table": step.table, **step.labels}
            what = f"{step.table} {' '.join(step.labels.values())}"
            if elapsed > 60 * args.minutes:
                note({**label, "failed": "not begun: the time was spent"})
                print(f"[{elapsed:5.0f} s] {number}/{len(todo)} {what}: no time left", flush=True)
                continue
            module, *options = step.command
            found = run_alone(
                [step.python or sys.executable, "-m", f"benchmarks.build.{module}", *options],
                timeout=size.patience * step.timeout,
                environment=step.environment,
            )
            note({**found, **label})
            said = found.get("failed") or f"{found['process']['wall']:.1f} s"
            print(f"[{elapsed:5.0f} s] {number}/{len(todo)} {what}: {said}", flush=True)
        seconds = time.monotonic() - start
        note({"table": "end", "load_after": os.getloadavg()[0], "seconds": seconds})


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bash benchmarks/build.sh", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, tables printed only")
    parser.add_argument("--data-dir", type=Path, help="a TFDS tree with real rows")
    parser.add_argument("--vocab", type=Path, required=True, help="a SentencePiece model")
    parser.add_argument("--beam-python", help="interpreter of an environment with apache-beam")
    parser.add_argument("--torch-python", help="interpreter of an environment with TRL")
    parser.add_argument("--minutes", type=float, help="begin nothing after so many")
    parser.add_argument("--work", type=Path, help="folder for stores and files; a new one if none")
    args = parser.parse_args()
    size = QUICK if args.quick else FULL
    args.minutes = args.minutes or size.minutes
    with tempfile.TemporaryDirectory(prefix="benchmark") as temporary:
        work = (args.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        results = work / "results.jsonl" if args.quick else RESULTS
        run_all(size, args, work, results)
        lines = read(results)
    if args.quick:
        print(tables.as_text(lines))
    else:
        tables.write(lines, PAGE)


if __name__ == "__main__":
    main()
