"""The numbers of a page, from scores and answers; each file of answers is read once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flan_tasks.evaluation.comparison import Compared
from flan_tasks.evaluation.over_prompts import prompts_table
from flan_tasks.evaluation.records import GENERATE, GENERATED, SUM, Record, Unit
from flan_tasks.evaluation.score_tables import legend, overview
from flan_tasks.evaluation.summary import DatasetScore, TemplateScore
from flan_tasks.results_page.scores_file import Scored, method_of
from flan_tasks.results_page.shown_answers import Sampler
from flan_tasks.results_page.tallies import calibration, confusion
from flan_tasks.suites.tables import averages_table

# Counts of a template that are shown where they are not zero.
_COUNTS = ("trimmed", "shortened", "left_out", "shared", "ties")


def evaluation_summary(scored: Scored, *, data_sets: Mapping[str, str]) -> dict[str, Any]:
    """Returns everything but the answers of an evaluation.

    Args:
      scored: the evaluation.
      data_sets: dataset -> the data set of which it is a prompt, for numbers over prompts.
    """
    caption, columns, lines = overview(scored.datasets) if scored.datasets else ("", [], [])
    return {
        "name": scored.name,
        "settings": scored.answers.settings,
        "caption": caption,
        "table": [columns, lines],
        "legend": legend(scored.datasets) if scored.datasets else [],
        "over_prompts": prompts_table(scored.datasets, data_sets),
        "suites": [
            {
                **{name: value for name, value in asdict(suite).items() if name != "tasks"},
                "name": suite.name,
                "tasks": [task.dataset for task in suite.tasks],
                "table": averages_table(suite),
            }
            for suite in scored.suites
        ],
        "missing": dict(scored.missing),
        "left_out": dict(scored.left_out),
        "warnings": list(scored.warnings),
        "answers": sum(scored.units.values()),
        "others": len(set(scored.answers.units) - set(scored.units)),
    }


def dataset_lines(score: DatasetScore) -> dict[str, Any]:
    """Returns the numbers of a dataset: each over its templates, and of each template."""
    names = list(dict.fromkeys(one.template for one in score.templates))
    groups: dict[tuple[str, str], dict[str, TemplateScore]] = {}
    for one in score.templates:
        groups.setdefault((one.split, one.way), {})[one.template] = one
    lines = []
    for spread in score.spreads:
        of_line = groups[spread.split, spread.way]
        some = [of_line.get(name) for name in names]
        lines.append(
            {
                **asdict(spread),
                "first": spread.number == next(iter(next(iter(of_line.values())).scores)),
                "values": [one and one.scores.get(spread.number) for one in some],
                "errors": [one and one.errors.get(spread.number) for one in some],
            }
        )
    counts = {
        f"{split} {way}": {
            name: values
            for name in (*_COUNTS, "num_examples", "shots")
            if any(values := [getattr(of_line.get(one), name, 0) for one in names])
        }
        for (split, way), of_line in groups.items()
    }
    first = score.templates[0]
    return {
        "templates": names,
        "lines": lines,
        "counts": counts,
        "best": [asdict(one) for one in score.best],
        "signatures": dict(first.signatures),
        "remarks": [
            f"{one.template}, {one.split}, {name}: {text}"
            for one in score.templates
            for name, text in one.remarks.items()
        ],
        "unasked": dict(score.unasked),
    }


def gather(
    evaluations: Sequence[Scored],
    wholes: Mapping[Unit, Compared],
    sampler: Sampler,
    *,
    changed: Mapping[Unit, Mapping[str, Any]],
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Reads all answers: draws those that are shown, and returns what they come to.

    Args:
      evaluations: one, or two that are compared.
      wholes: how answers are read and scored.
      sampler: draws answers.
      changed: unit -> keys of examples whose answers changed.
      progress: told what is being read.

    Returns:
      What is compared as a whole -> for each evaluation "split way" -> template -> confusion and
      calibration.
    """
    tallies: dict[str, list[dict[str, dict[str, Any]]]] = {}
    numbers = {
        Unit(score.dataset, one.template, one.split, method_of(one.way)): next(iter(one.scores))
        for scored in reversed(evaluations)
        for score in scored.scores
        for one in score.templates
    }
    last = ""
    for unit in sorted(wholes):
        if progress and unit.dataset != last:
            progress(f"reading answers to {unit.dataset}")
            last = unit.dataset
        sides: list[Sequence[Record]] = [
            one.answers.kept(unit) if unit in one.units else () for one in evaluations
        ]
        of_dataset = tallies.setdefault(wholes[unit].name, [{} for _ in evaluations])
        for records, of_side in zip(sides, of_dataset, strict=True):
            for way in records[0].ways if records else ():
                read = [wholes[unit].read(record) for record in records]
                tally = {"classes": confusion(read, way), "bins": calibration(read, way)}
                if any(tally.values()):
                    of_side.setdefault(f"{unit.split} {way}", {})[unit.template] = tally
        keys = changed.get(unit, {})
        sampler.draw(unit, sides, wholes[unit], numbers[unit], changed=keys)
    return tallies


def shown_way(unit: Unit) -> str:
    """Returns the way to an answer that lists show: ranked by sums, or written."""
    return GENERATED if unit.method == GENERATE else SUM
