"""A picture of what a study came to: for the mean and each dataset a panel of levels and seeds."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from flan_tasks.experiments.results import Line, Results

# Two measures that differ by what they are asked about share a panel; a difference does not.
_DRAWN = ("trained", "unseen", "score")
_COLORS = ("#2563a8", "#c2410c")
_COLUMNS, _WIDTH, _HEIGHT = 3, 300, 210
_LEFT, _RIGHT, _TOP, _BOTTOM, _HEAD = 40, 14, 34, 40, 64
_TICK = 20
# Of the width of a level, so that two measures at one level stand beside each other.
_APART = 0.16


def draw(results: Results) -> str:
    """Returns an SVG: panels with the levels from left to right, in their order in the study.

    A dot is a seed, a stroke the mean over seeds, a bar its 95 % interval. Means are joined where
    the levels are numbers. All panels have one scale.
    """
    measures = [name for name in _DRAWN if any(line.measure == name for line in results.lines)]
    heads: list[tuple[str | None, str]] = []
    if results.counting:
        heads.append((None, "mean over those that count"))
    for name in results.examples:
        counts = "" if name in results.counting else " (does not count)"
        heads.append((name, f"{name}{counts}"))
    rows = -(-len(heads) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, _HEAD + rows * _HEIGHT
    drawn = [line for line in results.lines if line.measure in measures]
    values = [value for line in drawn for value in _reach(line)]
    low = int(min([0.0, *values]) // _TICK * _TICK)
    high = int(-(-max([0.0, *values]) // _TICK) * _TICK) or _TICK
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(results.study.question)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="15">{escape(results.study.question)}</text>',
        *_key(measures),
    ]
    for place, (dataset, head) in enumerate(heads):
        left, top = place % _COLUMNS * _WIDTH, _HEAD + place // _COLUMNS * _HEIGHT
        parts.append(f'<g transform="translate({left} {top})">')
        parts += _panel(results, dataset, head, measures, low, high)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _reach(line: Line) -> list[float]:
    """What of a line has to have room."""
    half = line.value.half or 0.0
    return [*line.value.values, line.value.mean - half, line.value.mean + half]


def _key(measures: Sequence[str]) -> list[str]:
    parts = []
    for place, name in enumerate(measures):
        x = 16 + 90 * place
        parts.append(
            f'<circle cx="{x + 5}" cy="46" r="5" fill="{_COLORS[place]}"/>'
            f'<text x="{x + 16}" y="50">{name}</text>'
        )
    parts.append(
        f'<text x="{16 + 90 * len(measures)}" y="50" fill="#555">dot: a seed · stroke: their mean '
        "· bar: 95 % interval · dashes: the most frequent answer</text>"
    )
    return parts


def _panel(
    results: Results,
    dataset: str | None,
    head: str,
    measures: Sequence[str],
    low: int,
    high: int,
) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    arms = list(results.done)
    step = (_WIDTH - _LEFT - _RIGHT) / len(arms)

    def y(value: float) -> float:
        return floor - (value - low) / (high - low) * (floor - _TOP)

    def x(arm: str, place: int) -> float:
        beside = (place - (len(measures) - 1) / 2) * _APART
        return _LEFT + step * (arms.index(arm) + 0.5 + beside)

    parts = [f'<text x="{_LEFT}" y="22" font-weight="bold">{escape(head)}</text>']
    for tick in range(low, high + 1, _TICK):
        parts.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#555">'
            f"{tick}</text>"
        )
    majority = results.majority.get(dataset) if dataset is not None else None
    if majority is not None:
        parts.append(
            f'<path d="M{_LEFT} {y(majority):.1f}H{_WIDTH - _RIGHT}" stroke="#999" '
            'stroke-dasharray="4 3"><title>the most frequent answer</title></path>'
        )
    for place, measure in enumerate(measures):
        lines = results.of(dataset, measure)
        color = _COLORS[place]
        for line in lines:
            at, value = x(line.arm, place), line.value
            if value.half is not None:
                ends = (y(value.mean - value.half), y(value.mean + value.half))
                parts.append(
                    f'<path d="M{at:.1f} {ends[0]:.1f}V{ends[1]:.1f}" stroke="{color}" '
                    'stroke-opacity="0.5" stroke-width="3"/>'
                )
            parts += [
                f'<circle cx="{at:.1f}" cy="{y(one):.1f}" r="3" fill="{color}" '
                'fill-opacity="0.55"/>'
                for one in value.values
            ]
            parts.append(
                f'<path d="M{at - 8:.1f} {y(value.mean):.1f}h16" stroke="{color}" '
                f'stroke-width="2"><title>{measure}: {value}</title></path>'
            )
        if all(_level(arm).isdecimal() for arm in arms):
            joined = " ".join(f"{x(one.arm, place):.1f},{y(one.value.mean):.1f}" for one in lines)
            parts.append(f'<polyline points="{joined}" fill="none" stroke="{color}"/>')
    parts += [
        f'<text x="{_LEFT + step * (place + 0.5):.1f}" y="{floor + 18}" text-anchor="middle">'
        f"{escape(_shown(arm, arms))}</text>"
        for place, arm in enumerate(arms)
    ]
    return parts


def _level(arm: str) -> str:
    """What varies in the name of a combination of one factor: its level."""
    return arm.split("_", 1)[-1]


def _shown(arm: str, arms: Sequence[str]) -> str:
    """The name of a combination, without the factor where all have the same."""
    heads = {one.split("_", 1)[0] for one in arms}
    return _level(arm) if len(heads) == 1 and "-" not in arm else arm
