"""The results of an evaluation as files: JSON with everything, CSV with a line a template."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.evaluation.chart import draw_scores
from flan_tasks.evaluation.records import write_whole
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
        write_whole(folder / name, text)
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


def template_rows(score: DatasetScore, number: str, way: str) -> list[list[str]]:
    """Returns a line for each template: its id, then value and error on each split."""
    splits = list(dict.fromkeys(one.split for one in score.templates))
    cells: dict[str, dict[str, str]] = {}
    for one in score.templates:
        if one.way == way and number in one.scores:
            text = with_error(one.scores[number], one.errors[number])
            cells.setdefault(one.template, {})[one.split] = text
    return [[name, *(of.get(split, "") for split in splits)] for name, of in cells.items()]


def with_error(value: float, error: float | None) -> str:
    """A number with what is given for its spread."""
    return f"{value:.1f}" if error is None else f"{value:.1f} ± {error:.1f}"
