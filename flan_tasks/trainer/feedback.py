"""What a run says while it trains: a line, metrics.jsonl, TensorBoard, and a picture at the end.

TensorBoard files are written by tensorboardX, which needs no TensorFlow; without it they are not
written, and that is said once.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core import extras
from flan_tasks.core.escaping import for_terminal
from flan_tasks.trainer.curve import draw_curve

METRICS = "metrics.jsonl"
CURVE = "loss_curve.svg"
# Dense bfloat16 operations a second of one device, by how its name begins (makers' data sheets).
PEAKS = {
    "NVIDIA H200": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100": 989e12,
    "NVIDIA A100": 312e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v6 lite": 918e12,
}
# What of an interval's sums becomes a mean over target tokens.
_MEANS = {"cross_entropy": "loss", "z_loss": "z_loss", "correct": "accuracy"}


def peak_flops(device_kind: str) -> float | None:
    """Dense bfloat16 operations a second of a device, where they are known."""
    return next((peak for name, peak in PEAKS.items() if device_kind.startswith(name)), None)


@dataclass(frozen=True)
class Size:
    """What a step is, for rates and the time left."""

    # The last step.
    train_steps: int
    # Positions of a batch, padding included.
    positions: int
    # Operations of a batch, forward and backward.
    flops: float
    # Operations a second of all devices together, if known.
    peak: float | None
    # Names of the tasks of `task_loss`.
    tasks: tuple[str, ...]


class Feedback:
    """Sums up steps between lines, and writes them everywhere."""

    def __init__(
        self,
        folder: Path,
        size: Size,
        *,
        start: int,
        log_period: int,
        tensorboard: bool,
        active: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens the files of a run that goes on at step `start`.

        Lines of steps that are trained again are dropped, so that the file is that of one run.
        `active` is False on all hosts but the first, which alone writes.
        """
        self._folder, self._size, self._period = folder, size, log_period
        self._active, self._clock = active, clock
        self._sums: dict[str, Any] = {}
        self._steps = 0
        self._last: tuple[int, Mapping[str, Any]] = (start, {})
        # Seconds, steps and tokens that rates are of; the first step, which compiles, is not.
        self._timed = (0.0, 0, 0.0)
        self._since: float | None = None
        self._terminal = sys.stderr.isatty()
        self._board: Any = None
        if not active:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / METRICS
        _keep_before(self._path, start)
        if tensorboard:
            self._open_board(start)

    def _open_board(self, start: int) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            self.note(
                "no TensorBoard files (metrics.jsonl has it all): "
                f"{extras.install_command('train')}"
            )
            return
        self._board = SummaryWriter(str(self._folder / "tensorboard"), purge_step=start)

    def note(self, text: str) -> None:
        """Says something once."""
        if self._active:
            text = for_terminal(text)
            clear = "\r\033[K" if self._terminal else ""
            print(f"{clear}{text}", file=sys.stderr, flush=True)

    def step(self, step: int, found: Mapping[str, Any]) -> None:
        """Takes a finished step's sums; every `log_period` steps it writes a line.

        Args:
          step: how many steps are done with it.
          found: sums of the loss, and `learning_rate`, `grad_norm`, `real_tokens`, `skipped`.
        """
        for name, value in found.items():
            # A step that was not taken has sums that are not finite; it counts as skipped alone.
            if name in ("skipped", "real_tokens") or not (
                found["skipped"] or name in ("learning_rate", "grad_norm")
            ):
                self._sums[name] = self._sums.get(name, 0) + np.asarray(value, np.float64)
        self._steps += 1
        now = self._clock()
        if self._since is not None:
            seconds, steps, tokens = self._timed
            self._timed = (
                seconds + now - self._since,
                steps + 1,
                tokens + float(found["real_tokens"]),
            )
        self._since = now
        self._last = (step, found)
        if step % self._period == 0 or step == self._size.train_steps:
            self._write(step, found)

    def _write(self, step: int, last: Mapping[str, Any]) -> None:
        sums, steps, (seconds, timed_steps, timed_tokens) = self._sums, self._steps, self._timed
        self._sums, self._steps, self._timed = {}, 0, (0.0, 0, 0.0)
        tokens = float(sums.get("tokens", 0.0))
        line: dict[str, Any] = {"step": step}
        # None, which JSON can hold, where no step of the interval was taken.
        line |= {
            name: float(sums[key]) / max(tokens, 1.0) if key in sums else None
            for key, name in _MEANS.items()
        }
        line["learning_rate"] = float(last["learning_rate"])
        line["grad_norm"] = None if last["skipped"] else float(last["grad_norm"])
        line["skipped"] = int(sums["skipped"])
        line["target_tokens"] = int(tokens)
        line["non_padding"] = float(sums["real_tokens"]) / (steps * self._size.positions)
        if seconds > 0:
            line["steps_per_second"] = timed_steps / seconds
            line["tokens_per_second"] = timed_tokens / seconds
            if self._size.peak:
                line["mfu"] = timed_steps * self._size.flops / seconds / self._size.peak
        if "task_loss" in sums:
            line["task_loss"] = by_task(self._size.tasks, sums["task_loss"], sums["task_tokens"])
        self._put("train", line)
        text = f"step {step:,}/{self._size.train_steps:,}"
        if line["loss"] is not None:
            text += f"  loss {line['loss']:.4f}  accuracy {line['accuracy']:.1%}"
        text += f"  {line['non_padding']:.0%} not padding"
        if seconds > 0:
            left = (self._size.train_steps - step) / line["steps_per_second"]
            text += f"  {line['tokens_per_second']:,.0f} tokens/s  {duration(left)} left"
        text += f"  MFU {line['mfu']:.1%}" if "mfu" in line else ""
        text += f"  {line['skipped']} skipped" if line["skipped"] else ""
        self._say(text)

    def evaluation(self, step: int, found: Mapping[str, Any]) -> None:
        """Writes the metrics of an evaluation after `step` steps."""
        self._put("eval", {"step": step, **found})
        self.note(
            f"evaluation at step {step:,}: loss {found['loss']:.4f}, accuracy "
            f"{found['accuracy']:.1%} on {found['target_tokens']:,} target tokens"
        )
        # The time of an evaluation is not that of training.
        self._since = self._clock()

    def _put(self, kind: str, line: Mapping[str, Any]) -> None:
        if not self._active:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **line}) + "\n")
        if self._board is not None:
            for name, value in line.items():
                values = value if isinstance(value, Mapping) else {"": value}
                for part, number in values.items():
                    tag = f"{kind}/{name}/{part}" if part else f"{kind}/{name}"
                    if name != "step" and isinstance(number, int | float):
                        self._board.add_scalar(tag, number, line["step"])
            self._board.flush()

    def _say(self, text: str) -> None:
        if not self._active:
            return
        if self._terminal:
            # What is wider than the terminal would go on in a line that is not cleared.
            shown = text[: shutil.get_terminal_size().columns - 1]
            print(f"\r\033[K{shown}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> Path | None:
        """Draws the curve and closes the files; returns where the picture is."""
        if not self._active:
            return None
        if self._steps:  # stopped inside an interval
            self._write(*self._last)
        if self._terminal:
            print(file=sys.stderr)
        if self._board is not None:
            self._board.close()
        lines = read_metrics(self._path)
        if not any(line["kind"] == "train" for line in lines):
            return None
        path = self._folder / CURVE
        path.write_text(draw_curve(lines), encoding="utf-8")
        return path


def by_task(tasks: tuple[str, ...], sums: Any, weights: Any) -> dict[str, float]:
    """Means by task name, of the tasks that have any weight."""
    sums, weights = np.asarray(sums), np.asarray(weights)
    return {
        name: float(sums[number] / weights[number])
        for number, name in enumerate(tasks)
        if weights[number] > 0
    }


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last line that was cut off is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found


def _keep_before(path: Path, start: int) -> None:
    lines = [line for line in read_metrics(path) if line["step"] <= start]
    if path.exists():
        aside = path.with_suffix(".tmp")
        aside.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(aside, path)


def duration(seconds: float) -> str:
    """A time as a person says it: 42s, 3m10s, 2h05m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
