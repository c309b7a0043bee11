"""Rows and files nobody meant: each is read, or refused by an error of ours.

Rows of every dataset, and files of every kind that is read, are mutated by a seed and given to what
reads them. A case ends well with a result or a FlanTasksError. Any other exception, more seconds or
more memory than a case may take, or a process that dies is a fault; it is printed with the number
that makes it again. Each target runs in a process of its own.

    python -m benchmarks.faults.fuzz                      # 100,000 cases
    python -m benchmarks.faults.fuzz --cases 2000 --only gin,parquet
    python -m benchmarks.faults.fuzz --only rte --first 417 --cases 1    # one of them again
"""

import argparse
import json
import os
import random
import resource
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults.targets import FILES, Case, case_of, row_case
from flan_tasks.core.errors import FlanTasksError

# Of CPU, so that a busy machine is no fault; a native call that sleeps ends by silence.
SECONDS = 10
MEMORY = 2 << 30
# Shares of the cases: all datasets together, then each kind of file.
SHARES = {
    "rows": 0.78,
    "template": 0.03,
    "mixture": 0.03,
    "jsonl": 0.03,
    "csv": 0.03,
    "parquet": 0.03,
    "predictions": 0.02,
    "manifest": 0.02,
    "tokenizer": 0.01,
    "sentencepiece": 0.01,
    "gin": 0.01,
}


class Hang(BaseException):
    """A case took longer than it may; no handler of errors catches it."""


@dataclass(frozen=True)
class Outcome:
    """What the cases of one target came to."""

    # What was fuzzed.
    target: str
    # "read", "skipped", the name of an error of ours, or "FAULT ..." -> cases.
    counts: Counter[str]
    # (number of the case, what happened), the first few.
    faults: tuple[tuple[int, str], ...]
    # Highest memory of its process over that at its start, in MiB.
    memory: int
    # Slowest case, in seconds.
    slowest: float


def run_case(case: Case, target: str, seed: int, number: int) -> str:
    """Runs one case; returns what it came to, a fault with its traceback."""
    draw = random.Random(f"{seed} {target} {number}")
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return case(draw)
    except FlanTasksError as error:
        str(error).encode("utf-8", "backslashreplace")
        return type(error).__name__
    except Hang:
        return f"FAULT hang: over {SECONDS} s of CPU"
    except MemoryError:
        return f"FAULT memory: over {MEMORY >> 20} MiB"
    except BaseException as error:  # noqa: BLE001 - Rust's panics are no Exceptions
        return f"FAULT {type(error).__name__}\n{traceback.format_exc(limit=-6)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _alarm(*_: Any) -> None:
    raise Hang


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _run_cases(target: str, seed: int, numbers: range, folder: Path, out: int) -> None:
    """What the process of a target does: a line of JSON before and after each case."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    os.dup2(sys.stderr.fileno(), 2)
    signal.signal(signal.SIGPROF, _alarm)
    case = case_of(target, folder)
    run_case(case, target, seed, -1)  # what is imported late is not of the first case
    start = _memory()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    for number in numbers:
        before = time.monotonic()
        found = run_case(case, target, seed, number)
        line = [number, found, time.monotonic() - before, _memory() - start]
        os.write(out, json.dumps(line).encode() + b"\n")


def fuzz(target: str, *, seed: int, numbers: range) -> Outcome:
    """Runs the cases of one target; where its process dies, the rest go on in another."""
    counts: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    slowest, memory, following = 0.0, 0, numbers.start
    while following < numbers.stop:
        for number, found, seconds, grown in _lines(target, seed, range(following, numbers.stop)):
            kind, _, more = found.partition("\n")
            counts[kind] += 1
            if kind.startswith("FAULT") and len(faults) < 5:
                faults.append((number, f"{kind}\n{more}"))
            slowest, memory = max(slowest, seconds), max(memory, grown)
            following = number + 1
        if following < numbers.stop:
            counts["FAULT process died"] += 1
            faults.append((following, "FAULT process died"))
            following += 1
    return Outcome(target, counts, tuple(faults[:5]), memory, slowest)


def _lines(target: str, seed: int, numbers: range) -> Iterator[list[Any]]:
    read, write = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                os.chdir(folder)
                _run_cases(target, seed, numbers, Path(folder), write)
            finally:
                os._exit(0)
        os.close(write)
        # Not `select`, which takes no descriptor above 1,023.
        with os.fdopen(read, "rb") as lines, selectors.DefaultSelector() as waiting:
            waiting.register(lines, selectors.EVENT_READ)
            buffered = b""
            # A native call hears no alarm: silence of three times as long ends the process.
            while waiting.select(3 * SECONDS + 60):
                data = os.read(lines.fileno(), 1 << 16)
                if not data:
                    break
                *whole, buffered = (buffered + data).split(b"\n")
                yield from map(json.loads, whole)
            else:
                os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def shares(cases: int, only: list[str]) -> dict[str, int]:
    """How many cases each target gets."""
    from flan_tasks.datasets import names

    if only:
        return dict.fromkeys(only, max(1, cases // len(only)))
    rows = {name: max(1, round(cases * SHARES["rows"] / len(names()))) for name in names()}
    return rows | {name: max(1, round(cases * SHARES[name])) for name in FILES}


def print_outcomes(outcomes: list[Outcome]) -> None:
    """Prints a table: the datasets in one line, each kind of file in its own."""
    rows = [one for one in outcomes if one.target not in FILES]
    listed = [one for one in outcomes if one.target in FILES]
    if rows:
        counts = sum((one.counts for one in rows), Counter())
        faults = tuple(fault for one in rows for fault in one.faults)
        most, slowest = max(o.memory for o in rows), max(o.slowest for o in rows)
        listed.insert(0, Outcome(f"rows of {len(rows)} datasets", counts, faults, most, slowest))
    print("| target | cases | read | skipped | refused | faults | slowest, s | memory, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for one in listed:
        total = sum(one.counts.values())
        faults = sum(n for kind, n in one.counts.items() if kind.startswith("FAULT"))
        read, skipped = one.counts["read"], one.counts["skipped"]
        numbers = (total, read, skipped, total - read - skipped - faults, faults)
        cells = " | ".join(f"{number:,}" for number in numbers)
        print(f"| {one.target} | {cells} | {one.slowest:.2f} | {one.memory} |")
    print(f"\n{sum(sum(o.counts.values()) for o in listed):,} cases")
    for one in outcomes:
        for number, what in one.faults:
            print(f"\n{one.target}, case {number}: {what}")


def main() -> int:
    """Runs the campaign; returns 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", default="", help="targets: kinds of files, datasets")
    chosen = parser.parse_args()
    only = [name for name in chosen.only.split(",") if name]
    row_case("rte")  # imports once what each process of a dataset needs
    outcomes = []
    for target, count in shares(chosen.cases, only).items():
        numbers = range(chosen.first, chosen.first + count)
        outcomes.append(fuzz(target, seed=chosen.seed, numbers=numbers))
        print(f"{target}: {dict(outcomes[-1].counts)}", file=sys.stderr, flush=True)
    print_outcomes(outcomes)
    return int(any(outcome.faults for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
