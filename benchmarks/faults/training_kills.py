"""Kills a training run at random moments, and compares what is left with the undisturbed run.

    python -m benchmarks.faults.training_kills --kills 50

A chain is one run, started again after each signal until it ends. Its parameters and optimizer
state must be those of the undisturbed run to the bit, and its metrics.jsonl the same line by line,
but for rates of time. The seed decides the signals and how long they wait; what a process does at
that moment is up to the machine.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import toy

STEPS = 60
# Chance of each signal.
SIGNALS = {"SIGKILL": 5, "SIGTERM": 3, "SIGHUP": 1, "SIGINT": 1}
# Of the clock, which no two runs share.
TIMES = ("steps_per_second", "tokens_per_second", "mfu")


def main() -> int:
    """Runs the campaign; returns 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("faults_training"))
    options = parser.parse_args()
    for name in SIGNALS:
        # As nohup, or a shell that starts it in the background, has it; runs would inherit it.
        if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    if options.folder.exists():
        shutil.rmtree(options.folder)
    folder = options.folder.absolute()
    draw = random.Random(options.seed)
    toy.prepare(folder)
    started = time.monotonic()
    whole = toy.flan(folder, toy.arguments(folder, "whole", STEPS))
    said = whole.communicate()[1]
    if whole.returncode:
        print(said, file=sys.stderr)
        return 1
    startup = (time.monotonic() - started) / 2
    expected = outcome(folder / "whole")
    ends: Counter[str] = Counter()
    chains, differing = [], []
    while sum(count for end, count in ends.items() if "sent" not in end) < options.kills:
        name = f"chain_{len(chains)}"
        chain = run_chain(folder, name, draw, startup, options.kills, ends)
        if (folder / name / f"checkpoint_{STEPS}").is_dir():
            problems = differences(expected, outcome(folder / name))
        else:
            problems = ["the run did not reach its end"]
        chains.append(chain)
        differing += [f"{name} after {', '.join(chain)}: {problem}" for problem in problems]
        print(f"{name}: {len(chain)} signals, {len(problems)} differences", *problems, flush=True)
        if not problems:  # else it stays, to be looked into
            shutil.rmtree(folder / name)
    print(report(ends, chains, differing))
    return bool(differing or any("bad" in end for end in ends))


def run_chain(
    folder: Path,
    name: str,
    draw: random.Random,
    startup: float,
    most: int,
    ends: Counter[str],
) -> list[str]:
    """Starts and signals a run until it ends; returns the signals."""
    sent: list[str] = []
    while True:
        process = toy.flan(folder, toy.arguments(folder, name, STEPS))
        kills = sum(count for end, count in ends.items() if "sent" not in end)
        if len(sent) < 8 and kills < most:
            chosen = draw.choices(list(SIGNALS), list(SIGNALS.values()))[0]
            early, share, lines = draw.random() < 0.25, draw.random(), draw.randrange(1, 8)
            wait(process, folder / name / "metrics.jsonl", early, share * startup, lines)
            if process.poll() is None:
                time.sleep(draw.random() * 0.1)
                process.send_signal(getattr(signal, chosen))
                said = process.communicate()[1]
                sent.append(chosen)
                ends[judged(chosen, process.returncode, said)] += 1
                continue
        said = process.communicate()[1]
        if process.returncode:
            ends[f"bad: exit {process.returncode} without a signal: {said[-300:]}"] += 1
        return sent


def wait(process: Any, metrics: Path, early: bool, seconds: float, lines: int) -> None:
    """Waits for a moment of the start, or for some lines of metrics and a moment more."""
    before = count_lines(metrics)
    end = time.monotonic() + seconds
    while process.poll() is None:
        if early and time.monotonic() > end:
            return
        if not early and count_lines(metrics) >= before + lines:
            return
        time.sleep(0.005)


def count_lines(path: Path) -> int:
    """How many lines a file has now."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def judged(name: str, code: int, said: str) -> str:
    """Says how a process ended, and whether that is right."""
    number = int(getattr(signal, name))
    if code == 0:
        return f"{name} sent in the last moments: exit 0"
    if name == "SIGKILL":
        return "SIGKILL" if code == -9 else f"bad: SIGKILL, exit {code}"
    if code == -number:
        return f"{name} before Python ran our code: exit {code}"
    # Before the first step the command line says it, as of every command; after it the trainer.
    told = f"stopped by {name}" in said or (name == "SIGINT" and "interrupted" in said)
    if code != 128 + number or not told or "Traceback" in said:
        return f"bad: {name}, exit {code}: {said[-300:]}"
    return f"{name}: message and exit {code}"


def outcome(folder: Path) -> dict[str, Any]:
    """Metrics and arrays of a finished run."""
    import jax
    import orbax.checkpoint as ocp
    from jax.tree_util import keystr, tree_leaves_with_path

    lines = [
        {k: v for k, v in json.loads(line).items() if k not in TIMES}
        for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    arrays = {}
    for item in ("params", "optimizer"):
        place = folder / f"checkpoint_{STEPS}" / item
        handler = ocp.PyTreeCheckpointHandler()
        # As arrays of NumPy, of whatever devices they were.
        as_numpy = jax.tree.map(
            lambda _: ocp.RestoreArgs(restore_type=np.ndarray), handler.metadata(place).tree
        )
        tree = handler.restore(place, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
        for path, leaf in tree_leaves_with_path(tree):
            arrays[item + keystr(path)] = np.asarray(leaf)
    curve = (folder / "loss_curve.svg").read_text()
    return {"lines": lines, "arrays": arrays, "curve": curve}


def differences(whole: dict[str, Any], chain: dict[str, Any]) -> list[str]:
    """Says what of a chain is not as in the undisturbed run."""
    problems = []
    if whole["lines"] != chain["lines"]:
        steps = [[(line["kind"], line["step"]) for line in run["lines"]] for run in (whole, chain)]
        other = [a for a, b in zip(whole["lines"], chain["lines"], strict=False) if a != b]
        problems.append(f"metrics.jsonl: {steps[0] != steps[1]=}, first other line {other[:1]}")
    if whole["curve"] != chain["curve"]:
        problems.append("loss_curve.svg")
    names = {*whole["arrays"], *chain["arrays"]}
    other = [
        name
        for name in sorted(names)
        if not np.array_equal(whole["arrays"].get(name), chain["arrays"].get(name))
    ]
    if other:
        problems.append(f"{len(other)} of {len(names)} arrays, first {other[0]}")
    return problems


def report(ends: Counter[str], chains: list[list[str]], differing: list[str]) -> str:
    """The table of the campaign."""
    rows = [f"| {end} | {count} |" for end, count in sorted(ends.items())]
    rows += [
        f"| chains, each resumed to the end | {len(chains)} |",
        f"| most signals in a chain | {max(map(len, chains))} |",
        f"| differences in metrics, picture, parameters or optimizer state | {len(differing)} |",
    ]
    return "\n".join(["| what | times |", "|---|---|", *rows, *differing])


if __name__ == "__main__":
    sys.exit(main())
