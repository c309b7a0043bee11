"""What ends a run early: a loss that is not finite, a signal, another run in its MODEL_DIR."""

import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import jax

from flan_tasks.core import interrupts, lock
from flan_tasks.core.errors import BuildError
from flan_tasks.specs.config import TrainingError, TrainSpec

_LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a MODEL_DIR, until this one ends in whatever way.

    Of several processes that train together the first holds it for all.

    Raises:
      TrainingError: a living run is there, or the folder cannot be written to.
    """
    if jax.process_index():
        yield
        return
    path = folder / _LOCK
    held_lock = lock.hold(path)
    try:
        held_lock.__enter__()
    except BuildError as error:
        raise TrainingError(
            f"another run is training into {folder}; wait for it, or choose another MODEL_DIR"
        ) from error
    except OSError as error:
        raise TrainingError(
            f"MODEL_DIR {folder} cannot be written to: {error.strerror or error}; fix that, or "
            "choose another"
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        held_lock.__exit__(None, None, None)


class FiniteWatch:
    """Counts steps in a row whose loss or gradient was not finite."""

    def __init__(self, run: TrainSpec, row: int = 0) -> None:
        self._run = run
        # How many there are now; a resumed run goes on with the count.
        self.row = row

    def look(self, step: int, metrics: Mapping[str, Any], tasks: tuple[str, ...]) -> None:
        """Takes the metrics of a step.

        Raises:
          TrainingError: training must stop.
        """
        if not metrics["skipped"]:
            self.row = 0
            return
        self.row += 1
        run = self._run
        if run.on_nonfinite == "skip" and self.row <= run.max_skipped:
            return
        broken = [
            name
            for name, value in zip(tasks, metrics.get("task_loss", ()), strict=False)
            if not math.isfinite(value)
        ]
        raise TrainingError(
            f"step {step:,}: the loss is {float(metrics['loss']):g}, the gradient's norm "
            f"{float(metrics['grad_norm']):g}"
            + (f", {self.row} steps in a row" if self.row > 1 else "")
            + (f"; not finite in {', '.join(broken[:5])}" if broken else "")
            + f". The step was not taken, and nothing was saved after it; what was before is in "
            f"{run.model_dir}. Lower LEARNING_RATE, set CLIP_NORM, or give --gin.ON_NONFINITE=skip"
        )


class StopSignals:
    """Which signal, if any, asks to save and stop after a step.

    Before the first step there is nothing to save: the signal raises `Stopped`. A second one ends
    the process at once. Several processes must stop at the same step: there JAX's preemption
    service, which takes SIGTERM itself, agrees on it.
    """

    def __init__(self) -> None:
        self._signals: list[int] = []
        self._since = 0.0
        self._training = False

    def begin(self) -> None:
        """From here on there are steps to save."""
        self._training = True

    def requested(self, step: int) -> str | None:
        """Returns the name of the signal."""
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            return "SIGTERM" if multihost_utils.reached_preemption_sync_point(step) else None
        return signal.Signals(self._signals[0]).name if self._signals else None

    def _take(self, number: int, _: Any) -> None:
        now = time.monotonic()
        if self._signals and now - self._since <= interrupts.SAME:
            return  # a terminal, or a scheduler that asks a group, sends it through the parent too
        if self._signals:  # asked twice: whoever asks does not want to wait
            interrupts.end_at_once(number)
        self._since = now
        self._signals.append(number)
        if not self._training:
            raise interrupts.Stopped(number)

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator[Self]:
        """Gives one that takes signals until the end of the block."""
        signals = cls()
        if jax.process_count() > 1:
            yield signals
            return
        with interrupts.handled(signals._take):
            yield signals
