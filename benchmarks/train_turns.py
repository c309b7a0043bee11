"""Training steps of T5 1.1 and of transformers' in turns, on a machine that others may use too.

    python -m benchmarks.train_turns --torch-python VENV/bin/python
    python -m benchmarks.train_turns --torch-python VENV/bin/python --before OTHER/CHECKOUT

All processes are started and warmed, and then take one step each in turn, so that what else the
machine does meets all alike. Figures are ratios of one round: the clock, and the seconds of
processors that a step took, which other work changes less. Examples and ways are those of `train`;
`--before` is the step of another checkout beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.train_data import BATCHES, write_data

ROOT = Path(__file__).parent.parent
OURS, DENSE, GROUPED, BEFORE = "ours", "theirs dense", "theirs grouped", "ours before"


class Worker:
    """A process that takes a step for each line it reads."""

    def __init__(self, command: list[str], root: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [*command, "--turns"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=root,
        )
        self.step()  # once it is warm

    def step(self) -> dict[str, Any]:
        """Has it take a step; returns `seconds`, `cpu`, `useful` and `positions`."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a process ended with {self._process.wait()} before its step")
        return json.loads(line)

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def report(rounds: list[dict[str, dict[str, Any]]]) -> str:
    """Tables: of seconds by way, and of ratios to ours by round."""
    lines = ["| way | step, s, median (least to most) | CPU s | useful tokens a CPU s |"]
    lines.append("|---|---|---|---|")
    for way in rounds[0]:
        seconds, cpu = ([one[way][name] for one in rounds] for name in ("seconds", "cpu"))
        useful = sum(one[way]["useful"] for one in rounds) / sum(cpu)
        lines.append(f"| {way} | {spread(seconds)} | {spread(cpu)} | {useful:,.0f} |")
    lines += ["", "| ours over | rate of | by the clock | by CPU seconds |", "|---|---|---|---|"]
    for way, rate in ((DENSE, "positions"), (GROUPED, "useful"), (BEFORE, "positions")):
        if way not in rounds[0]:
            continue
        shown = []
        for clock in ("seconds", "cpu"):
            rates = [
                {name: one[name][rate] / one[name][clock] for name in (OURS, way)} for one in rounds
            ]
            shown.append(spread([one[OURS] / one[way] for one in rates]))
        lines.append(f"| {way} | {rate} | {' | '.join(shown)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """The median, with the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="mini", help="of T5 1.1")
    parser.add_argument("--lengths", default="512,64", help="tokens of inputs, of targets")
    parser.add_argument("--rows", type=int, default=4, help="packed rows a batch")
    parser.add_argument("--rounds", type=int, default=10, help="steps of each")
    parser.add_argument("--dtype", default="float32", choices=["bfloat16", "float32"])
    parser.add_argument("--their-attention", default="sdpa", help="of transformers")
    parser.add_argument("--torch-python", help="Python with torch and transformers")
    parser.add_argument("--before", type=Path, help="another checkout, with these benchmarks")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    limits = tuple(int(part) for part in given.lengths.split(","))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        about = write_data(data, given.rows * BATCHES, limits, given.seed)
        common = [str(data), f"--size={given.size}", f"--dtype={given.dtype}"]
        common.append(f"--steps={given.rounds}")
        ours = [sys.executable, "-m", "benchmarks.train_ours", *common, f"--rows={given.rows}"]
        ours += ["--attention=xla"]
        workers = {OURS: Worker(ours, ROOT)}
        if given.before:
            workers[BEFORE] = Worker(ours, given.before.absolute())
        if given.torch_python:
            theirs = [given.torch_python, "-m", "benchmarks.train_theirs", *common]
            theirs += [f"--attention={given.their_attention}"]
            grouped = round(given.rows * about["examples_a_row"])
            for way, shape, rows in ((DENSE, "dense", given.rows), (GROUPED, "grouped", grouped)):
                workers[way] = Worker([*theirs, f"--shape={shape}", f"--rows={rows}"], ROOT)
        rounds = []
        for _ in range(given.rounds):
            rounds.append({way: worker.step() for way, worker in workers.items()})
            print(json.dumps(rounds[-1]), file=sys.stderr, flush=True)
        for worker in workers.values():
            worker.close()
    print(report(rounds))


if __name__ == "__main__":
    main()
