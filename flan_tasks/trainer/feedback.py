"""What a run says while it trains: a line, metrics.jsonl, TensorBoard, and a picture at the end."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.counting import counted, duration
from flan_tasks.core.escaping import for_terminal
from flan_tasks.specs.config import TrainingError
from flan_tasks.trainer.board import Board
from flan_tasks.trainer.curve import draw_curve
from flan_tasks.trainer.metrics_file import MetricsFile, read_metrics, write_text

__all__ = ["METRICS", "Feedback", "Size", "by_task", "duration", "peak_flops", "read_metrics"]
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

    train_steps: int
    """The last step."""
    positions: int
    """Positions of a batch, padding included."""
    flops: float
    """Operations of a batch, forward and backward."""
    peak: float | None
    """Operations a second of all devices together, if known."""
    tasks: tuple[str, ...]
    """Names of the tasks of `task_loss`."""


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
        progress: Mapping[str, Any] | None = None,
        active: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens the files of a run that goes on at step `start`.

        Lines of steps that are trained again are dropped, and an interval that the checkpoint is
        inside of goes on with the sums it had, so that the file is that of one run.

        Args:
          folder: MODEL_DIR.
          size: what a step is.
          start: steps done.
          log_period: steps of an interval.
          tensorboard: whether TensorBoard's files are written.
          progress: what `progress` gave at that step.
          active: False on all hosts but the first, which alone writes.
          clock: seconds.

        Raises:
          TrainingError: the files cannot be written, or the progress is none.
        """
        self._folder, self._size, self._period = folder, size, log_period
        self._active, self._clock = active, clock
        self._sums, self._steps = _restored(progress)
        # Of the interval, already in a line since the run was to end inside of it.
        self._steps_shown = self._steps
        # Up to here lines are whole; those after it are of parts of an interval.
        self._whole = start - self._steps
        self._last: tuple[int, Mapping[str, Any]] = (start, {})
        # Seconds, steps and tokens that rates are of; the first step, which compiles, is not.
        self._timed = (0.0, 0, 0.0)
        self._since: float | None = None
        self._terminal = sys.stderr.isatty()
        self._board: Board | None = None
        if not active:
            return
        self._metrics = MetricsFile(folder / METRICS, start)
        for text in self._metrics.damage:
            self.note(text)
        self._tensorboard, self._begun = tensorboard, False
        # Lines of evaluations before the first step, which TensorBoard has not.
        self._early: list[Mapping[str, Any]] = []

    @property
    def progress(self) -> dict[str, Any]:
        """Sums of the interval that is not over; JSON-able, for the record of a checkpoint."""
        return {
            "steps": self._steps,
            "sums": {name: np.asarray(value).tolist() for name, value in self._sums.items()},
        }

    def note(self, text: str) -> None:
        """Says something once."""
        if self._active:
            text = for_terminal(text)
            clear = "\r\033[K" if self._terminal else ""
            self._print(f"{clear}{text}\n")

    def _begin(self) -> None:
        """Drops lines of parts of the interval, which goes on; a finished run keeps its last."""
        self._begun = True
        whole = self._whole
        self._metrics.drop(lambda line: line["kind"] == "train" and line["step"] > whole)
        if self._tensorboard:
            self._board = Board.open(self._folder / "tensorboard", self._whole, self.note)
        if self._board is not None:
            # It does not show them any more, and they are not made again.
            again = [line for line in self._metrics.lines() if line["step"] > self._whole]
            for line in [*again, *(line for line in self._early if line not in again)]:
                self._board.add(line["kind"], {k: v for k, v in line.items() if k != "kind"})

    def _print(self, text: str) -> None:
        # The terminal may have been closed, or whoever read a pipe be gone; training goes on.
        with suppress(OSError, ValueError):
            print(text, end="", file=sys.stderr, flush=True)

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Takes a finished step's sums; every `log_period` steps it writes a line.

        Args:
          step: how many steps are done with it.
          metrics: sums of the loss, and `learning_rate`, `grad_norm`, `real_tokens`, `skipped`.

        Raises:
          TrainingError: the line cannot be written.
        """
        if self._active and not self._begun:
            self._begin()
        self._steps_shown = 0
        for name, value in metrics.items():
            # A step that was not taken has sums that are not finite; it counts as skipped alone.
            if name in ("skipped", "real_tokens") or not (
                metrics["skipped"] or name in ("learning_rate", "grad_norm")
            ):
                self._sums[name] = self._sums.get(name, 0) + np.asarray(value, np.float64)
        self._steps += 1
        now = self._clock()
        if self._since is not None:
            seconds, steps, tokens = self._timed
            self._timed = (
                seconds + now - self._since,
                steps + 1,
                tokens + float(metrics["real_tokens"]),
            )
        self._since = now
        self._last = (step, metrics)
        if step % self._period == 0 or step == self._size.train_steps:
            self._write(step, metrics)
            if step % self._period:
                self._steps_shown = self._steps
            else:
                self._sums, self._steps, self._whole = {}, 0, step
            self._timed = (0.0, 0, 0.0)

    def _write(self, step: int, last: Mapping[str, Any]) -> None:
        sums, steps, (seconds, timed_steps, timed_tokens) = self._sums, self._steps, self._timed
        tokens = float(sums.get("tokens", 0.0))
        line: dict[str, Any] = {"step": step}
        # None, which JSON can hold, where no step of the interval was taken.
        line |= {
            name: float(sums[key]) / max(tokens, 1.0) if key in sums else None
            for key, name in _MEANS.items()
        }
        if "sequence_loss" in sums:  # what AVERAGE_PER_SEQUENCE minimizes
            line["sequence_loss"] = float(sums["sequence_loss"] / max(sums["sequences"], 1.0))
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

    def evaluation(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Writes the metrics of an evaluation after `step` steps.

        Raises:
          TrainingError: they cannot be written.
        """
        if self._active and not self._begun:  # of where the run was stopped, maybe made before
            self._metrics.drop(lambda line: line["kind"] == "eval" and line["step"] == step)
        self._put("eval", {"step": step, **metrics})
        self.note(
            f"evaluation at step {step:,}: loss {metrics['loss']:.4f}, accuracy "
            f"{metrics['accuracy']:.1%} on {counted(metrics['target_tokens'], 'target token')}"
        )
        # The time of an evaluation is not that of training.
        self._since = self._clock()

    def _put(self, kind: str, line: Mapping[str, Any]) -> None:
        if not self._active:
            return
        self._metrics.add({"kind": kind, **line})
        if self._board is not None:
            self._board.add(kind, line)
        elif not self._begun:
            self._early.append({"kind": kind, **line})

    def _say(self, text: str) -> None:
        if not self._active:
            return
        if self._terminal:
            # What is wider than the terminal would go on in a line that is not cleared.
            shown = text[: shutil.get_terminal_size().columns - 1]
            self._print(f"\r\033[K{shown}")
        else:
            self._print(f"{text}\n")

    def close(self) -> Path | None:
        """Draws the curve and closes the files; returns where the picture is, if there is one."""
        if not self._active:
            return None
        if self._steps > self._steps_shown:  # stopped inside an interval
            self._write(*self._last)
            self._steps_shown = self._steps
        if self._terminal:
            self._print("\n")
        if self._board is not None:
            self._board.close()
        lines = self._metrics.lines()
        if not any(line["kind"] == "train" for line in lines):
            return None
        path = self._folder / CURVE
        try:
            write_text(path, draw_curve(lines))
        except TrainingError as error:  # all that it shows is in the metrics
            self.note(f"no picture of the loss: {error}")
            return None
        return path


def _restored(progress: Mapping[str, Any] | None) -> tuple[dict[str, Any], int]:
    """Sums and number of steps of an interval that was not over.

    Raises:
      TrainingError: they are none.
    """
    if not progress:
        return {}, 0
    try:
        sums = {name: np.asarray(x, np.float64) for name, x in progress["sums"].items()}
        return sums, int(progress["steps"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrainingError(
            f"the checkpoint's record has no sums of an interval under progress: {error!r}"
        ) from error


def by_task(tasks: tuple[str, ...], sums: Any, weights: Any) -> dict[str, float]:
    """Means by task name, of the tasks that have any weight."""
    sums, weights = np.asarray(sums), np.asarray(weights)
    return {
        name: float(sums[number] / weights[number])
        for number, name in enumerate(tasks)
        if weights[number] > 0
    }
