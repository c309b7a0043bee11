"""The curves of a training run, from its `metrics.jsonl`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.specs.config import TrainingError

METRICS = "metrics.jsonl"
CONFIG = "operative_config.gin"
# Points of a curve, and of the curve of one of many tasks.
MOST_POINTS, MOST_OF_TASKS = 1_000, 200
# Characters of the configuration that are shown.
_MOST_TEXT = 100_000
_KINDS = ("train", "eval")


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a training run."""
    return (folder / METRICS).is_file()


def training_summary(folder: Path, *, name: str) -> dict[str, Any]:
    """Returns the curves of a run.

    Args:
      folder: its MODEL_DIR.
      name: what it is to be called.

    Raises:
      TrainingError: its metrics hold no line.
    """
    # Evaluations are shown without the libraries that training needs.
    from flan_tasks.trainer.metrics_file import read_metrics

    path = folder / METRICS
    lines = read_metrics(path)
    if not lines:
        raise TrainingError(f"{path} holds no line of metrics; train for a log period first")
    total = sum(bool(text.strip()) for text in path.read_bytes().split(b"\n"))
    config = folder / CONFIG
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    curves = {kind: _curves([one for one in lines if one["kind"] == kind]) for kind in _KINDS}
    return {
        "name": name,
        **curves,
        "last": max(line["step"] for line in lines),
        "lines": len(lines),
        "unreadable": total - len(lines),
        "config": text[:_MOST_TEXT],
    }


def _curves(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Steps, each number over them, and the loss of each task over fewer of them."""
    some = thinned(lines, MOST_POINTS)
    names = dict.fromkeys(
        name for line in lines for name, value in line.items() if _number(value) is not None
    )
    few = thinned(lines, MOST_OF_TASKS)
    tasks = dict.fromkeys(task for line in few for task in _of_tasks(line))
    return {
        "count": len(lines),
        "steps": [line["step"] for line in some],
        "numbers": {
            name: [_number(line.get(name)) for line in some] for name in names if name != "step"
        },
        "task_steps": [line["step"] for line in few],
        "tasks": {task: [_number(_of_tasks(line).get(task)) for line in few] for task in tasks},
    }


def _of_tasks(line: Mapping[str, Any]) -> Mapping[str, Any]:
    values = line.get("task_loss")
    return values if isinstance(values, Mapping) else {}


def thinned(lines: Sequence[Any], most: int) -> list[Any]:
    """Returns lines, evenly spaced and the last among them, where there are more than `most`."""
    if len(lines) <= most:
        return list(lines)
    return [lines[(len(lines) - 1) * place // (most - 1)] for place in range(most)]


def _number(value: Any) -> float | None:
    """A number as JSON has it, to seven digits; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.7g}")
