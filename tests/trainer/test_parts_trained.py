"""Training by gin on a build of a mixture with parts."""

import json

import pytest
from test_main import TOY
from toy_runs import compiled_once, losses

import flan_tasks as ft
from flan_tasks.trainer.feedback import METRICS
from flan_tasks.trainer.main import main

__all__ = ["compiled_once"]  # a fixture of these tests
LENGTHS = {"inputs": 600, "targets": 64}
WHOLE = """
weights = "tokens"
[parts.own]
weight = 0.6
mixture = "more.toml"
[parts.instructions]
weight = 0.4
include = ["niv2:task1344_glue_entailment_classification"]
"""
MORE = """
[parts.shown]
include = ["rte", "sst2"]
prompt_types = ["zs_opt", "fs_noopt"]
shots = 1
[parts.plain]
include = ["sst2"]
option_order = "shuffled"
"""


@pytest.fixture
def toy(tmp_path):
    """Arguments of a toy run on rows of that length."""
    lengths = f"TASK_FEATURE_LENGTHS = {LENGTHS}"
    text = TOY.replace('TASK_FEATURE_LENGTHS = {"inputs": 12, "targets": 8}', lengths)
    (tmp_path / "toy.gin").write_text(text)
    return [
        f"--gin_file={tmp_path / 'toy.gin'}",
        f"--gin.MODEL_DIR={tmp_path / 'run'}",
        "--gin.MESH_DATA=-1",
        "--gin.TRAIN_STEPS=3",
        "--gin.VOCABULARY_SIZE=384",
    ]


@pytest.fixture
def file(tmp_path):
    """A mixture file with parts."""
    (tmp_path / "more.toml").write_text(MORE)
    (tmp_path / "whole.toml").write_text(WHOLE)
    return tmp_path / "whole.toml"


@pytest.mark.slow
def test_a_build_of_a_mixture_with_parts_is_trained_on(toy, file, tmp_path, capsys):
    built = ft.build(
        file,
        tmp_path / "build",
        source="samples",
        format="arrays",
        vocab="bytes",
        lengths=LENGTHS,
        examples=60,
        report=False,
    )
    assert {entry["path"] for entry in built.manifest["parts"]} >= {"own/shown/fs_noopt"}
    build = f"--gin.BUILD_DIR={tmp_path / 'build'}"
    assert main([*toy, build]) == 0, capsys.readouterr().err
    assert len(losses(tmp_path / "run")) == 3
    lines = (tmp_path / "run" / METRICS).read_text(encoding="utf-8").splitlines()
    tasks = {name for line in lines for name in json.loads(line).get("task_loss", ())}
    # A dataset is told apart in each part.
    assert {"own/plain/sst2", "own/shown/zs_opt/sst2", "own/shown/fs_noopt/sst2"} <= tasks
