"""Tasks of a mixture with parts as they are shown: one entry for each task of an outermost part.

Prompt types and kinds of template split a part once more, and its tasks stand in each of these
again: a hundred tasks are four hundred entries of a manifest.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flan_tasks.core.part_tree import MARK
from flan_tasks.engine.folded import added

# What the entries of one task share out among them; of everything else they say the same.
_SUMS = ("rate", "share", "available", "requested", "realized", "repeated", "never_seen")


def outermost(path: str) -> str:
    """Returns the name of the outermost part of a path; empty of a mixture without parts."""
    return path.partition(MARK)[0]


def bare_name(task: Mapping[str, Any]) -> str:
    """Returns a task's name without the parts that it is in."""
    return str(task["name"]).rsplit(MARK, 1)[-1]


def one_a_part(tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns entries of a manifest's tasks, each task once in each of the outermost parts.

    What was drawn is added up. Rows that were read or skipped count once, as they are the same.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for task in tasks:
        groups.setdefault((outermost(task.get("part", "")), bare_name(task)), []).append(task)
    return [
        dict(group[0]) if len(group) == 1 else _together(part, name, group)
        for (part, name), group in groups.items()
    ]


def _together(part: str, name: str, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    entry = dict(tasks[0]) | {"part": part, "name": f"{part}{MARK}{name}"}
    for key in _SUMS:
        if key in entry:
            entry[key] = sum(task[key] for task in tasks)
    for key in ("template_counts", "num_shots", "texts", "fitting", "option_styles"):
        if values := [task[key] for task in tasks if key in task]:
            entry[key] = added(values)
    skipped: dict[str, int] = {}
    for task in tasks:
        for reason, count in task["skipped"].items():
            skipped[reason] = max(skipped.get(reason, 0), count)
    most = max(task["templates"] for task in tasks)
    templates = max(most, len(entry.get("template_counts", ())))
    return entry | {"skipped": skipped, "templates": templates}
