"""The parts of a build as they stand in its manifest, and as tables of texts made of that."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.part_tree import MARK, Branch
from flan_tasks.core.parts import EXAMPLES
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient, Prepared
from flan_tasks.plan.token_lengths import length_note

HEADS = (
    *("part", "weight", "share", "requested", "realized", "available", "tasks", "repeats"),
    "prompts",
)


def part_table(prepared: Prepared, plan: Plan) -> list[dict[str, Any]]:
    """Returns one entry a part, each before those inside it; none of a mixture without parts."""
    if not prepared.mixture.parts or prepared.tree is None:
        return []
    return list(_entries(prepared.tree, prepared, plan))


def _entries(branch: Branch, prepared: Prepared, plan: Plan) -> Iterator[dict[str, Any]]:
    for one in branch.branches:
        items = [number for number, item in enumerate(plan.ingredients) if _is_in(item, one.path)]
        requested = sum(plan.counts[number] for number in items)
        shares = plan.shares
        exact = shares.parts.get(one.path, 0) if shares else requested
        available = sum(plan.ingredients[number].available for number in items)
        members = {name for leaf in one.leaves for name in prepared.members.get(leaf.path, ())}
        yield {
            "path": one.path,
            "tasks": len({plan.ingredients[number].dataset.name for number in items}),
            "missing": len(members & {*prepared.missing, *prepared.too_small}),
            "weight": float(one.weight),
            "share": round(float(exact / len(plan)), 6),
            "requested": requested,
            "available": available,
            "repeats": round(requested / available, 4) if available else 0.0,
            "at_ceiling": bool(shares and items and set(items) <= shares.full),
            "prompts": _prompts([plan.ingredients[number] for number in items]) if one.leaf else "",
        }
        yield from _entries(one, prepared, plan)


def _is_in(item: Ingredient, path: str) -> bool:
    return item.part == path or item.part.startswith(f"{path}{MARK}")


def _prompts(items: Sequence[Ingredient]) -> str:
    """What prompts of a part without parts are like."""
    if not items:
        return ""
    first = items[0]
    found, most = first.prompt_type, first.variation.shots
    if not most:
        return found
    fewest = first.fewest_shots
    number = counted(most, "shot") if fewest in (None, most) else f"{fewest}-{most} shots"
    return f"{found}, {number}"


def is_missing(entry: Mapping[str, Any]) -> bool:
    """Whether none of a part's rows is there."""
    return not entry["available"]


def part_rows(parts: Sequence[Mapping[str, Any]], *, paths: bool = False) -> list[list[str]]:
    """Returns the cells of a table of parts, under HEADS.

    Args:
      parts: the entries of the manifest.
      paths: whether parts are called by their paths; otherwise by their names, further in the
        deeper they are.
    """
    rows = []
    for entry in parts:
        depth = entry["path"].count(MARK)
        repeats = f"{entry['repeats']:.2f}" + (", at its ceiling" if entry["at_ceiling"] else "")
        rows.append(
            [
                entry["path"] if paths else "- " * depth + entry["path"].rsplit(MARK, 1)[-1],
                f"{entry['weight']:g}",
                f"{entry['share']:.2%}",
                f"{entry['requested']:,}",
                f"{entry['realized']:,}" if "realized" in entry else "",
                f"{entry['available']:,}",
                _tasks(entry),
                "missing" if is_missing(entry) else repeats,
                entry["prompts"],
            ]
        )
    return rows


def _tasks(entry: Mapping[str, Any]) -> str:
    """How many tasks have rows, of how many; builds of before do not say it."""
    if "tasks" not in entry:
        return ""
    missing = f" of {entry['tasks'] + entry['missing']:,}" if entry["missing"] else ""
    return f"{entry['tasks']:,}{missing}"


def part_notes(mixture: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says what the shares of parts are of, and which parts the others stand in for."""
    notes = []
    if mixture.get("weights", EXAMPLES) != EXAMPLES:
        notes.append(length_note(mixture["weights"]))
    missing = [entry["path"] for entry in parts if is_missing(entry)]
    # What is inside a missing part goes without saying.
    gone = [path for path in missing if path.rpartition(MARK)[0] not in missing]
    if gone:
        notes.append(
            f"Without parts whose rows are missing: {', '.join(gone)}; their shares went to the "
            "parts beside them, in proportion to their weights."
        )
    if any(entry["at_ceiling"] for entry in parts):
        notes.append(
            "Parts at their ceiling are drawn as often as max_repeats allows; what that frees went "
            "to the others in proportion."
        )
    return notes
