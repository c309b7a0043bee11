"""Kills processes that train together at random moments, and compares what is left.

    python -m benchmarks.faults.host_kills --kills 20

Two processes of two devices each train one run on a CPU, as two hosts of a cluster do, joined by
`COORDINATOR_ADDRESS`. One of them is sent a signal: SIGTERM, which both answer by saving and
stopping at the same step, or SIGKILL, after which the other cannot go on, and is killed as cluster
managers do. Both are started again until the run ends. Metrics, parameters and optimizer state must
be those of two processes that nobody disturbed, to the bit. Then a run of two that was killed goes
on as one process with as many devices, and with one device, whose sums have another order: how far
its parameters are from the others' is printed, in parts of the largest of each array, and may be
TOLERANCE at most.
"""

import argparse
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import toy
from benchmarks.faults.training_kills import STEPS, differences, outcome, wait
from flan_tasks.core.counting import counted

HOSTS, DEVICES = 2, 2
SIGNALS = {"SIGKILL": 1, "SIGTERM": 1}
# How far a parameter may be from that of a run on another mesh, in parts of its array's largest.
TOLERANCE = 1e-5
# Seconds that a process has to end by itself when another was signalled.
PATIENCE = {"SIGKILL": 1.0, "SIGTERM": 20.0}


def main() -> int:
    """Runs the campaign; returns 1 if anything differed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("faults_hosts"))
    options = parser.parse_args()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    draw = random.Random(options.seed)
    toy.prepare(folder)
    started = time.monotonic()
    finished(hosts(folder, "whole"))
    startup = (time.monotonic() - started) / 2
    expected = outcome(folder / "whole")
    ends: Counter[str] = Counter()
    differing: list[str] = []
    chains = 0
    while ends.total() < options.kills:
        name = f"chain_{chains}"
        signals = run_chain(folder, name, draw, startup, options.kills, ends)
        problems = differences(expected, outcome(folder / name))
        differing += [f"{name} after {', '.join(signals)}: {problem}" for problem in problems]
        print(f"{name}: {len(signals)} signals, {len(problems)} differences", flush=True)
        chains += 1
    print("| what | times |", "|---|---|", sep="\n")
    for end, count in sorted(ends.items()):
        print(f"| {end} | {count} |")
    print(f"| runs of two processes, each resumed to its end | {chains} |")
    print(f"| differences from the undisturbed run | {len(differing)} |", *differing, sep="\n")
    distances = []
    for devices in (HOSTS * DEVICES, 1):
        distances.append(elsewhere(folder, devices, expected))
        on = f"one process of {counted(devices, 'device')}"
        print(f"| goes on as {on}: farthest parameter | {distances[-1]:.1e} |")
    return bool(differing or max(distances) > TOLERANCE)


def hosts(folder: Path, name: str) -> list[subprocess.Popen]:
    """Starts the processes of a run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = toy.arguments(folder, name, STEPS)
    joined = [f"--gin.COORDINATOR_ADDRESS='{address}'", f"--gin.NUM_PROCESSES={HOSTS}"]
    return [
        toy.flan(folder, [*words, *joined, f"--gin.PROCESS_ID={host}"], devices=DEVICES)
        for host in range(HOSTS)
    ]


def finished(processes: list[subprocess.Popen]) -> None:
    """Waits for processes that nobody disturbs."""
    for process in processes:
        said = process.communicate()[1]
        if process.returncode:
            raise SystemExit(f"a process ended with {process.returncode}: {said[-2000:]}")


def run_chain(
    folder: Path, name: str, draw: random.Random, startup: float, most: int, ends: Counter[str]
) -> list[str]:
    """Starts and signals a run until it ends; returns the signals."""
    sent: list[str] = []
    while True:
        processes = hosts(folder, name)
        if len(sent) == 5 or ends.total() >= most:
            finished(processes)
            return sent
        chosen = draw.choices(list(SIGNALS), list(SIGNALS.values()))[0]
        victim, early = draw.randrange(HOSTS), draw.random() < 0.2
        lines = draw.randrange(1, 8)
        metrics = folder / name / "metrics.jsonl"
        wait(processes[0], metrics, early, draw.random() * startup, lines)
        time.sleep(draw.random() * 0.1)
        if processes[victim].poll() is None:
            processes[victim].send_signal(getattr(signal, chosen))
            sent.append(chosen)
            ends[f"{chosen} to process {victim}: {ended(processes, victim, chosen)}"] += 1
        else:
            finished(processes)
            return sent


def ended(processes: list[subprocess.Popen], victim: int, chosen: str) -> str:
    """Waits for the end of a signalled run, and says how its processes ended."""
    until = time.monotonic() + PATIENCE[chosen]
    while time.monotonic() < until and any(process.poll() is None for process in processes):
        time.sleep(0.05)
    killed = [process for process in processes if process.poll() is None]
    for process in killed:
        process.kill()
    said = [process.communicate()[1] for process in processes]
    if all(process.returncode == 128 + signal.SIGTERM for process in processes):
        return "both stopped, saved"
    if all("step" not in words for words in said):
        return "ended while it started"
    if killed:
        return "the other waited, and was killed"
    codes = sorted({process.returncode for process in processes})
    if codes == [0]:
        return "the run ended first"
    if chosen == "SIGKILL":
        return f"the other ended at once, exits {codes}"
    return f"exits {codes}"


def elsewhere(folder: Path, devices: int, expected: dict[str, Any]) -> float:
    """Kills a run of two processes, ends it as one, and says how far its parameters went."""
    name = f"one_of_{devices}"
    processes = hosts(folder, name)
    wait(processes[0], folder / name / "metrics.jsonl", False, 0.0, 7)
    for process in processes:
        process.kill()
        process.communicate()
    finished([toy.flan(folder, toy.arguments(folder, name, STEPS), devices=devices)])
    arrays = outcome(folder / name)["arrays"]
    return max(
        float(np.abs(arrays[key] - array).max() / max(np.abs(array).max(), 1e-30))
        for key, array in expected["arrays"].items()
        if key.startswith("params")
    )


if __name__ == "__main__":
    sys.exit(main())
