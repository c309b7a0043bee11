"""What every measurement is made with: clocks of this process, and processes of their own.

Only the standard library, so that the process that starts the others stays small.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn


@dataclass(frozen=True)
class Spent:
    """Time since some moment."""

    # Seconds on the wall.
    wall: float
    # Seconds of processors, user and system, of this process and of the children it waited for.
    cpu: float


class Clock:
    """Runs from the moment it is made."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = _cpu_seconds()

    def spent(self) -> Spent:
        """Time since it was made."""
        return Spent(time.monotonic() - self._wall, _cpu_seconds() - self._cpu)


def _cpu_seconds() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def peak_megabytes() -> float:
    """Most memory this process has held, in MB of 10^6 bytes.

    Not `ru_maxrss`: that one begins with what the parent held when it forked.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status has no VmHWM")


def children_peak_megabytes() -> float:
    """Most memory one child that was waited for has held."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def print_result(**found: Any) -> None:
    """Prints what was found as the last line, which `run_alone` reads, and ends the process.

    At once: TensorFlow's threads may hang while the interpreter ends, which is not measured here.
    """
    print(json.dumps(found), flush=True)
    os._exit(0)


def take_turns(
    step: Callable[[int], None], useful: Sequence[int], positions: int | Sequence[int], warm: int
) -> NoReturn:
    """Takes a step for each line of standard input, and prints what it took; then ends the process.

    Args:
      step: takes the step of a number, and waits for it.
      useful: tokens of each batch that are not padding; batches come one after the other, again.
      positions: of each batch, or of all.
      warm: steps before the first line is read.
    """
    for number in range(warm):
        step(number)
    for number, _ in enumerate(sys.stdin, start=warm):
        clock = Clock()
        step(number)
        spent, place = clock.spent(), number % len(useful)
        size = positions if isinstance(positions, int) else positions[place]
        line = {"seconds": spent.wall, "cpu": spent.cpu, "useful": useful[place], "positions": size}
        print(json.dumps(line), flush=True)
    os._exit(0)


def run_alone(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Runs a measurement in a process of its own and returns what it printed last, as JSON.

    `failed` says why there is nothing else. `process` holds wall, CPU seconds of the process with
    its children, imports and all.

    Args:
      command: what to run.
      timeout: seconds until it is ended, with every process it has started.
      environment: what is set beside the environment of this process; the moment of the start is
        set as `BENCHMARK_START`, in seconds of `time.time()`.
    """
    clock = Clock()
    given = {**os.environ, **(environment or {}), "BENCHMARK_START": repr(time.time())}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=given, start_new_session=True
        )
        failed = ""
        try:
            code = process.wait(timeout)
            failed = f"exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            failed = f"not done after {timeout:.0f} s"
        finally:
            _end_group(process)
        spent = clock.spent()
        out.seek(0)
        err.seek(0)
        printed, complained = out.read().splitlines(), err.read().splitlines()
    about = {"process": {"wall": spent.wall, "cpu": spent.cpu}}
    if not failed:
        try:
            return {**json.loads(printed[-1]), **about}
        except (IndexError, ValueError):
            failed = "printed no result"
    return {"failed": f"{failed}: {_last(complained)}", **about}


def since_start() -> float:
    """Seconds since `run_alone` started this process."""
    return time.time() - float(os.environ["BENCHMARK_START"])


def _end_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _last(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:300] if said else "and said nothing"
