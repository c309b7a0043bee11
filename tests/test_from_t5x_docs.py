"""The page From T5X: what it shows is what comes of it."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.specs.gin_files import load

PAGE = (ROOT / "docs" / "from_t5x.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.S))
FIXTURES = ROOT / "tests" / "fixtures" / "t5x"


def test_the_example_is_translated_as_the_page_has_it(flan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_finetune.gin").write_text(BLOCKS["my_finetune.gin"])
    words = BLOCKS["translate"].split()
    assert words[0] == "flan" and words[-2] == ">"
    (tmp_path / words[-1]).write_text(flan(*words[1:-2]).out)
    assert (tmp_path / "ours.gin").read_text() == BLOCKS["ours.gin"]
    given = [("MODEL_DIR", "run"), ("INITIAL_CHECKPOINT_PATH", "t5-v1_1-small")]
    runs = [load([name], given).run for name in ("my_finetune.gin", "ours.gin")]
    assert runs[0] == runs[1]
    assert (runs[0].train_steps, runs[0].data.mixture_or_task_module) == (500, "digits")


@pytest.mark.slow
def test_a_file_for_t5x_trains_on_tasks_of_the_folder_it_is_started_in(tmp_path):
    for name in ("own_tasks.py", "finetune_own.gin"):
        shutil.copy(FIXTURES / name, tmp_path)
    sizes = {"emb_dim": 32, "num_encoder_layers": 1, "num_decoder_layers": 1, "num_heads": 2}
    sizes |= {"head_dim": 8, "mlp_dim": 32, "vocab_size": 259}
    words = [f"--gin.T5Config.{name}={size}" for name, size in sizes.items()]
    words += ["--gin.MODEL_DIR=run", "--gin.INITIAL_CHECKPOINT_PATH=None"]
    ran = subprocess.run(
        [sys.executable, "-m", "flan_tasks.trainer", "--gin_file=finetune_own.gin", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "step 6/6" in ran.stderr and "`flan gin-from-t5x finetune_own.gin`" in ran.stderr
    assert (tmp_path / "run" / "checkpoint_6").is_dir()
