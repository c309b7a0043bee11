"""docs/evidence.md: its tables and pictures are what the kept runs come to, and nothing else."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import evidence
from flan_tasks.datasets import catalog
from flan_tasks.experiments.picture import draw
from flan_tasks.experiments.queue import numbers_of
from flan_tasks.experiments.runs import drawn_wordings
from flan_tasks.specs.study import published_studies, read_study

STUDIES = evidence.studies(evidence.KEPT)
each_study = pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)


def test_tables_of_the_page_are_computed_from_what_was_kept():
    text = evidence.PAGE.read_text(encoding="utf-8")
    assert evidence.with_tables(text, evidence.KEPT) == text
    for folder in STUDIES:
        assert f"<!-- table {folder.name} results -->" in text
        assert f"](evidence/{folder.name}/{evidence.PICTURE})" in text


@each_study
def test_a_picture_is_of_what_was_kept(folder):
    drawn = draw(evidence.kept_results(folder.name, folder))
    assert (folder / evidence.PICTURE).read_text(encoding="utf-8") == drawn


@each_study
def test_numbers_of_results_are_those_of_the_scores(folder):
    for path in sorted(folder.glob("*.result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        scores = path.with_name(path.name.replace(".result.", ".scores."))
        assert result["scores"] == numbers_of(scores)


@each_study
def test_every_run_of_the_study_is_there_as_its_file_says_it(folder):
    study = read_study(published_studies()[folder.name])
    found = {(one["arm"], one["seed"]): one for one in evidence.found_of(folder)}
    arms = {arm.name: arm for arm in study.arms}
    assert set(found) == {(name, seed) for name in arms for seed in study.seeds}
    for (name, seed), one in found.items():
        said = arms[name].study
        build, train, _ = one["commands"]
        assert f"--examples {said.build['examples']} " in build
        assert f"--gin.TRAIN_STEPS={said.train['TRAIN_STEPS']} " in train
        assert f"--gin.RANDOM_SEED={seed} " in train
        if said.wordings is not None:
            drawn = drawn_wordings(
                catalog().expand(said.mixture["include"]), said.wordings, seed=seed
            )
            assert {n: set(ids) for n, ids in one["wordings"].items()} == {
                n: set(ids) for n, ids in drawn.items()
            }


@each_study
def test_no_path_of_a_machine_is_kept(folder):
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert re.findall(r'(?<![\w<])/(?:home|root|tmp|work|mnt|data|usr)\b[^\s"]*', text) == []


def test_what_is_kept_of_a_run_has_no_place(tmp_path):
    home = tmp_path / "out" / "runs" / "all-seed_0-0123456789"
    for name in ("build", "model", "scores"):
        (home / name).mkdir(parents=True)
    build = {"digest": "d", "sha256": "s", "examples": 8, "rows": 4, "tokens": {}, "more": 1}
    command = f"flan build x --data-dir tfds=/big/rows --vocab /v/spiece.model --out {home}/build"
    result = {"arm": "all", "seed": 0, "commands": [command], "scores": []}
    (home / "result.json").write_text(json.dumps(result))
    (home / "build" / "manifest.json").write_text(json.dumps(build))
    rows = [
        {"kind": "train", "step": 1, "loss": 2.0, "accuracy": 0.1},
        {"kind": "train", "step": 2, "loss": 1.0, "accuracy": 0.5},
        {"kind": "eval", "step": 2, "loss": 9.0, "accuracy": 0.0},
    ]
    (home / "model" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    scores = {"settings": {"model": f"{home}/model"}, "datasets": ["a/b", 1]}
    (home / "scores" / "scores.json").write_text(json.dumps(scores))
    kept = tmp_path / "kept"
    assert evidence.keep("wordings", tmp_path / "out", kept, commit="abc") == ["all-seed_0"]
    found = json.loads((kept / "all-seed_0.result.json").read_text())
    assert found["commands"] == [
        "flan build x --data-dir tfds=DATA --vocab DATA --out OUT/runs/all-seed_0-0123456789/build"
    ]
    assert found["training"] == {"step": 2, "loss": 1.0, "accuracy": 0.5}
    assert found["build"] == {name: build[name] for name in build if name != "more"}
    held = json.loads((kept / "all-seed_0.scores.json").read_text())
    assert held["settings"]["model"] == "OUT/runs/all-seed_0-0123456789/model"
    assert held["datasets"] == ["a/b", 1]
    assert json.loads((kept / "machine.json").read_text())["commit"] == "abc"
    with pytest.raises(SystemExit, match="no run of wordings is finished"):
        evidence.keep("wordings", Path(tmp_path / "none"), kept)


def test_a_table_that_is_none_is_named():
    with pytest.raises(ValueError, match='no table "wordings prose"; want a study and results'):
        evidence.with_tables("<!-- table wordings prose --><!-- end -->", evidence.KEPT)
