"""The page as one HTML file that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.version import VERSION
from flan_tasks.evaluation.comparison import Compared
from flan_tasks.evaluation.records import Unit
from flan_tasks.evaluation.summary import FEW
from flan_tasks.reports.html_file import Section, html_file
from flan_tasks.reports.packed_data import packed_script_text, script_text
from flan_tasks.results_page.gather import dataset_lines
from flan_tasks.results_page.scores_file import Scored

_PARTS = Path(__file__).parent / "parts"
# In this order: each may use what stands before it.
_SCRIPTS = (
    *("results", "pictures", "details", "scores", "changes", "curves", "settings", "token_texts"),
    *("answers", "main"),
)
_WITHOUT_SCRIPTS = (
    "This page draws itself with JavaScript, all of it in this file. The same numbers are in "
    "scores.json and scores.csv beside the answers, and <code>flan eval</code> prints them."
)


def results_file(
    summary: Mapping[str, Any], answers: Mapping[str, Any] | None, tallies: Mapping[str, Any]
) -> str:
    """Returns the page.

    Args:
      summary: what is shown at once: `evaluations`, `datasets`, `changes` and `runs`.
      answers: those that are shown, column by column; None for none.
      tallies: confusion and calibration.
    """
    sections = [Section("overview", "Overview")] if summary["evaluations"] else []
    if summary["changes"]:
        sections.append(Section("changes", "Changes"))
    if answers is not None:
        sections.append(Section("answers", "Answers", is_listing=True))
    if summary["runs"]:
        sections.append(Section("training", "Training"))
    sections.append(Section("settings", "Settings"))
    names = [one["name"] for one in (*summary["evaluations"], *summary["runs"])]
    return html_file(
        kind="results",
        title=" | ".join(names),
        sections=sections,
        without_scripts=_WITHOUT_SCRIPTS,
        scripts=[_PARTS / f"{name}.js" for name in _SCRIPTS],
        styles=[_PARTS / "style.css"],
        summary=script_text(
            {
                **summary,
                "sections": [[one.name, one.label] for one in sections],
                "flan_tasks": VERSION,
                "few": FEW,
            }
        ),
        blocks={
            "tallies": packed_script_text(tallies),
            "answers": packed_script_text(answers or {}),
        },
    )


def dataset_entries(
    evaluations: Sequence[Scored], wholes: Mapping[Unit, Compared]
) -> list[dict[str, Any]]:
    """Returns datasets and tasks of suites, with the numbers of each evaluation.

    Args:
      evaluations: one, or two.
      wholes: what a unit is part of.
    """
    names = {(unit.dataset, unit.template): whole.name for unit, whole in wholes.items()}
    entries: dict[str, dict[str, Any]] = {}
    for place, scored in enumerate(evaluations):
        of_suites = {id(task): suite.name for suite in scored.suites for task in suite.tasks}
        for score in scored.scores:
            name = names.get((score.dataset, score.templates[0].template))
            if name is None:  # of two, the other alone was not asked it
                continue
            entry = entries.setdefault(
                name,
                {
                    "name": name,
                    "cluster": score.cluster,
                    "suite": of_suites.get(id(score), ""),
                    "sides": [None] * len(evaluations),
                },
            )
            entry["sides"][place] = dataset_lines(score)
    return list(entries.values())
