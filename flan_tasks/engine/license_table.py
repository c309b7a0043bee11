"""The licenses of a build's rows, part by part, and what they say of use, as texts for tables."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.engine.one_a_part import outermost

LICENSE_HEADS = ("part", "license", "use", "rows", "share")
# What is looked for in the words of a license, in this order; the first that is there counts.
_USES = {
    "non-commercial": re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE),
    "research": re.compile(
        r"\b(for research|research use|research only|academic license)\b|\(research\)",
        re.IGNORECASE,
    ),
    "not stated": re.compile(r"^unknown$|^not stated\b", re.IGNORECASE),
}
# Licenses of a part that have a line of their own; a family may have fifty.
_LISTED = 12


def use_of(license: str) -> str:
    """Returns what a license says of use: one of three words, or nothing where none is meant."""
    return next((use for use, words in _USES.items() if words.search(license)), "")


def license_rows(manifest: Mapping[str, Any], *, whole: bool = False) -> list[list[str]]:
    """Returns the cells of a table, under LICENSE_HEADS: of each part the most frequent first.

    Args:
      manifest: of the build.
      whole: every license on a line of its own; otherwise rare ones stand together, by their use.
    """
    parts: dict[str, Counter[str]] = {}
    for task in manifest["tasks"]:
        rows = parts.setdefault(outermost(task.get("part", "")), Counter())
        rows[task["license"]] += task["realized"]
    table = []
    for part, rows in parts.items():
        total = rows.total() or 1
        lines = [(license, use_of(license), count) for license, count in rows.most_common()]
        shown = lines if whole or len(lines) <= _LISTED else lines[: _LISTED - 4]
        rare: dict[str, list[int]] = {}
        for _, use, count in lines[len(shown) :]:
            rare.setdefault(use, []).append(count)
        shown = shown + [
            (counted(len(counts), "other"), use, sum(counts))
            for use, counts in sorted(rare.items())
        ]
        table += [
            [part, license, use, f"{count:,}", f"{count / total:.1%}"]
            for license, use, count in shown
            if count
        ]
    return table


def use_note(manifest: Mapping[str, Any]) -> str:
    """Says how many rows have a license that limits their use, or none; empty where all are free.

    It is what the words of the licenses say: no advice on law.
    """
    rows: Counter[str] = Counter()
    for task in manifest["tasks"]:
        rows[use_of(task["license"])] += task["realized"]
    texts = {
        "non-commercial": "whose license excludes commercial use",
        "research": "whose license is for research",
        "not stated": "whose source states no license",
    }
    found = [
        f"{rows[use]:,} ({rows[use] / rows.total():.1%}) {text}"
        for use, text in texts.items()
        if rows[use]
    ]
    return f"Rows by the words of their licenses: {'; '.join(found)}." if found else ""
