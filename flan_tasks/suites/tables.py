"""What is printed of suites: their averages, beside what others published, and their tasks."""

from collections.abc import Sequence

from flan_tasks.evaluation.score_tables import with_error
from flan_tasks.suites.declared import Suite
from flan_tasks.suites.scores import SuiteScore


def averages_table(score: SuiteScore) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of a suite's averages."""
    lines = [
        [
            one.name,
            with_error(one.value, one.error, examples=one.num_examples),
            "-" if one.chance is None else f"{one.chance:.1f}",
            f"{one.num_tasks:,}",
            f"{one.num_examples:,}",
        ]
        for one in score.averages
    ]
    return ["average", score.number, "chance", "tasks", "examples"], lines


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
            str(protocol.shots),
            protocol.split,
            f"{suite.rows:,}" if suite.rows else "-",
        ]
        for suite in suites
        for protocol in suite.protocols
    ]
    return ["suite", "protocol", "method", "shots", "split", "examples"], lines
