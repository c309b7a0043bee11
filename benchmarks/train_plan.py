"""What `train.py` measures, in which order, within which time, and the file that holds it.

Each measurement is a process of its own with a limit of its own. What was measured stands in the
file as soon as it is, so that whatever ends the plan early, the rest is there.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS, DENSE, GROUPED = "ours", "theirs-dense", "theirs-grouped"
RATE, ATTENTION, COMPARE = "rate", "attention", "compare"
# The part of the whole time that one measurement may take at most. Theirs compile the longest.
SHARES = {OURS: 1 / 4, DENSE: 1 / 3, GROUPED: 1 / 3, RATE: 1 / 8, ATTENTION: 1 / 4, COMPARE: 1 / 4}
# Of its limit, the part that must be left for a measurement to be begun.
ENOUGH = 1 / 4


@dataclass(frozen=True)
class Measurement:
    """One measurement of the plan."""

    kind: str
    """What is measured: a key of SHARES."""
    size: str = ""
    """The model; empty for the rate of matrix products, which is the device's."""
    attention: str = ""
    """Its attention."""
    change: str = ""
    """What is otherwise than in the others, an option of the process: `remat=dots`."""

    @property
    def name(self) -> str:
        """What it is known by in the file."""
        return " ".join(filter(None, (self.size, self.kind, self.attention, self.change)))

    def stands_for(self, other: "Measurement") -> bool:
        """Whether it is the same with another attention."""
        return (self.kind, self.size, self.change) == (other.kind, other.size, other.change)


def plan(
    sizes: Sequence[str],
    *,
    attentions: Sequence[str],
    their_attentions: Sequence[str],
    compiled: str,
    remat: str,
    decoders: Sequence[str] = (),
) -> list[Measurement]:
    """Returns the measurements, those that say most first.

    Of the first two models: our step, the rate of matrix products, theirs on equal shapes, theirs
    grouped by length, and attention alone. Then the other models; then what may be faster: other
    attentions, more computed again in the backward pass, logits of all positions at once, theirs
    compiled whole. Last the gradient of T5's relative biases through the whole model.

    Args:
      sizes: models, the most telling first.
      attentions: of ours, the fastest first.
      their_attentions: of transformers, likewise; none where transformers is not measured.
      compiled: how transformers is compiled.
      remat: of ours.
      decoders: those of `sizes` that have no relative biases.
    """
    first, others = sizes[:2], sizes[2:]

    def theirs(kind: str, size: str, attention: str) -> list[Measurement]:
        return [Measurement(kind, size, attention)] if attention else []

    best, their_best = attentions[0], (their_attentions or [""])[0]
    listed = [Measurement(OURS, size, best) for size in first]
    listed.append(Measurement(RATE))
    for kind in (DENSE, GROUPED):
        listed += [one for size in first for one in theirs(kind, size, their_best)]
    listed += [Measurement(ATTENTION, size, ",".join(attentions)) for size in first]
    for size in others:
        listed.append(Measurement(OURS, size, best))
        listed += [one for kind in (DENSE, GROUPED) for one in theirs(kind, size, their_best)]
    listed += [Measurement(OURS, size, name) for size in sizes for name in attentions[1:]]
    for name in their_attentions[1:]:
        listed += [Measurement(kind, size, name) for size in sizes for kind in (DENSE, GROUPED)]
    for size in first:
        changes = [f"remat={policy}" for policy in ("dots", "full") if policy != remat]
        changes.append("head-positions=0")
        listed += [Measurement(OURS, size, best, change) for change in changes]
        if their_best and compiled == "layers":
            listed.append(Measurement(DENSE, size, their_best, "compile=model"))
    biased = [size for size in sizes if size not in decoders]
    listed += [Measurement(COMPARE, size, name) for size in biased for name in attentions]
    return listed


class Results:
    """The file of a plan: settings, and each measurement by its name."""

    def __init__(self, path: Path, settings: dict[str, Any], about: dict[str, Any]) -> None:
        """Opens a file, which may hold measurements already.

        Raises:
          SystemExit: what is there was measured with other settings, or is no such file.
        """
        self._path = path
        self.held: dict[str, Any] = {"settings": settings, "machine": about, "measured": {}}
        if path.exists():
            self.held = read(path)
            other = {
                name: (self.held["settings"].get(name), value)
                for name, value in settings.items()
                if self.held["settings"].get(name) != value
            }
            if other:
                words = "; ".join(f"{n} was {was!r}, is {now!r}" for n, (was, now) in other.items())
                raise SystemExit(f"{path} holds other measurements: {words}; give another --out")

    @property
    def measured(self) -> dict[str, dict[str, Any]]:
        """What was measured, by name."""
        return self.held["measured"]

    def lacks(self, one: Measurement) -> bool:
        """Whether a measurement is missing, or failed."""
        return "failed" in self.measured.get(one.name, {"failed": ""})

    def add(self, one: Measurement, result: dict[str, Any]) -> None:
        """Takes a result, and writes the file: all of it, or what was there stays."""
        self.measured[one.name] = {"kind": one.kind, "size": one.size, **result}
        self.write()

    def write(self) -> None:
        """Writes the file."""
        beside = self._path.with_name(self._path.name + ".part")
        beside.write_text(json.dumps(self.held, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, self._path)


def read(path: Path) -> dict[str, Any]:
    """Returns what a file of a plan holds.

    Raises:
      SystemExit: it is no such file.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if {"settings", "machine", "measured"} <= held.keys():
            return held
        reason = "settings, machine or measured is missing"
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error)
    raise SystemExit(f"{path} holds no measurements of training: {reason}")


def carry_out(
    listed: Sequence[Measurement],
    results: Results,
    measure: Callable[[Measurement, float], dict[str, Any]],
    *,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[Measurement]:
    """Measures what is missing, in order, while time is left; returns what was not begun.

    Where an attention fails, the next one of that model comes at once.

    Args:
      listed: the plan.
      results: takes each as soon as it is there.
      measure: measures one within a number of seconds.
      seconds: of all.
      clock: seconds.
    """
    end = clock() + seconds
    pending = [one for one in listed if results.lacks(one)]
    left_over = []
    while pending:
        one = pending.pop(0)
        limit = seconds * SHARES[one.kind]
        left = end - clock()
        if left < limit * ENOUGH:
            left_over.append(one)
            continue
        results.add(one, measure(one, min(limit, left)))
        if results.lacks(one):
            instead = [other for other in pending if other.stands_for(one)][:1]
            pending = instead + [other for other in pending if other not in instead]
    return left_over
