"""The code of docs/python.md, run as it stands, block after block."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

BLOCK = re.compile(r"<!-- tested(?:: (\S+))? -->\n```python\n(.*?)```", re.S)
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


HEAVY = "import sys; print([n for n in ('tensorflow', 'jax', 'seqio') if n in sys.modules])"
BLOCKS = BLOCK.findall(PAGE)


def run(blocks, folder):
    """What blocks print, and in the last line which heavy libraries they loaded."""
    found = subprocess.run(
        [sys.executable, "-c", "\n".join([*blocks, HEAVY])],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout.splitlines()


def test_every_block_runs(tmp_path):
    assert len(BLOCKS) == PAGE.count("```python") == 9
    lines = run(
        [
            code
            for needs, code in BLOCKS
            if needs != "jax" and (not needs or importlib.util.find_spec(needs))
        ],
        tmp_path,
    )
    assert lines[-1] == "[]" and "(0, 1)" in lines
    assert any(line.startswith("flan build nli --out DIR --source samples") for line in lines)
    assert any("True" in line for line in lines) and any("flan:rte" in line for line in lines)


@pytest.mark.slow
def test_a_model_is_trained_and_asked_as_the_page_says(tmp_path):
    (built,) = [code for _, code in BLOCKS if "ft.build(spec" in code]
    (trained,) = [code for needs, code in BLOCKS if needs == "jax"]
    lines = run(["import flan_tasks as ft", built, trained], tmp_path)
    assert lines[-1] == "['jax']"
    assert any(line.startswith("2 {'accuracy': ") for line in lines)
    assert lines[-2].startswith("['")
    assert any(line.startswith("| copa") for line in lines)  # the scores as a table
