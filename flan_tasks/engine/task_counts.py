"""How many tasks the parts of a build have, by the ways in which they are counted."""

from collections.abc import Mapping
from typing import Any

from flan_tasks.engine.one_a_part import bare_name, outermost

COUNT_HEADS = ("part", "tasks", "inverted apart", "by prompt type", "clusters", "missing", "rows")


def count_rows(manifest: Mapping[str, Any]) -> list[list[str]]:
    """Returns the cells of a table, under COUNT_HEADS: a line for each outermost part, and all.

    A task is a dataset, or a member of a family. With inverted ones apart, one whose answer is also
    asked for its question is two; by prompt type it is one for each type that it has.
    """
    missing = {
        entry["path"]: entry.get("missing", 0)
        for entry in manifest.get("parts", ())
        if entry["path"] == outermost(entry["path"])
    }
    lines: dict[str, dict[str, set[Any]]] = {}
    rows: dict[str, int] = dict.fromkeys(missing, 0)
    for task in manifest["tasks"]:
        part, name = outermost(task["part"]), bare_name(task)
        line = lines.setdefault(part, {"tasks": set(), "kinds": set(), "types": set()})
        line["tasks"].add((name, task["cluster"]))
        line["kinds"] |= {(name, kind) for kind in task.get("kinds", ("",))}
        line["types"].add((name, task["prompt_type"]))
        rows[part] = rows.get(part, 0) + task["realized"]
    table = [
        _cells(part, [lines[part]] if part in lines else [], missing.get(part, 0), count)
        for part, count in rows.items()
    ]
    if len(table) > 1:
        every = list(lines.values())
        table.append(_cells("all", every, sum(missing.values()), sum(rows.values())))
    return table


def _cells(part: str, lines: list[dict[str, set[Any]]], missing: int, rows: int) -> list[str]:
    counts = [sum(len(line[key]) for line in lines) for key in ("tasks", "kinds", "types")]
    clusters = {cluster for line in lines for _, cluster in line["tasks"]}
    return [part, *(f"{n:,}" for n in (*counts, len(clusters), missing, rows))]
