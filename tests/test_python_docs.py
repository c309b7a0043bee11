"""The code of docs/python.md, run as it stands, block after block."""

import importlib.util
import os
import re
import subprocess
import sys

from conftest import ROOT

BLOCK = re.compile(r"<!-- tested(?:: (\S+))? -->\n```python\n(.*?)```", re.S)
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_every_block_runs(tmp_path):
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == PAGE.count("```python") == 6
    there = [code for needs, code in blocks if not needs or importlib.util.find_spec(needs)]
    heavy = "import sys; print([n for n in ('tensorflow', 'jax', 'seqio') if n in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", "\n".join([*there, heavy])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.splitlines()[-1] == "[]"
    assert "True" in found.stdout and "flan:rte" in found.stdout
