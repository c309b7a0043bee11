"""The commands of docs/tour.md, run in order as they stand."""

import os
import re
import shlex
import subprocess
import sys

from conftest import ROOT

TEXT = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")


def test_every_command_of_the_tour_runs(tmp_path):
    blocks = re.findall(r"<!-- tested: commands -->\n```bash\n(.*?)```", TEXT, re.S)
    lines = [line for block in blocks for line in block.strip().splitlines()]
    assert len(lines) == 11
    for line in lines:
        words = shlex.split(line)
        found = subprocess.run(
            [sys.executable, "-m", "flan_tasks", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert found.returncode == 0, f"{line}\n{found.stderr[-3000:]}"
        assert found.stdout
    assert (tmp_path / "out" / "more.html").exists()


def test_pictures_and_pages_named_in_the_tour_exist():
    for name in re.findall(r"\]\(([\w./]+)\)", TEXT):
        assert (ROOT / "docs" / name).is_file(), name
