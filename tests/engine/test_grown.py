"""Builds that grow: what was there stays as it is, and the whole follows the new mixture."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import make_catalog
from own_chats import ROWS as CHATS
from own_chats import messages

import flan_tasks as ft
from flan_tasks.core.errors import BuildError, DeclarationError, FlanTasksError
from flan_tasks.datasets import catalog
from flan_tasks.engine import work
from flan_tasks.engine.earlier import EarlierBuild
from flan_tasks.engine.recipe import library_versions, make_recipe
from flan_tasks.engine.reopen import reopen
from flan_tasks.engine.writers import WRITERS
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare

ROWS = {"source": "samples", "vocab": "bytes", "report": False}


def mixture(*names: str, **settings) -> ft.Mixture:
    return ft.Mixture(name="mine", include=names, **{"cap": 8, **settings})


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, as `diff -r` sees it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path) -> list[str]:
    return [
        line
        for path in sorted((folder / "data").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize(
    ("settings", "report"),
    [
        ({"format": "jsonl"}, True),
        ({"format": "jsonl", "shots": 1, "lengths": {"inputs": 600, "targets": 64}}, False),
        ({"format": "jsonl", "option_style": "varied", "seed": 3}, False),
        ({"format": "jsonl", "order": "blocks"}, False),
        ({"format": "parquet"}, False),
        ({"format": "tfrecord"}, False),
        ({"format": "arrayrecord"}, False),
        ({"format": "packed-tfrecord"}, False),
        ({"format": "arrays", "lengths": {"inputs": 256, "targets": 32}}, False),
        ({"format": "arrays", "arch": "decoder"}, False),
    ],
    ids=lambda one: "-".join(map(str, one.values())) if isinstance(one, dict) else "",
)
def test_a_grown_build_is_that_of_the_same_recipe_from_nothing(tmp_path, settings, report):
    settings = {**ROWS, **settings, "report": report}
    ft.build(mixture("rte", "copa"), tmp_path / "old", **settings, shards=2)
    new = mixture("rte", "anli", "copa", cap=12)
    grown = ft.build(new, tmp_path / "grown", grow_from=tmp_path / "old", shards=4, **settings)
    assert grown.taken_over == 2
    # The manifest of the old build is enough, and elsewhere.
    recipe = shutil.copy(tmp_path / "old" / "manifest.json", tmp_path / "recipe.json")
    anew = ft.build(new, tmp_path / "anew", grow_from=recipe, shards=4, **settings)
    assert anew.taken_over == 0
    assert files(tmp_path / "grown") == files(tmp_path / "anew")
    ft.verify(tmp_path / "grown")
    for number in range(2):
        old = json.loads((tmp_path / "old" / "manifest.json").read_text())["shards"][number]
        for before, after in zip(
            old["paths"], grown.manifest["shards"][number]["paths"], strict=True
        ):
            assert os.path.samefile(tmp_path / "old" / before, tmp_path / "grown" / after)


def test_the_whole_has_the_rates_of_the_new_mixture(tmp_path):
    old = ft.build(mixture("rte", "copa"), tmp_path / "old", **ROWS)
    new = mixture("rte", "anli", "copa", cap=12)
    grown = ft.build(new, tmp_path / "new", grow_from=tmp_path / "old", **ROWS)
    fresh = ft.build(new, tmp_path / "fresh", **ROWS)
    counts = {task["name"]: task["realized"] for task in grown.tasks}
    assert counts == {task["name"]: task["realized"] for task in fresh.tasks}
    lines = rows_of(tmp_path / "new")
    assert lines[: old.examples] == rows_of(tmp_path / "old")
    # Each task goes on where it was: what was seen already does not come again before the rest.
    seen = Counter((row["task"], row["key"]) for row in map(json.loads, lines))
    assert max(seen.values()) == 1
    assert old.manifest["digest"] in (tmp_path / "new" / "README.md").read_text()
    assert "--grow-from OLD" in grown.command


def test_a_build_grows_again_and_again(tmp_path):
    ft.build(mixture("rte"), tmp_path / "a", **ROWS)
    ft.build(mixture("rte", "copa"), tmp_path / "b", grow_from=tmp_path / "a", **ROWS)
    many = {"grow_from": tmp_path / "b", "examples": 100, **ROWS}
    last = ft.build(mixture("rte", "copa"), tmp_path / "c", **many)
    stages = last.manifest["recipe"]["grown_from"]
    assert [stage["rows"] for stage in stages] == [{"rte": 8}, {"rte": 0, "copa": 8}]
    assert {task["realized"] for task in last.tasks} == {50}
    again = {
        **many,
        "grow_from": shutil.copy(tmp_path / "b" / "manifest.json", tmp_path / "b.json"),
    }
    ft.build(mixture("rte", "copa"), tmp_path / "d", **again)
    assert files(tmp_path / "c") == files(tmp_path / "d")
    # Whoever goes back to the examples, and whoever looks at rows, has the same ones.
    _, plan = reopen(last.manifest, catalog(), source=SourceChoice("samples"))
    tasks = [plan.ingredients[n].name for n in plan.rows(0, 100).task]
    rows = [json.loads(line) for line in rows_of(tmp_path / "c")]
    assert tasks == [row["task"].removeprefix("flan:") for row in rows]
    view = ft.rows(mixture("rte", "copa"), **{k: v for k, v in many.items() if k != "report"})
    assert [row["inputs"] for row in view] == [row["inputs"] for row in rows]
    # Later passes have the same counts, and go on.
    later = plan.rows_at(np.arange(100, 200))
    assert np.bincount(later.task).tolist() == [50, 50]


def test_a_difference_says_what_a_build_grew_from(tmp_path):
    old = ft.build(mixture("rte"), tmp_path / "a", **ROWS)
    ft.build(mixture("rte", "copa"), tmp_path / "b", grow_from=tmp_path / "a", **ROWS)
    found = ft.diff(tmp_path / "a", tmp_path / "b")
    assert found.settings["grown_from"] == (None, [old.manifest["digest"][:12]])
    assert found.added == ("copa",)
    assert (found.rows.same, found.rows.same_order, found.rows.removed) == (8, True, ())


def refused(tmp_path, *names, kind=BuildError, match, mixing=None, **settings):
    out = tmp_path / "new"
    with pytest.raises(kind, match=match):
        ft.build(
            mixture(*names, **(mixing or {})),
            out,
            **{"grow_from": tmp_path / "old", **ROWS, **settings},
        )
    assert not out.exists()


def test_what_cannot_grow_is_refused_in_words(tmp_path, monkeypatch):
    ft.build(mixture("rte", "copa"), tmp_path / "old", **ROWS)
    both = ("rte", "copa")
    refused(tmp_path, *both, "anli", seed=1, match="(?s)differ:.*--seed: 0, now 1")
    refused(tmp_path, *both, "anli", options=False, match="--options: on, now off")
    refused(
        tmp_path, "rte", "anli", kind=DeclarationError, match="rows of copa, of which it has none"
    )
    refused(tmp_path, *both, kind=DeclarationError, match="as many as the build that it grows from")
    lower = {"kind": DeclarationError, "mixing": {"cap": 4}}
    refused(tmp_path, *both, match="ask for 16 rows or more", **lower)
    kept = ft.ConfigError
    refused(tmp_path, *both, "anli", kind=kept, shards=1, match="it grows from has 1: want more")
    refused(tmp_path, *both, "anli", kind=kept, split="test", match="is for the split train")
    refused(tmp_path, *both, grow_from=tmp_path, match="no build directory")
    monkeypatch.setattr("flan_tasks.engine.earlier.library_versions", lambda: {"pyarrow": "9"})
    refused(tmp_path, *both, "anli", match="pyarrow: .*, now 9")


def test_a_build_that_was_stopped_while_it_grew_goes_on(tmp_path, monkeypatch):
    ft.build(mixture("rte"), tmp_path / "old", **ROWS, shards=2)
    growing = {"grow_from": tmp_path / "old", "shards": 4, **ROWS}
    new = mixture("rte", "copa")
    ft.build(new, tmp_path / "whole", **growing)
    build_shard = work.build_shard

    def stops_at_the_last(plan, shard, *more):
        if "00003-of" in shard.path:
            raise KeyboardInterrupt
        return build_shard(plan, shard, *more)

    with monkeypatch.context() as patched:
        patched.setattr(work, "build_shard", stops_at_the_last)
        with pytest.raises(KeyboardInterrupt):
            ft.build(new, tmp_path / "new", **growing)
    assert not (tmp_path / "new" / "manifest.json").exists()
    built = ft.build(new, tmp_path / "new", **growing)
    assert (built.kept, built.taken_over) == (1, 2)
    assert files(tmp_path / "new") == files(tmp_path / "whole")
    # Complete, it is found so.
    assert ft.build(new, tmp_path / "new", **growing).was_there


def test_rows_appended_to_a_dataset_are_refused_where_they_would_move_the_others(
    own_chats, tmp_path
):
    settings = {"modules": (own_chats(),), "kinds": ("forward",), "report": False}
    ft.build("my_chats", tmp_path / "old", **settings)
    own_chats([{"messages": messages(turns)} for turns in [*CHATS, CHATS[0]]])
    with pytest.raises(BuildError, match="my_chats: its examples, by their source"):
        ft.build("my_chats", tmp_path / "new", grow_from=tmp_path / "old", examples=20, **settings)
    assert not (tmp_path / "new").exists()


def test_a_damaged_shard_is_not_taken_over(tmp_path):
    built = ft.build(mixture("rte"), tmp_path / "old", **ROWS)
    path = tmp_path / "old" / built.manifest["shards"][0]["paths"][0]
    path.write_bytes(path.read_bytes().replace(b"rte", b"rtf"))
    with pytest.raises(FlanTasksError, match="is not what manifest.json beside it says"):
        ft.build(mixture("rte", "copa"), tmp_path / "new", grow_from=tmp_path / "old", **ROWS)
    manifest = tmp_path / "old" / "manifest.json"
    ft.build(mixture("rte", "copa"), tmp_path / "new", grow_from=manifest, **ROWS)
    ft.verify(tmp_path / "new")


def test_a_cache_keeps_the_shards_of_tasks_that_did_not_change(tmp_path):
    settings = {**ROWS, "format": "seqio-cache"}
    ft.build(mixture("rte", "copa"), tmp_path / "old", **settings)
    new = mixture("anli", "rte", "copa", cap=3)
    grown = ft.build(new, tmp_path / "new", grow_from=tmp_path / "old", **settings)
    assert grown.taken_over == 2
    assert grown.not_taken == {f"anli_r{n}": "not in that build" for n in (1, 2, 3)}
    ft.build(new, tmp_path / "anew", **settings)
    assert files(tmp_path / "new") == files(tmp_path / "anew")
    ft.verify(tmp_path / "new")
    # Of other rows of a task its shards are others; those of the rest stay.
    fewer = {"grow_from": tmp_path / "new", "num_templates": 3, **settings}
    last = ft.build(new, tmp_path / "last", **fewer)
    assert last.taken_over == 0
    assert "--num-templates: none, now 3" in last.not_taken["rte"]


def test_a_cache_of_appended_rows_keeps_the_other_tasks(tmp_path):
    plans = []
    for size in (24, 25):
        folder = tmp_path / str(size)
        folder.mkdir()
        catalog = make_catalog(folder, {"birds": 34, "fish": size})
        found = prepare(ft.Mixture(name="m"), catalog, source=SourceChoice())
        plan = make_plan(found, seed=0, grouped=True)
        spec = ft.BuildSpec(mixture="m", format="seqio-cache")
        shards = WRITERS[spec.format].shards(plan, "train", 2)
        plans.append((make_recipe(found, plan, spec), shards))
    (there, shards), (now, others) = plans
    entries = [
        {"name": s.path, "rows": s.stop - s.start - 1, "facts": {"left_out": [0]}} for s in shards
    ]
    manifest = {"recipe": there, "libraries": library_versions(), "shards": entries}
    old = EarlierBuild(tmp_path, manifest)
    same, reasons = old.unchanged(now, others)
    assert list(same) == [s.path for s in others if "birds" in s.path] and len(same) == 2
    assert reasons["fish"].startswith("its examples, by their source")
    # A manifest of an earlier version has too little of its shards.
    bare = [{name: e[name] for name in ("name", "rows")} for e in entries]
    old = EarlierBuild(
        tmp_path, {**manifest, "shards": [{**e, "rows": e["rows"] + 1} for e in bare]}
    )
    same, reasons = old.unchanged(there, shards)
    assert not same and set(reasons.values()) == {
        "the build is of a version that kept too little of its shards"
    }


def test_a_build_of_conversations_grows_with_all_turns(own_chats, tmp_path):
    pytest.importorskip("tokenizers")
    from chat_by_hand import shape

    settings = {
        **{"format": "arrays", "arch": "decoder", "lengths": {"inputs": 900, "targets": 90}},
        **{"chat": str(shape("mistral")), "modules": (own_chats(),), "kinds": ("forward",)},
    }
    settings = {**ROWS, **settings}
    del settings["source"], settings["vocab"]
    ft.build("my_chats", tmp_path / "old", **settings)
    more = {**settings, "examples": 12}
    grown = ft.build("my_chats", tmp_path / "grown", grow_from=tmp_path / "old", **more)
    manifest = tmp_path / "old" / "manifest.json"
    ft.build("my_chats", tmp_path / "anew", grow_from=manifest, **more)
    assert grown.taken_over == 1 and grown.manifest["chat"]["refused"]
    assert files(tmp_path / "grown") == files(tmp_path / "anew")
    ft.verify(tmp_path / "grown")
