"""`flan diff` of builds and mixtures with parts says what changed by part."""

import dataclasses
import json

import pytest

import flan_tasks as ft
from flan_tasks.datasets import catalog
from flan_tasks.reports.part_changes import PartChanges, part_changes

SHARED = {"source": "samples", "vocab": "bytes", "allow_missing": True, "examples": 240}


def changed_mixture():
    """flan2022 with another weight, cap and style, fewer shots and types, a part less, one more."""
    whole = catalog().mixture("flan2022")
    parts = {part.name: part for part in whole.parts}
    del parts["dialog"]
    parts["flan2021"] = dataclasses.replace(
        parts["flan2021"], weight=0.5, option_style="slashes", cap=10_000
    )
    parts["niv2"] = dataclasses.replace(parts["niv2"], prompt_types=("zs_opt",))
    parts["cot"] = dataclasses.replace(parts["cot"], shots=(1, 2))
    parts["translated"] = ft.Part(name="translated", weight=0.1, include=("translation",))
    return dataclasses.replace(whole, name="mine", parts=tuple(parts.values()))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    ft.build("flan2022", folder / "a", report=False, **SHARED)
    ft.build(changed_mixture(), folder / "b", report=False, **SHARED)
    return folder / "a", folder / "b"


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def entries_of(folder):
    return {part["path"]: part for part in manifest_of(folder)["parts"]}


def test_builds_of_flan2022_differ_by_part_in_what_was_changed(pair):
    found = ft.diff(*pair)
    a, b = map(entries_of, pair)
    parts = found.parts
    assert parts.added == ("translated",)
    assert parts.removed == (
        *("niv2/fs_opt", "dialog", "dialog/forward", "dialog/forward/zs_opt"),
        *("dialog/forward/fs_opt", "dialog/inverted", "dialog/inverted/zs_opt"),
        "dialog/inverted/fs_opt",
    )
    flan = parts.changed["flan2021"]
    assert flan["weight"] == (0.4, 0.5) and flan["cap"] == (None, 10_000)
    assert flan["option_style"] == (None, "slashes")
    for fact, name in (("share", "share"), ("rows", "realized"), ("repeats", "repeats")):
        assert flan[fact] == (a["flan2021"][name], b["flan2021"][name])
    before, after = flan["option_styles"]
    assert len(before) > 10 and set(after) == {"plain", "slashes"}
    assert parts.changed["niv2"]["prompt_types"] == (
        {"zs_opt": 1.0, "fs_opt": 1.0},
        {"zs_opt": 1.0},
    )
    assert parts.changed["cot"]["shots"] == ([1, 5], [1, 2])
    fewer = parts.changed["cot/forward/fs_opt"]
    assert fewer["prompts"] == ("fs_opt, 1-5 shots", "fs_opt, 1-2 shots")
    # All of it is said by part, and nothing once more for the whole.
    assert not [name for name in found.settings if "parts" in name]


def test_rows_are_counted_by_part(pair):
    rows = ft.diff(*pair).rows
    a, b = map(entries_of, pair)
    assert {"flan2021", "t0", "niv2", "cot", "dialog", "translated"} == set(rows.parts)
    for part, counts in rows.parts.items():
        in_both = counts["same"] + counts["reworded"]
        assert in_both + counts["removed"] == a.get(part, {"realized": 0})["realized"]
        assert in_both + counts["added"] == b.get(part, {"realized": 0})["realized"]
    assert sum(counts["same"] for counts in rows.parts.values()) == rows.same
    assert rows.parts["dialog"]["added"] == rows.parts["translated"]["removed"] == 0


def test_the_command_prints_it_by_part_and_briefly(pair, flan):
    printed = flan("diff", *pair).out
    lines = " ".join(printed.split())
    for text in (
        "~ part flan2021",
        "weight 0.4 → 0.5",
        "cap none → 10,000",
        "option_style none → slashes",
        "- part dialog",
        "+ part translated",
        "shots 1, 5 → 1, 2",
        "prompts fs_opt, 1-5 shots → fs_opt, 1-2 shots",
        "tasks of flan2021/zs_opt",
    ):
        assert text in lines, text
    assert " → 2 styles (slashes " in lines and "rate of 78, share of 78" in lines
    # A part that is gone or new stands for its tasks.
    assert "dialog/forward/zs_opt/qrecc" not in lines.partition("rows:")[0]
    assert "mixture.parts" not in printed
    assert len(printed.splitlines()) < 150
    counts = ft.diff(*pair).rows.parts["flan2021"]
    said = ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
    assert f"flan2021: {said}" in lines
    found = json.loads(flan("diff", *pair, "--json").out)
    assert found["parts"]["changed"]["flan2021"]["weight"] == [0.4, 0.5]


def test_a_build_of_parts_does_not_differ_from_itself(pair, flan):
    assert ft.diff(pair[0], pair[0]).is_empty
    assert "do not differ" in flan("diff", pair[1], pair[1]).out


def test_mixtures_differ_by_part_too():
    found = ft.diff("flan2022", changed_mixture())
    assert "translated" in found.parts.added and "dialog" in found.parts.removed
    flan_2021 = found.parts.changed["flan2021"]
    assert flan_2021["weight"] == (0.4, 0.5)
    assert found.parts.changed["flan2021/zs_opt"]["option_style"] == ("varied", "slashes")
    assert found.parts.changed["cot/forward/fs_opt"]["shots"] == (5, 2)
    assert "tasks" not in flan_2021 and "mixture.parts" not in found.settings


def test_a_held_out_cluster_is_counted_by_part(flan):
    printed = " ".join(flan("diff", "flan2022", "flan2022.without.nli").out.split())
    # Five of its tasks are evaluated only.
    assert "~ part niv2 tasks 1,551 → " in printed and "+ part" not in printed


def test_mixtures_without_parts_have_no_word_of_them():
    assert ft.diff("all", "without.nli").parts == PartChanges()


def test_facts_that_one_side_lacks_are_none():
    changes = part_changes({"a": {"cap": 3}, "b": {}}, {"b": {"shots": 2}, "c": {}})
    assert changes == PartChanges(("c",), ("a",), {"b": {"shots": (None, 2)}})
