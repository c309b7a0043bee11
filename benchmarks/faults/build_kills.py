"""Kills builds at random moments, goes on with the same command, and compares the bytes.

    python -m benchmarks.faults.build_kills --kills 450 --seed 0 --jobs 2

A chain is a build of the embedded rows of one dataset (240 rows in 6 shards, a new store), in a
format and with a number of workers that are drawn. It is disturbed one to six times, each time at
a moment drawn evenly from the start of its process to the time an undisturbed one took: SIGKILL to
the process, to one of its workers or to the whole group; SIGTERM, SIGINT, SIGHUP or SIGQUIT to the
process or to the group. Then the same command runs to its end. Looked at are

- after each: that no process is left, that stderr holds no traceback and no line of a library about
  what was leaked or ignored, that the exit code is the one documented, and that every file that
  has its name is whole;
- after the last: that the files are those of the undisturbed build, byte for byte, that what
  `flan verify` does finds nothing, and which temporary files are left in the build and the store.

It prints a table and the failures, each with the chain it was in (moments are times, so a chain
repeats only roughly), and exits with 1 where there are any.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from flan_tasks.core.errors import BuildError
from flan_tasks.engine.verification import verify

# Format -> how often it is drawn: those that import TensorFlow take most of their time for that.
FORMATS = {
    **dict.fromkeys(("jsonl", "parquet", "arrays"), 8),
    **dict.fromkeys(("tfrecord", "packed-tfrecord", "arrayrecord", "seqio-cache"), 1),
}
PROCESS, WORKER, GROUP = "process", "worker", "group"
KINDS = (
    (signal.SIGKILL, PROCESS),
    (signal.SIGKILL, WORKER),
    (signal.SIGKILL, GROUP),
    *((n, PROCESS) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)),
    *((n, GROUP) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)),
)
KIND_WEIGHTS = (4, 4, 4, 2, 2, 1, 1, 2, 2, 1, 1)
NOISE = ("Traceback", "leaked", "ignored in", "resource_tracker", "Fatal Python error")
# Seconds within which every process of a build must be gone.
GONE = 10.0


@dataclass
class Kill:
    """One disturbance and what became of it."""

    signal: int
    target: str
    # Of the time an undisturbed build takes.
    moment: float
    outcome: str = ""
    # Seconds until no process was left.
    gone: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return f"{signal.Signals(self.signal).name} to {self.target}"


class Builds:
    """Runs one build in processes of their own."""

    def __init__(self, place: Path, form: str, workers: int) -> None:
        self.place, self.form, self.workers = place, form, workers
        self.out = place / "out"

    def start(self, out: Path | None = None) -> subprocess.Popen:
        words = ["--examples", "240", "--shards", "6", "--vocab", "bytes", "--format", self.form]
        return subprocess.Popen(
            [sys.executable, "-m", "flan_tasks", "build", "rte", "--source", "samples"]
            + [*words, "--workers", str(self.workers), "--out", str(out or self.out)],
            env=os.environ | {"FLAN_TASKS_STORE": str(self.place / "store")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def members(session: int) -> dict[int, str]:
    """Living processes of a session: number -> command line."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state not in "ZX":
                found[int(place.name)] = (place / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def temporary(folder: Path) -> list[str]:
    return sorted(
        str(p.relative_to(folder))
        for p in folder.rglob("*")
        if p.is_file() and (".tmp" in p.name or p.name.startswith("tmp") or ".partial" in p.name)
    )


def disturb(builds: Builds, kill: Kill, seconds: float, whole: dict[str, bytes]) -> None:
    """Starts the build, signals it, and looks at what is left."""
    process = builds.start()
    due = time.monotonic() + kill.moment * seconds
    while process.poll() is None and time.monotonic() < due:
        time.sleep(0.001)
    struck = _strike(process, kill)
    since = time.monotonic()
    try:
        _, said = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        kill.problems.append("still there after 60 s")
        os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
    while (left := members(process.pid)) and time.monotonic() - since < GONE:
        time.sleep(0.002)
    kill.gone = time.monotonic() - since
    if left:
        kill.problems.append(f"processes left: {left}")
        os.killpg(process.pid, signal.SIGKILL)
    _judge(builds, kill, process.returncode, said, struck=struck)
    for name, content in files(builds.out).items() if builds.out.is_dir() else ():
        if not name.startswith(".progress") and ".tmp" not in name and content != whole.get(name):
            kill.problems.append(f"{name} has its name and is not whole")


def _strike(process: subprocess.Popen, kill: Kill) -> bool:
    """Sends the signal; returns whether there was somebody to get it."""
    while process.poll() is None:
        if kill.target != WORKER:
            (os.killpg if kill.target == GROUP else os.kill)(process.pid, kill.signal)
            return True
        workers = [n for n, words in members(process.pid).items() if "worker_process" in words]
        if workers:
            try:
                os.kill(max(workers), kill.signal)
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.001)
    return False


