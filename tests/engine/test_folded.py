"""What is shown of the many members of a family: as one, with the first few names."""

import json

from flan_tasks.engine.card import make_card
from flan_tasks.engine.folded import folded_reasons

GONE = "its file is missing"
MISSING = {f"toys:task_{number}": GONE for number in range(1600)} | {
    "rte": GONE,
    "toys:odd": "too few rows",
    "other:one": GONE,
}


def test_members_of_a_family_with_one_reason_are_one():
    assert folded_reasons(MISSING) == [
        ("toys:task_0, toys:task_1, toys:task_2, and 1,597 more of toys", GONE),
        ("rte", GONE),
        ("toys:odd", "too few rows"),
        ("other:one", GONE),
    ]


def test_a_card_names_missing_members_together(make_build):
    folder = make_build()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"missing": MISSING, "without_split": sorted(MISSING)}
    text = make_card(manifest)
    assert "toys:task_2, and 1,597 more of toys: its file is missing\n" in text
    assert "toys:task_1599" not in text and "rows were not available, 1603" in text
