"""What ends a run early: a loss that is not finite, a signal, another run in its MODEL_DIR."""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from flan_tasks.build import lock
from flan_tasks.core.errors import BuildError
from flan_tasks.trainer.config import Run, TrainingError

_LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a MODEL_DIR, until this one ends in whatever way.

    Of several processes that train together the first holds it for all.

    Raises:
      TrainingError: a living run is there.
    """
    if jax.process_index():
        yield
        return
    path = folder / _LOCK
    held = lock.hold(path)
    try:
        held.__enter__()
    except BuildError as error:
        raise TrainingError(
            f"another run is training into {folder}; wait for it, or choose another MODEL_DIR"
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        held.__exit__(None, None, None)


class FiniteWatch:
    """Counts steps in a row whose loss or gradient was not finite."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._row = 0

    def look(self, step: int, found: Mapping[str, Any], tasks: tuple[str, ...]) -> None:
        """Takes the metrics of a step.

        Raises:
          TrainingError: training must stop.
        """
        if not found["skipped"]:
            self._row = 0
            return
        self._row += 1
        run = self._run
        if run.on_nonfinite == "skip" and self._row <= run.max_skipped:
            return
        broken = [
            name
            for name, value in zip(tasks, found.get("task_loss", ()), strict=False)
            if not math.isfinite(value)
        ]
        raise TrainingError(
            f"step {step:,}: the loss is {float(found['loss']):g}, the gradient's norm "
            f"{float(found['grad_norm']):g}"
            + (f", {self._row} steps in a row" if self._row > 1 else "")
            + (f"; not finite in {', '.join(broken[:5])}" if broken else "")
            + f". The step was not taken, and nothing was saved after it; what was before is in "
            f"{run.model_dir}. Lower LEARNING_RATE, set CLIP_NORM, or give --gin.ON_NONFINITE=skip"
        )


@contextmanager
def stop_signals() -> Iterator[Callable[[int], str | None]]:
    """Gives a function that says which signal, if any, asks to save and stop after a step.

    Several processes must stop at the same step: there JAX's preemption service, which takes
    SIGTERM itself, agrees on it.
    """
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        yield (
            lambda step: "SIGTERM" if multihost_utils.reached_preemption_sync_point(step) else None
        )
        return
    asked: list[int] = []
    before: dict[int, Any] = {}

    def ask(number: int, _: Any) -> None:
        if asked:  # asked twice: whoever asks does not want to wait
            signal.signal(number, before[number])
            signal.raise_signal(number)
        asked.append(number)

    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGTERM, signal.SIGINT):
            before[name] = signal.signal(name, ask)
    try:
        yield lambda step: signal.Signals(asked[0]).name if asked else None
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
