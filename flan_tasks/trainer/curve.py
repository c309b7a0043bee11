"""The loss curve of a run as an SVG, which needs no plotting library, and as a line of text."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 44, 48
_BARS = "▁▂▃▄▅▆▇█"


def draw_curve(lines: Sequence[Mapping[str, Any]]) -> str:
    """Returns a picture of loss over steps, in training and in evaluation.

    Args:
      lines: of metrics.jsonl, with `kind`, `step` and `loss`.
    """
    series = {
        kind: [
            (line["step"], line["loss"])
            for line in lines
            if line["kind"] == kind and line["loss"] is not None and math.isfinite(line["loss"])
        ]
        for kind in ("train", "eval")
    }
    points = series["train"] + series["eval"]
    last = max((step for step, _ in points), default=1)
    low = min((loss for _, loss in points), default=0.0)
    high = max((loss for _, loss in points), default=1.0)
    ticks = _ticks(min(low, 0.0) if low < 0.35 * high else low, high)
    low, high = ticks[0], max(ticks[-1], high)

    def x(step: float) -> float:
        return _LEFT + step / last * (_WIDTH - _LEFT - _RIGHT)

    def y(loss: float) -> float:
        return _HEIGHT - _BOTTOM - (loss - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Loss per target token over training steps</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">Loss per target token</text>',
    ]
    for tick in ticks:
        parts.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in _ticks(0, last):
        if tick <= last:
            parts.append(
                f'<text x="{x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">'
                f"{tick:,.0f}</text>"
            )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" '
        'text-anchor="middle">step</text>'
    )
    for place, (kind, color) in enumerate((("train", "#2563a8"), ("eval", "#c2410c"))):
        coordinates = [f"{x(step):.1f},{y(loss):.1f}" for step, loss in series[kind]]
        if not coordinates:
            continue
        parts.append(
            f'<polyline points="{" ".join(coordinates)}" fill="none" stroke="{color}" '
            'stroke-width="1.6" stroke-linejoin="round"/>'
        )
        if kind == "eval" or len(coordinates) == 1:
            parts += [
                f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3" fill="{color}"/>'
                for p in coordinates
            ]
        name = {"train": "training", "eval": "evaluation"}[kind]
        parts.append(
            f'<text x="{_WIDTH - _RIGHT - 180 + 90 * place}" y="24" fill="{color}">{name}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def sparkline(lines: Sequence[Mapping[str, Any]], *, most: int = 40) -> str:
    """Returns the loss of training as one line of text: its first and last value, bars between.

    Args:
      lines: of metrics.jsonl; "" where they hold no two losses.
      most: bars at most; each is then the mean of several lines.
    """
    losses = [
        line["loss"]
        for line in lines
        if line["kind"] == "train" and line["loss"] is not None and math.isfinite(line["loss"])
    ]
    if len(losses) < 2:
        return ""
    count = min(len(losses), most)
    edges = [len(losses) * place // count for place in range(count + 1)]
    means = [fmean(losses[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    low, high = min(means), max(means)
    span = max(high - low, 1e-6)
    bars = "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)
    return f"{losses[0]:.2f} {bars} {losses[-1]:.2f}"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, four to eight of them."""
    span = max(high - low, 1e-6)
    rough = span / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough)
    first = math.floor(low / step)
    count = math.ceil((high - first * step) / step - 1e-9)
    return [round((first + i) * step, 10) for i in range(max(count, 1) + 1)]
