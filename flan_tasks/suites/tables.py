"""What is printed of suites: their averages, beside what others published, and their tasks."""

from collections.abc import Sequence

from flan_tasks.evaluation.score_tables import with_error
from flan_tasks.suites.averages import AverageScore
from flan_tasks.suites.declared import Suite
from flan_tasks.suites.scores import SuiteScore


def averages_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of a suite's averages."""
    lines = [
        [
            f"  {one.group}" if one.group else one.name,
            with_error(one.value, one.error, examples=one.num_examples) + _quartiles(one),
            "-" if one.chance is None else f"{one.chance:.1f}",
            f"{one.num_tasks:,}",
            f"{one.num_examples:,}",
        ]
        for one in score.averages
    ]
    return ["average", score.number, "chance", "tasks", "examples"], lines


def _quartiles(one: AverageScore) -> str:
    return f" ({one.quartiles[0]:.1f}-{one.quartiles[1]:.1f})" if one.quartiles else ""


def lines_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of the datasets of a suite that asks templates."""
    measures = list(dict.fromkeys(name for of_one in score.measures.values() for name in of_one))
    has_best = any(one.best for one in score.lines)
    lines = [
        [
            one.dataset,
            ", ".join(one.numbers),
            f"{one.mean:.1f}",
            "-" if one.deviation is None else f"{one.deviation:.1f}",
            f"{one.lowest:.1f}-{one.highest:.1f}",
            *(["-" if one.best_value is None else f"{one.best_value:.1f}"] if has_best else ()),
            *(_measure(score, one.dataset, name) for name in measures),
            str(one.num_templates),
            f"{one.num_examples:,}",
        ]
        for one in score.lines
    ]
    best = ["best on validation"] if has_best else []
    named = [_MEASURES.get(name, name) for name in measures]
    columns = ["dataset", "score", "mean", "sd", "range", *best, *named, "templates", "examples"]
    return columns, lines


_MEASURES = {"calibration": "calibration error", "typos": "with typos", "worst": "worst of both"}


def _measure(score: SuiteScore, dataset: str, name: str) -> str:
    value = score.measures.get(dataset, {}).get(name)
    return "-" if value is None else f"{value:.1f}"


def parts_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of the suites that a suite is made of."""
    lines = [[one.name, one.suite, one.average, f"{one.value:.1f}"] for one in score.parts]
    return ["part", "suite", "average", "score"], lines


def published_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of what others report."""
    lines = [[one.model, one.average, f"{one.value:.1f}", one.source] for one in score.published]
    return ["published", "average", score.number, "read in"], lines


def tasks_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of a suite's tasks."""
    lines = []
    for task in score.tasks:
        one = next(one for one in task.templates if one.way == score.way)
        value = with_error(
            one.scores[score.number], one.errors[score.number], examples=one.num_examples
        )
        shots = f"{one.shots:g}" if one.shots == round(one.shots) else f"{one.shots:.1f}"
        lines.append([task.dataset, value, f"{one.num_examples:,}", shots])
    return ["task", score.number, "examples", "shots"], lines


def suites_table(suites: Sequence[Suite]) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of suites and their protocols."""
    lines = [
        [
            suite.name,
            protocol.name,
            protocol.method,
            "templates" if protocol.templates else str(protocol.shots),
            protocol.split,
            f"{suite.rows:,}" if suite.rows else "-",
        ]
        for suite in suites
        for protocol in suite.protocols
    ]
    lines += [
        [suite.name, part.suite, "part", "", "", ""] for suite in suites for part in suite.parts
    ]
    return ["suite", "protocol", "method", "shots", "split", "examples"], lines
