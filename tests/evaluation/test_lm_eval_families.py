"""Exports of a family's members for lm-evaluation-harness."""

import json

import pytest
from toy_families import family_catalog, write_tasks

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.family import Member
from flan_tasks.core.splits import Splits
from flan_tasks.evaluation.lm_eval import Export, export
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store

SIZES = {"task1": 9, "task2.b": 8, "small": 4}


@pytest.fixture
def known(tmp_path):
    write_tasks(tmp_path, SIZES)
    members = [Member(source_name=name, cluster="c") for name in SIZES]
    splits = Splits(train="tasks", carve_validation=2, test_first=4)
    return family_catalog(tmp_path, members, splits=splits)


def written(known, folder, *names, split="test", **more):
    datasets = known.expand(names)
    store = Store(folder / "store")
    settings = Export(split=split, allow_missing=True)
    return export(
        datasets, known, folder / "out", settings, source=SourceChoice(), store=store, **more
    )


def test_members_are_tasks_whose_names_hold_no_colon_and_the_family_a_group(tmp_path, known):
    tasks = written(known, tmp_path, "toys")
    assert tasks[:2] == ["flan_toys_small_plain", "flan_toys_small_input_first"]
    out = tmp_path / "out"
    assert not [path for path in out.rglob("*") if ":" in path.name]
    group = (out / "flan_toys.yaml").read_text(encoding="utf-8")
    for member in ("task1", "task2_b", "small"):
        assert f"  - flan_toys_{member}\n" in group
        assert (out / f"flan_toys_{member}.yaml").is_file()
        lines = (out / f"toys_{member}" / "plain.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 4 and "Do what task" in json.loads(lines[0])["inputs"]
    assert '  - metric: "rougeL"' in group and "alias" not in group


def test_members_too_small_for_the_split_are_named_and_left_out(tmp_path, known):
    said = []
    tasks = written(known, tmp_path, "toys", split="validation", warn=said.append)
    assert said == ["toys:small: too few rows for a validation split"]
    assert not any("small" in task for task in tasks)
    assert "small" not in (tmp_path / "out" / "flan_toys.yaml").read_text(encoding="utf-8")
    (tmp_path / "alone").mkdir()
    with pytest.raises(EvaluationError, match="toys:small: too few rows"):
        written(known, tmp_path / "alone", "toys:small", split="validation")


def test_the_group_of_a_part_of_a_family_says_so_in_results(tmp_path, known):
    (tmp_path / "tasks" / "task1.json").unlink()
    said = []
    written(known, tmp_path, "toys", warn=said.append)
    assert any(line.startswith("toys:task1: left out") for line in said)
    group = (tmp_path / "out" / "flan_toys.yaml").read_text(encoding="utf-8").splitlines()
    # It is asked by its name, and shown by its alias.
    assert group[:2] == ["group: flan_toys", 'group_alias: "flan_toys (2 of 3 members)"']
    assert "  - flan_toys_task1" not in group


def test_a_member_alone_has_no_group_of_its_family(tmp_path, known):
    written(known, tmp_path, "toys:task1")
    assert not (tmp_path / "out" / "flan_toys.yaml").exists()
