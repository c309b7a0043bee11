"""Tasks of parts counted and folded, and their licenses by what these say of use."""

import pytest

from flan_tasks.engine.license_table import license_rows, use_note, use_of
from flan_tasks.engine.one_a_part import one_a_part
from flan_tasks.engine.part_table import part_notes
from flan_tasks.engine.task_counts import count_rows


def entry(part, name, rows, **others):
    return {
        "part": part,
        "prompt_type": part.rsplit("/", 1)[-1],
        "name": f"{part}/{name}",
        "cluster": "nli",
        "kinds": ["forward", "inverted"],
        "license": "MIT",
        "realized": rows,
        "available": 10,
        "rows_read": 12,
        "skipped": {"no answer": 2},
        "templates": 10,
        "template_counts": {"hence": rows},
        **others,
    }


TASKS = [
    entry("a/zs_opt", "rte", 30),
    entry("a/zs_noopt", "rte", 10, skipped={"no answer": 2, "needs options": 1}),
    entry("a/zs_opt", "ag_news", 5, license="CC-BY-NC-4.0", kinds=["forward"], cluster="topic"),
    entry("b", "niv2:one", 5, license="unknown", kinds=["forward"], prompt_type="fs_opt"),
]
PARTS = {"dialog": 0, "dialog/forward": 0, "cot": 9, "cot/forward": 9, "cot/inverted": 0}
MANIFEST = {
    "tasks": TASKS,
    "parts": [{"path": "a"}, {"path": "a/zs_opt", "missing": 0}, {"path": "b", "missing": 7}],
}


def test_a_task_is_one_entry_in_each_outermost_part():
    rte, news, member = one_a_part(TASKS)
    assert (rte["name"], rte["part"], rte["realized"]) == ("a/rte", "a", 40)
    assert rte["available"] == 20 and rte["rows_read"] == 12
    assert rte["skipped"] == {"no answer": 2, "needs options": 1}
    assert rte["template_counts"] == {"hence": 40}
    assert news == TASKS[2] and member == TASKS[3]


def test_entries_without_parts_stay_as_they_are():
    flat = [{"name": "rte", "realized": 3}, {"name": "niv2:one", "realized": 2}]
    assert one_a_part(flat) == flat


def test_tasks_are_counted_by_every_way_of_counting():
    assert count_rows(MANIFEST) == [
        ["a", "2", "3", "3", "2", "0", "45"],
        ["b", "1", "1", "1", "1", "7", "5"],
        ["all", "3", "4", "4", "2", "7", "50"],
    ]


@pytest.mark.parametrize(
    ("license", "use"),
    [
        ("CC-BY-NC-SA-4.0", "non-commercial"),
        ("CC BY-NC", "non-commercial"),
        ("for non-commercial research and educational purposes only", "non-commercial"),
        ("free for research, as the organizers state", "research"),
        ("not stated by the source (research use)", "research"),
        ("Microsoft Research Data License Agreement (https://example.org)", ""),
        ("unknown", "not stated"),
        ("not stated by the source (texts: BBC)", "not stated"),
        ("CC-BY-SA-4.0 (SNLI); the explanations' is not stated by the source", ""),
        ("CC0-1.0", ""),
    ],
)
def test_the_words_of_a_license_say_what_use_it_leaves(license, use):
    assert use_of(license) == use


def test_licenses_are_counted_part_by_part():
    assert license_rows(MANIFEST) == [
        ["a", "MIT", "", "40", "88.9%"],
        ["a", "CC-BY-NC-4.0", "non-commercial", "5", "11.1%"],
        ["b", "unknown", "not stated", "5", "100.0%"],
    ]
    assert "5 (10.0%) whose license excludes commercial use" in use_note(MANIFEST)
    assert use_note({"tasks": TASKS[:1]}) == ""


def test_rare_licenses_stand_together_by_their_use():
    tasks = [entry("a", f"t{n}", 100 - n, license=f"License {n}") for n in range(20)]
    tasks.append(entry("a", "last", 1, license="CC-BY-NC-2.0"))
    shown = license_rows({"tasks": tasks})
    assert [cells[1:4] for cells in shown[8:]] == [
        ["12 others", "", "1,038"],
        ["1 other", "non-commercial", "1"],
    ]
    assert len(license_rows({"tasks": tasks}, whole=True)) == 21


def test_of_a_missing_part_the_parts_inside_are_not_named():
    parts = [{"path": path, "available": n, "at_ceiling": False} for path, n in PARTS.items()]
    (note,) = part_notes({}, parts)
    assert "missing: dialog, cot/inverted; their shares" in note
