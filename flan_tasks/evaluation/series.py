"""Experiments side by side: a table and a picture of scores over what was varied."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from flan_tasks.core.errors import EvaluationError

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 280, 64, 40, 48, 80


@dataclass(frozen=True)
class Point:
    """What one experiment came to."""

    series: str
    """What it is compared in."""
    point: str
    """Its place there."""
    scores: Mapping[str, float]
    """Dataset -> number."""

    @property
    def mean(self) -> float:
        """Mean over datasets."""
        return statistics.fmean(self.scores.values())


def as_csv(points: Sequence[Point]) -> str:
    """Returns a line for each dataset of each experiment, and one for the mean."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("series", "point", "dataset", "value"))
    for point in points:
        for name, value in point.scores.items():
            writer.writerow((point.series, point.point, name, f"{value:.4f}"))
        writer.writerow((point.series, point.point, "mean", f"{point.mean:.4f}"))
    return out.getvalue()


def draw_series(points: Sequence[Point]) -> str:
    """Returns a panel for each series: datasets as dots, their mean as a stroke.

    Means are joined where the points are numbers; between names there is nothing.

    Raises:
      EvaluationError: there is nothing to draw.
    """
    if not points:
        raise EvaluationError("no experiment is finished; there is nothing to draw")
    series = list(dict.fromkeys(point.series for point in points))
    height = _PANEL * len(series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Scores over what was varied</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, name in enumerate(series):
        points_of_series = [point for point in points if point.series == name]
        parts += _panel(name, points_of_series, top=number * _PANEL)
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, points: Sequence[Point], *, top: int) -> list[str]:
    values = [value for point in points for value in point.scores.values()]
    low, high = min(0.0, *values), max(100.0, *values)
    floor = top + _PANEL - _BOTTOM

    def y(value: float) -> float:
        return floor - (value - low) / (high - low) * (_PANEL - _TOP - _BOTTOM)

    step = (_WIDTH - _LEFT - _RIGHT) / len(points)
    middles = [_LEFT + step * (place + 0.5) for place in range(len(points))]
    parts = [
        f'<text x="{_LEFT}" y="{top + 28}" font-size="15">{escape(name)}: mean over datasets '
        "(strokes), datasets (dots)</text>"
    ]
    for tick in range(0, 101, 25):
        parts.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick}</text>'
        )
    for x, point in zip(middles, points, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="3" fill="#2563a8" fill-opacity="0.45"/>'
            for value in point.scores.values()
        ]
        # Long names, such as those of clusters, lean.
        parts.append(
            f'<text transform="translate({x:.1f} {floor + 16}) rotate(18)" font-size="11">'
            f"{escape(point.point)}</text>"
            f'<text x="{x + 6:.1f}" y="{y(point.mean) - 6:.1f}" font-size="11">'
            f"{point.mean:.1f}</text>"
        )
    means = [(x, y(point.mean)) for x, point in zip(middles, points, strict=True)]
    strokes = "".join(f"M{x - 9:.1f} {height:.1f}h18" for x, height in means)
    parts.append(f'<path d="{strokes}" stroke="#c2410c" stroke-width="3"/>')
    if all(point.point.isdecimal() for point in points):
        joined = " ".join(f"{x:.1f},{height:.1f}" for x, height in means)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="#c2410c"/>')
    return parts
