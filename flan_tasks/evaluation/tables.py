"""The results of an evaluation as files: JSON with everything, CSV with a line a template."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.whole import write_text
from flan_tasks.evaluation.chart import draw_scores
from flan_tasks.evaluation.summary import DatasetScore

_COLUMNS = (
    "dataset",
    "cluster",
    "template",
    "split",
    "by",
    "number",
    "value",
    "standard_error",
    "examples",
    "trimmed",
)


def write_results(
    folder: Path,
    scores: Sequence[DatasetScore],
    *,
    settings: Mapping[str, Any],
    missing: Mapping[str, str],
) -> list[Path]:
    """Writes scores.json, scores.csv and scores.svg; returns where they are."""
    held = {
        "settings": dict(settings),
        "datasets": [score.to_json() for score in scores],
        "missing": dict(missing),
    }
    texts = {
        "scores.json": json.dumps(held, indent=1, ensure_ascii=False) + "\n",
        "scores.csv": as_csv(scores),
        "scores.svg": draw_scores(scores),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def as_csv(scores: Sequence[DatasetScore]) -> str:
    """Returns a line for each number of each template."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for score in scores:
        for one in score.templates:
            for number, value in one.scores.items():
                error = one.errors[number]
                writer.writerow(
                    [
                        score.dataset,
                        score.cluster,
                        one.template,
                        one.split,
                        one.way,
                        number,
                        f"{value:.4f}",
                        "" if error is None else f"{error:.4f}",
                        one.num_examples,
                        one.trimmed,
                    ]
                )
    return out.getvalue()


def score_table(score: DatasetScore, number: str) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of one number: templates, mean, standard deviation.

    A column is a way to an answer and a split; a template's cell is its value and standard error.
    """
    spreads = [spread for spread in score.spreads if spread.number == number]
    columns = [(spread.way, spread.split) for spread in spreads]
    cells = {
        (one.template, one.way, one.split): with_error(one.scores[number], one.errors[number])
        for one in score.templates
        if number in one.scores
    }
    names = list(dict.fromkeys(template for template, _, _ in cells))
    lines = [[name, *(cells.get((name, *column), "") for column in columns)] for name in names]
    lines.append(["mean", *(f"{spread.mean:.1f}" for spread in spreads)])
    deviations = [spread.deviation for spread in spreads]
    lines.append(["standard deviation", *("-" if d is None else f"{d:.1f}" for d in deviations)])
    return ["template", *(f"{split}, {way}" for way, split in columns)], lines


def with_error(value: float, error: float | None) -> str:
    """A number with what is given for its spread."""
    return f"{value:.1f}" if error is None else f"{value:.1f} ± {error:.1f}"
