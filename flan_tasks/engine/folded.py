"""Entries of tasks as they are shown: those of a family as one, a member's a flag away."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.naming import MEMBER_MARK

_SUMS = (
    *("rate", "share", "available", "requested", "realized", "repeated", "never_seen"),
    *("rows_read", "examples_read"),
)
# Names of members that are spelled out where several are meant.
_NAMED = 3


def folded(tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns entries of a manifest's tasks, in which a family's members are one entry.

    Its counts are their sums. It stands where its first member does. A family of which one member
    is there stays that member.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for task in tasks:
        family, mark, _ = task["name"].partition(MEMBER_MARK)
        groups.setdefault(family + mark, []).append(task)
    return [
        dict(group[0]) if len(group) == 1 else _together(name, group)
        for name, group in groups.items()
    ]


def _together(name: str, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    entry = dict(tasks[0])
    for key in _SUMS:
        if key in entry:
            entry[key] = sum(task[key] for task in tasks)
    for key in ("skipped", "template_counts"):
        if key in entry:
            counts: dict[str, int] = {}
            for task in tasks:
                for reason, count in task[key].items():
                    counts[reason] = counts.get(reason, 0) + count
            entry[key] = counts
    for key in ("texts", "fitting", "option_styles"):
        if values := [task[key] for task in tasks if key in task]:
            entry[key] = added(values)
    licenses = {task["license"] for task in tasks}
    clusters = {task["cluster"] for task in tasks}
    return entry | {
        "name": f"{name.removesuffix(MEMBER_MARK)} ({counted(len(tasks), 'task')})",
        "cluster": entry["cluster"] if len(clusters) == 1 else f"{len(clusters)} clusters",
        "license": entry["license"] if len(licenses) == 1 else f"{len(licenses)} licenses",
        "templates": max(task["templates"] for task in tasks),
    }


def added(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns counts by name added up, and those that are counts by name themselves."""
    sums: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in counts for name in one):
        values = [one[name] for one in counts if name in one]
        sums[name] = added(values) if isinstance(values[0], Mapping) else sum(values)
    return sums


def folded_names(names: Iterable[str]) -> list[str]:
    """Returns names, of each family the first few and how many more there are."""
    by_family: dict[str, list[str]] = {}
    for name in names:
        family, mark, _ = name.partition(MEMBER_MARK)
        by_family.setdefault(family if mark else name, []).append(name)
    shown: list[str] = []
    for family, of_it in by_family.items():
        shown += of_it[:_NAMED]
        if len(of_it) > _NAMED:
            shown.append(f"and {len(of_it) - _NAMED:,} more of {family}")
    return shown


def folded_reasons(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns names with the reason that is given for each; members of a family with one as one.

    Args:
      reasons: name of a task -> why its rows are missing.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, reason in reasons.items():
        family, mark, _ = name.partition(MEMBER_MARK)
        groups.setdefault((f"{family}{mark}" if mark else name, reason), []).append(name)
    return [(", ".join(folded_names(names)), reason) for (_, reason), names in groups.items()]
