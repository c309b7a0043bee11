"""The results of an evaluation: JSON with everything, CSV with a line a template, tables to read.

A standard error is shown from 30 examples on, and where not all examples have the same value: with
fewer, or with none that differ, sd / sqrt(n) says nothing about other examples (Brown, Cai and
DasGupta 2001). Files have it wherever it can be computed.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.evaluation.answers import write_kept
from flan_tasks.evaluation.chart import draw_scores
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM
from flan_tasks.evaluation.summary import FEW, TEST, VALIDATION, DatasetScore, Spread
from flan_tasks.evaluation.warnings import score_warnings

# Remarks on answers that are listed under the table; scores.json has them all.
_MOST_REMARKS = 6
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
    "shortened",
    "left_out",
)


def write_results(
    folder: Path,
    scores: Sequence[DatasetScore],
    *,
    settings: Mapping[str, Any],
    missing: Mapping[str, str],
    left_out: Mapping[str, str],
    of_suites: Sequence[DatasetScore] = (),
    suites: Sequence[Mapping[str, Any]] = (),
    parted: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Writes scores.json, scores.csv and, of datasets, scores.svg; returns where they are.

    Args:
      folder: where to.
      scores: of datasets, over their templates.
      settings: what decides the answers.
      missing: what has no numbers -> why.
      left_out: what of the rest was not asked -> why.
      of_suites: of tasks of suites, one prompt each.
      suites: their averages, for JSON.
      parted: numbers with and without examples that training shares text with, for JSON.
    """
    every = [*scores, *of_suites]
    content = {
        "settings": dict(settings),
        "datasets": [score.to_json() for score in every],
        "missing": dict(missing),
        **({"left_out": dict(left_out)} if left_out else {}),
        "warnings": score_warnings(every),
    }
    if suites:
        content["suites"] = list(suites)
    if parted is not None:
        content["contamination"] = dict(parted)
    texts = {
        "scores.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        "scores.csv": as_csv(every),
    }
    if scores:
        texts["scores.svg"] = draw_scores(scores)
    for name, text in texts.items():
        write_kept(folder / name, text)
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
                        one.shortened,
                        one.left_out,
                    ]
                )
    return out.getvalue()


def overview(scores: Sequence[DatasetScore]) -> tuple[str, list[str], list[list[str]]]:
    """Returns a caption, columns and a line for each dataset: its first number, over templates.

    Options are ranked by the sum of their log-probabilities, and besides as was asked for. Where
    a dataset has both, test is shown. What is the same in all lines stands in the caption, and
    what no line has is left out.
    """
    lines = [(score.dataset, spread) for score in scores for spread in _shown(score)]
    names = [name for name, _ in lines]
    several = len(set(names)) < len(names)
    cells = {
        "dataset": names,
        "metric": [spread.number for _, spread in lines],
        "answer": [_answered(spread.way) for _, spread in lines],
        "split": [spread.split for _, spread in lines],
        "examples": [f"{spread.num_examples:,}" for _, spread in lines],
        "chance": [_number(spread.chance) for _, spread in lines],
        "majority": [_number(spread.majority) for _, spread in lines],
        "mean": [_number(spread.mean) for _, spread in lines],
        "sd": [_number(spread.deviation) for _, spread in lines],
        "range": [f"{spread.lowest:.1f}-{spread.highest:.1f}" for _, spread in lines],
    }
    common = {name: set(cells[name]) for name in ("metric", "answer", "split")}
    words = {"rank": "options ranked", "text": "text written", TEST: "test split"}
    words |= {VALIDATION: "validation split"}
    shared = [next(iter(values)) for values in common.values() if len(values) == 1]
    pieces = [words.get(name, name) for name in shared]
    hidden = {name for name, values in common.items() if len(values) == 1}
    if not several:
        hidden.add("answer")
    hidden |= {name for name in ("chance", "majority", "sd") if set(cells[name]) == {"-"}}
    columns = [name for name in cells if name not in hidden]
    counts = {spread.num_templates for _, spread in lines}
    templates = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
    noun = "template" if templates == "1" else "templates"
    caption = ", ".join([*pieces, f"over {templates} {noun} of each dataset"])
    rows = [list(row) for row in zip(*(cells[name] for name in columns), strict=True)]
    return caption, columns, rows


def legend(scores: Sequence[DatasetScore]) -> list[str]:
    """Returns what the columns of the overview mean, and what its numbers do not."""
    spreads = [spread for score in scores for spread in _shown(score)]
    lines = []
    if any(spread.chance is not None for spread in spreads):
        lines.append("chance: guessing among the options; majority: always the commonest answer")
    lines.append("mean, sd, range: over templates, so how much the wording matters")
    few = [spread for spread in spreads if spread.num_examples < FEW]
    if few:
        whose = "all" if len(few) == len(spreads) else f"{len(few)} of {len(spreads)} lines"
        lines.append(f"fewer than {FEW} examples in {whose}: too few to tell models apart")
    ones = [(score.dataset, one) for score in scores for one in score.templates]
    lines += dict.fromkeys(
        f"{name} signature: {text}" for _, one in ones for name, text in one.signatures.items()
    )
    remarks = [
        f"{dataset}.{one.template}, {one.split}, {name}: {text}"
        for dataset, one in ones
        for name, text in one.remarks.items()
    ]
    more = len(remarks) - _MOST_REMARKS
    rest = [f"... and {counted(more, 'more such line')}"] if more > 0 else []
    return lines + remarks[:_MOST_REMARKS] + rest


def _shown(score: DatasetScore) -> list[Spread]:
    """The first number of each way to an answer, on test where there is one.

    That for each token, which is always there, stands in the files alone.
    """
    splits = {spread.split for spread in score.spreads}
    split = TEST if TEST in splits else score.spreads[0].split
    shown: dict[str, Spread] = {}
    for spread in score.spreads:
        if spread.split == split and spread.way != NORMALIZED:
            shown.setdefault(spread.way, spread)
    return list(shown.values())


def _answered(way: str) -> str:
    """How the overview calls a way to an answer."""
    return {GENERATED: "text", SUM: "rank"}.get(way, f"rank, {way}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _range(quartiles: tuple[float, float]) -> str:
    return f"{quartiles[0]:.1f}-{quartiles[1]:.1f}"


def score_table(score: DatasetScore, number: str) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of one number: templates, then what they come to.

    A column is a way to an answer and a split; a template's cell is its value, with its standard
    error where that says something.
    """
    spreads = [spread for spread in score.spreads if spread.number == number]
    columns = [(spread.way, spread.split) for spread in spreads]
    cells = {
        (one.template, one.way, one.split): with_error(
            one.scores[number], one.errors[number], examples=one.num_examples
        )
        for one in score.templates
        if number in one.scores
    }
    names = list(dict.fromkeys(template for template, _, _ in cells))
    lines = [[name, *(cells.get((name, *column), "") for column in columns)] for name in names]
    lines.append(["mean", *(f"{spread.mean:.1f}" for spread in spreads)])
    deviations = [spread.deviation for spread in spreads]
    lines.append(["standard deviation", *(_number(d) for d in deviations)])
    lines.append(["median", *(_number(spread.median) for spread in spreads)])
    ranges = [spread.quartiles for spread in spreads]
    lines.append(["interquartile range", *("-" if r is None else _range(r) for r in ranges)])
    return ["template", *(f"{split}, {way}" for way, split in columns)], lines


def with_error(value: float, error: float | None, *, examples: int) -> str:
    """A number with its standard error, where that says something."""
    return f"{value:.1f} ± {error:.1f}" if error and examples >= FEW else f"{value:.1f}"
