"""A picture of an evaluation: each template a dot, so that the spread is seen; an SVG by hand."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from flan_tasks.evaluation.summary import TEST, VALIDATION, DatasetScore, Spread

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 26, 300, 60, 64, 44
_DOT, _MEAN, _BEST = "#2563a8", "#111", "#c2410c"


def draw_scores(scores: Sequence[DatasetScore]) -> str:
    """Returns one line for each dataset and way to an answer: templates, their mean, the best.

    Drawn is a dataset's first number, on test where it has one, else on validation. The best is
    the template chosen on validation, where its examples decide.
    """
    lines = [(score, spread) for score in scores for spread in _first_spreads(score)]
    values = [value for score, spread in lines for value in _values(score, spread)]
    low, high = min([0.0, *values]), max([100.0, *values])
    height = _TOP + _ROW * len(lines) + _BOTTOM

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Scores of every template of every dataset</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        '<text x="16" y="26" font-size="15">Score of every template</text>',
        f'<text x="{_LEFT}" y="48" font-size="12" fill="#555">dot: a template · line: their mean · '
        "diamond: the template chosen on validation</text>",
    ]
    for tick in range(0, 101, 20):
        parts.append(
            f'<path d="M{x(tick):.1f} {_TOP - 6}V{height - _BOTTOM}" stroke="#ddd"/>'
            f'<text x="{x(tick):.1f}" y="{height - _BOTTOM + 20}" text-anchor="middle">'
            f"{tick}</text>"
        )
    for place, (score, spread) in enumerate(lines):
        y = _TOP + _ROW * place + _ROW / 2
        name = f"{score.dataset} {spread.number}, {spread.way}"
        name += "" if spread.split == TEST else f", {spread.split}"
        parts.append(
            f'<text x="{_LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        )
        for value in _values(score, spread):
            parts.append(
                f'<circle cx="{x(value):.1f}" cy="{y:.1f}" r="4" fill="{_DOT}" '
                'fill-opacity="0.55"/>'
            )
        parts.append(
            f'<path d="M{x(spread.mean):.1f} {y - 9:.1f}v18" stroke="{_MEAN}" stroke-width="2"/>'
        )
        for best in score.best:
            shown = best.decided and spread.split == TEST
            if shown and (best.number, best.way) == (spread.number, spread.way):
                at = x(best.test)
                parts.append(
                    f'<path d="M{at - 6:.1f} {y:.1f}l6 -6 6 6 -6 6z" fill="none" '
                    f'stroke="{_BEST}" stroke-width="2"/>'
                )
        parts.append(
            f'<text x="{_WIDTH - 8}" y="{y + 4:.1f}" text-anchor="end">{spread.mean:.1f}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _first_spreads(score: DatasetScore) -> list[Spread]:
    """The first number of each way, on the split that is reported."""
    splits = {spread.split for spread in score.spreads}
    split = TEST if TEST in splits else VALIDATION
    first_of: dict[str, Spread] = {}
    for spread in score.spreads:
        if spread.split == split:
            first_of.setdefault(spread.way, spread)
    return list(first_of.values())


def _values(score: DatasetScore, spread: Spread) -> list[float]:
    return [
        one.scores[spread.number]
        for one in score.templates
        if (one.split, one.way) == (spread.split, spread.way)
    ]
