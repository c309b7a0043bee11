"""The lines of a run, and what tables are written with: choosing lines, medians, units."""

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Number = int | float


def read(path: Path) -> list[Line]:
    """Returns the lines of a run."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_table(lines: Sequence[Line], table: str, **labels: str) -> list[Line]:
    """Returns the lines of a table that bear these labels and did not fail."""
    return [
        line
        for line in lines
        if line["table"] == table
        and "failed" not in line
        and all(line.get(name) == value for name, value in labels.items())
    ]


def median(lines: Sequence[Line], value: str) -> float | None:
    """Returns the median of a value over lines, None without any."""
    found = [line[value] for line in lines]
    return statistics.median(found) if found else None


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    if not rows:
        return "Not measured."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def several(lines: Sequence[Line], value: str, show: Callable[[Number], str]) -> str:
    """Shows the median of a value, and the least and the most where there are several."""
    found = sorted(line[value] for line in lines)
    middle = show(statistics.median(found))
    return middle if len(found) == 1 else f"{middle} ({show(found[0])}–{show(found[-1])})"


def millions(number: Number) -> str:
    """Shows a large number."""
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number / 1e3:.0f} k"


def seconds(number: Number) -> str:
    """Shows a time."""
    return f"{number:.2f} s" if number >= 0.1 else f"{1000 * number:.1f} ms"


def megabytes(number: Number) -> str:
    """Shows a size of memory."""
    return f"{number:,.0f} MB"