def _judge(builds: Builds, kill: Kill, code: int, said: str, *, struck: bool) -> None:
    if code == 0:
        kill.outcome = "was done"
        if struck and kill.target != WORKER and kill.gone > 2:
            kill.problems.append(f"went on for {kill.gone:.1f} s")
        if not (builds.out / "manifest.json").exists():
            kill.problems.append("exit code 0 without a manifest")
    elif kill.signal == signal.SIGKILL and kill.target == WORKER:
        kill.outcome = "said that a worker died"
        if code != 1 or "died: signal 9" not in said:
            kill.problems.append(f"exit code {code}, said {said[-500:]!r}")
    elif kill.signal == signal.SIGKILL:
        kill.outcome = "ended without a word"
        if code != -signal.SIGKILL:
            kill.problems.append(f"exit code {code}")
    elif code == 128 + kill.signal:
        kill.outcome = "said that it stopped"
        if "what is complete is kept" not in said:
            kill.problems.append(f"said {said[-500:]!r}")
    elif code == -kill.signal or (kill.signal == signal.SIGINT and "KeyboardInterrupt" in said):
        # In the first hundredths of a second there is only Python, which has its own ways.
        kill.outcome = "ended before our first line"
        if "/flan_tasks/cli/" in said or (builds.out / "manifest.json").exists():
            kill.problems.append(f"no handler stood at {kill.moment:.2f}: {said[-1500:]}")
        return
    else:
        kill.problems.append(f"exit code {code}, said {said[-500:]!r}")
    kill.problems += [f"printed {word!r}: {said[-1500:]}" for word in NOISE if word in said]


# What a chain gives: its name, its kills, what is wrong at the end, what is left in the store.
Chain = tuple[str, list[Kill], list[str], list[str]]


