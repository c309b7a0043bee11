"""A profile of some steps: what JAX's profiler traces, and where their time and memory go.

The network names its parts (`jax.named_scope`), the compiler keeps the names with each operation,
and the trace says when each operation ran. An operation that the compiler fused from several is
counted where the last of them stands. Traces of GPUs and TPUs are read the same way, which has been
tried on no such device.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.stages import Compiled, Wrapped

from flan_tasks.specs.config import PROFILE_WARMUP
from flan_tasks.trainer.metrics_file import write_text

Tree = Any
FOLDER = "profile"
TABLE, DATA = "step.txt", "step.json"
OTHER, INPUT, WAITING = "other", "input", "not traced"
# Names of scopes, and what they are called in the table.
PARTS = {
    "embedding": "embedding",
    "attention": "attention",
    "mlp": "MLP",
    "norm": "norms",
    "head_loss": "head and loss",
    "optimizer": "optimizer",
}
_SCOPE = re.compile(rf"\b({'|'.join(PARTS)})\b")
_OPERATION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = .*?\s([a-z][\w\-]*)\(")
_NAME = re.compile(r'\bop_name="([^"]*)"')
# These run others, which are traced for themselves.
_CONTAINERS = {"while", "conditional", "call"}


class Operation(NamedTuple):
    """One run of an operation; times in nanoseconds."""

    part: str
    """Of which part it is."""
    start: float
    """When it began."""
    end: float
    """When it ended."""


@dataclass(frozen=True)
class Profile:
    """Where the time and the memory of a step go, on average over the traced steps."""

    steps: int
    """How many were traced."""
    seconds: float
    """One step, input included."""
    time: Mapping[str, float]
    """Seconds a step by part; they add up to `seconds`."""
    parameters: Mapping[str, int]
    """Bytes of parameters by part, over all devices."""
    state: Mapping[str, int]
    """Bytes of the optimizer's state by part, over all devices."""
    working: int | None
    """Bytes of a device besides, while a step runs: the compiler's count, where it has one."""

    def lines(self) -> list[str]:
        """The table."""
        lines = [
            f"profile of {self.steps} steps, {1000 * self.seconds:,.0f} ms each",
            f"{'part':<14} {'ms':>9} {'share':>6} {'parameters':>12} {'optimizer':>12}",
        ]
        order = [*PARTS.values(), OTHER, INPUT, WAITING]
        for part in order:
            seconds = self.time.get(part, 0.0)
            sizes = [self.parameters.get(part, 0), self.state.get(part, 0)]
            if not any(sizes) and part not in self.time:
                continue
            shown = " ".join(f"{f'{size / 1e6:,.1f} MB' if size else '':>12}" for size in sizes)
            time = f"{1000 * seconds:>9,.1f} {seconds / self.seconds:>6.1%}"
            lines.append(f"{part:<14} {time} {shown}".rstrip())
        if self.working is not None:
            lines.append(
                f"while a step runs, {self.working / 1e6:,.1f} MB of a device besides: gradients, "
                "activations, logits"
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """The same for a file."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "time": dict(self.time),
            "parameters": dict(self.parameters),
            "optimizer": dict(self.state),
            "working": self.working,
        }


class Profiler:
    """Runs the steps of a training run, and traces some of them."""

    def __init__(
        self, folder: Path, steps: int, *, say: Callable[[str], None], active: bool = True
    ) -> None:
        """Traces nothing yet.

        Args:
          folder: MODEL_DIR.
          steps: how many are traced; 0 is none, and runs steps as they are.
          say: is given the table, line by line.
          active: False on all hosts but the first, which alone traces.
        """
        self._folder, self._say = folder / FOLDER, say
        self._steps = steps if active else 0
        self._compiled: Compiled | None = None
        self._done = 0
        self._tracing = False
        self._begun = self._input = 0.0

    def batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yields batches, and looks how long each was waited for."""
        iterator = iter(batches)
        while True:
            begun = time.perf_counter()
            batch = next(iterator, None)
            self._input += time.perf_counter() - begun
            if batch is None:
                return
            yield batch

    def step(self, step: Wrapped, *arguments: Tree) -> Any:
        """Returns what the step of these arguments does."""
        if not self._steps:
            return step(*arguments)
        if self._compiled is None:
            # The program that runs is the one whose operations are looked up.
            self._compiled = step.lower(*arguments).compile()
        if self._done == PROFILE_WARMUP:
            jax.block_until_ready(arguments)
            self._begin()
        results = self._compiled(*arguments)
        self._done += 1
        if self._tracing and self._done == PROFILE_WARMUP + self._steps:
            jax.block_until_ready(results)
            self._end(*results[:2])
        return results

    def close(self) -> None:
        """Ends a trace that a run ended in."""
        self._stop()
        if self._done < PROFILE_WARMUP + self._steps and self._steps:
            self._say(f"no profile: {self._done} steps ran, want {PROFILE_WARMUP + self._steps}")

    def _stop(self) -> None:
        if self._tracing:
            self._tracing = False
            jax.profiler.stop_trace()

    def _begin(self) -> None:
        options = jax.profiler.ProfileOptions()
        # What Python does is another subject, and takes time of its own.
        options.python_tracer_level = 0
        jax.profiler.start_trace(self._folder, profiler_options=options)
        self._tracing = True
        self._input = 0.0
        self._begun = time.perf_counter()

    def _end(self, params: Tree, state: Tree) -> None:
        seconds = time.perf_counter() - self._begun
        self._stop()
        assert self._compiled is not None
        text = self._compiled.as_text() or ""
        traces = sorted(self._folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
        times = shares(operations(traces[-1], text)) if traces else {}
        times = {part: value / 1e9 for part, value in times.items()} | {INPUT: self._input}
        times[WAITING] = max(0.0, seconds - sum(times.values()))
        memory: Any = self._compiled.memory_analysis()
        profile = Profile(
            steps=self._steps,
            seconds=seconds / self._steps,
            time={part: value / self._steps for part, value in times.items()},
            parameters=sizes(params),
            state=sizes(state),
            working=getattr(memory, "temp_size_in_bytes", None),
        )
        write_text(self._folder / TABLE, "\n".join(profile.lines()) + "\n")
        write_text(self._folder / DATA, json.dumps(profile.to_json(), indent=1) + "\n")
        for line in (*profile.lines(), f"the trace, for TensorBoard and Perfetto: {self._folder}"):
            self._say(line)


def part_of(scopes: str) -> str:
    """The part that an operation of these scopes belongs to: the outermost that is named."""
    match = _SCOPE.search(scopes)
    return PARTS[match[1]] if match else OTHER


def parts_of_operations(text: str) -> dict[str, str]:
    """The part of each operation of a compiled program, by its name; without those of others."""
    parts = {}
    for line in text.splitlines():
        match = _OPERATION.match(line)
        if match and match[2] not in _CONTAINERS:
            name = _NAME.search(line)
            parts[match[1]] = part_of(name[1]) if name else OTHER
    return parts


def operations(trace: Path, text: str) -> list[Operation]:
    """What a trace says of the operations of one program.

    Args:
      trace: an `.xplane.pb` of JAX's profiler.
      text: the compiled program.
    """
    parts = parts_of_operations(text)
    module = re.search(r"^HloModule ([\w.\-]+)", text)
    ran = []
    for plane in jax.profiler.ProfileData.from_file(str(trace)).planes:
        for line in plane.lines:
            for event in line.events:
                stats = dict(event.stats)
                part = parts.get(str(stats.get("hlo_op", "")))
                if part and module and str(stats.get("hlo_module", module[1])) == module[1]:
                    start = event.start_ns
                    ran.append(Operation(part, start, start + event.duration_ns))
    return ran


def shares(ran: Iterable[Operation]) -> dict[str, float]:
    """Nanoseconds by part, in which time of several operations is split evenly among them."""
    bounds = [(op.start, 1, op.part) for op in ran] + [(op.end, -1, op.part) for op in ran]
    active: dict[str, int] = defaultdict(int)
    total: dict[str, float] = defaultdict(float)
    before = 0.0
    for moment, change, part in sorted(bounds):
        if count := sum(active.values()):
            for name, number in active.items():
                total[name] += (moment - before) * number / count
        active[part] += change
        before = moment
    return dict(total)


def sizes(tree: Tree) -> dict[str, int]:
    """Bytes of arrays by part; the names of a leaf's path say which it is of."""
    total: dict[str, int] = defaultdict(int)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        total[_part_of_path([str(getattr(key, "key", key)) for key in path])] += leaf.nbytes
    return dict(total)


def _part_of_path(names: list[str]) -> str:
    for name in names:
        if name.endswith("norm"):
            return PARTS["norm"]
        if name.endswith("attention") or name == "relative_bias":
            return PARTS["attention"]
        if name in ("mlp", "embedding"):
            return PARTS[name]
        if name == "head":
            return PARTS["head_loss"]
    return OTHER
