"""What is shown of the many members of a family: as one, with the first few names."""

import json

from flan_tasks.engine.card import make_card
from flan_tasks.engine.folded import folded, folded_reasons

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
    assert "toys:task_1599" not in text
    assert "Built without 1 dataset and 1,602 tasks of families, whose rows" in text


def entry(name: str, **more) -> dict:
    about = {"cluster": "c", "license": "MIT", "templates": 2, "skipped": {}, "template_counts": {}}
    return {"name": name, "realized": 3, **about, **more}


def test_what_became_of_texts_is_added_up():
    counts = {"tokens": 10, "unknown": 1}
    fitting = {"shortened": {"input": 2}, "lost_answers": 0, "too_long": 1}
    tasks = [
        entry("part/toys:a", texts={"inputs": counts, "targets": counts}),
        entry("part/toys:b", texts={"inputs": counts, "targets": counts}, fitting=fitting),
        entry("part/toys:c", texts={"inputs": counts, "targets": counts}, fitting=fitting),
        entry("other/toys:a"),
    ]
    together, alone = folded(tasks)
    assert together["name"] == "part/toys (3 tasks)" and alone["name"] == "other/toys:a"
    assert together["texts"]["inputs"] == {"tokens": 30, "unknown": 3}
    assert together["fitting"] == {"shortened": {"input": 4}, "lost_answers": 0, "too_long": 2}
    assert together["realized"] == 9 and "texts" not in alone


def test_sources_of_a_family_are_named_by_license(make_build):
    folder = make_build()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (first, *_) = manifest["tasks"]
    members = [
        {**first, "name": f"toys:task_{n}", "license": "MIT" if n % 2 else "unknown"}
        for n in range(200)
    ]
    text = make_card({**manifest, "tasks": members})
    assert text.count("and 97 more of toys: ") == 2
    assert "toys:task_199" not in text