class Campaign:
    """Chains of kills, some at a time."""

    def __init__(self, seed: int, place: Path, formats: Sequence[str]) -> None:
        self._seed, self._place, self._formats = seed, place, formats
        self._whole: dict[str, dict[str, bytes]] = {}
        self._seconds: dict[str, float] = {}

    def measure(self) -> None:
        """Builds each form undisturbed with two workers, for its bytes and its time."""
        for form in self._formats:
            place = self._place / f"whole-{form}"
            builds = Builds(place, form, 2)
            place.mkdir()
            start = time.monotonic()
            with builds.start() as process:
                _, said = process.communicate()
            assert process.returncode == 0, said
            self._seconds[form] = time.monotonic() - start
            self._whole[form] = files(builds.out)

    def chain(self, number: int) -> Chain:
        """Runs one chain."""
        draw = random.Random(f"{self._seed} {number}")
        (form,) = draw.choices(self._formats, [FORMATS[name] for name in self._formats])
        workers = draw.choice((1, 2, 3))
        place = self._place / f"chain-{number}"
        place.mkdir()
        builds, kills = Builds(place, form, workers), []
        for _ in range(draw.randint(1, 6)):
            number_and_target = draw.choices(KINDS, KIND_WEIGHTS)[0]
            while workers == 1 and number_and_target[1] == WORKER:
                number_and_target = draw.choices(KINDS, KIND_WEIGHTS)[0]
            kill = Kill(*number_and_target, draw.uniform(0, 1))
            disturb(builds, kill, self._seconds[form], self._whole[form])
            kills.append(kill)
            if (builds.out / "manifest.json").exists():
                break
        problems = []
        with builds.start() as process:
            _, said = process.communicate()
        if process.returncode:
            problems.append(f"the same command ended with {process.returncode}: {said[-500:]}")
        elif files(builds.out) != self._whole[form]:
            problems.append("the files are not those of the undisturbed build")
        else:
            try:
                verify(builds.out)
            except BuildError as error:
                problems.append(str(error))
        problems += [f"left in the build: {name}" for name in temporary(builds.out)]
        left = temporary(place / "store")
        shutil.rmtree(place)
        return (
            f"chain {number} of seed {self._seed}: {form}, {workers} workers",
            kills,
            problems,
            left,
        )

    def run(self, num_kills: int, jobs: int, minutes: float) -> Iterator[Chain]:
        """Runs chains until there were that many kills, or so many minutes are over."""
        until = time.monotonic() + 60 * minutes
        done, number = 0, 0
        with ThreadPoolExecutor(jobs) as pool:
            running = set()
            while done < num_kills and time.monotonic() < until:
                while len(running) < jobs:
                    running.add(pool.submit(self.chain, number))
                    number += 1
                ready = [one for one in running if one.done()]
                for one in ready:
                    running.remove(one)
                    found = one.result()
                    done += len(found[1])
                    yield found
                time.sleep(0.01)
            for one in running:
                yield one.result()


def print_tables(kills: list[Kill], chains: int, left: list[str]) -> None:
    moments = ("0-25 %", "25-50 %", "50-75 %", "75-100 %")
    outcomes = sorted({kill.outcome for kill in kills})
    rows: dict[str, Counter] = defaultdict(Counter)
    for kill in kills:
        rows[kill.kind].update([moments[min(3, int(kill.moment * 4))], kill.outcome])
    columns = [*moments, *outcomes]
    print("| kill | number |", " | ".join(columns), "|")
    print("|---|---|" + "---|" * len(columns))
    for kind, counts in sorted(rows.items()):
        number = sum(counts[moment] for moment in moments)
        print(f"| {kind} | {number} |", " | ".join(str(counts[c]) for c in columns), "|")
    gone = sorted(kill.gone for kill in kills)
    print(
        f"\n{len(kills)} kills in {chains} chains; no process left after "
        f"{gone[len(gone) // 2]:.2f} s (median), {gone[-1]:.2f} s (longest)"
    )
    print(f"temporary files left in stores: {len(left)} {left[:3]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=450)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="Chains at a time.")
    parser.add_argument("--format", action="append", choices=FORMATS, help="Only this; again.")
    parser.add_argument("--minutes", type=float, default=1e6, help="Begin no chain after these.")
    parser.add_argument("--log", type=Path, help="Each kill as a line of JSON.")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        # As nohup, or a shell that starts it in the background, has it; builds would inherit it.
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    kills: list[Kill] = []
    failures: list[str] = []
    left: list[str] = []
    chains = 0
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(options.seed, Path(place), options.format or list(FORMATS))
        campaign.measure()
        for name, its_kills, problems, its_left in campaign.run(
            options.kills, options.jobs, options.minutes
        ):
            chains += 1
            kills += its_kills
            left += its_left
            for kill in its_kills:
                problems += [f"{kill.kind} at {kill.moment:.2f}: {text}" for text in kill.problems]
                if options.log:
                    with options.log.open("a") as file:
                        file.write(json.dumps({"chain": name, **vars(kill)}) + "\n")
            failures += [f"{name}: {text}" for text in problems]
            for text in problems:
                print(f"{name}: {text}", file=sys.stderr, flush=True)
    print_tables(kills, chains, left)
    print(f"{len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
