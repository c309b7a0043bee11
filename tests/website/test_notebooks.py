"""Notebooks of the docs: committed without outputs, and run cell by cell in another process."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from notebook_page import FOLDER, MODEL, cells

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Runs the cells that are named, and says what the last of them was worth.
RUN = """
import sys
sys.path.insert(0, {website!r})
from pathlib import Path
from notebook_page import MODEL, cells, run
code = [cell for cell in cells(Path({path!r})) if cell.kind == "code"]
for printed, value in run([cell for cell in code if {whole} or MODEL not in cell.tags]):
    print(printed, end="")
    print("VALUE", type(value).__name__, getattr(value, "_repr_html_", lambda: "")()[:40])
print("LOADED", [n for n in ("tensorflow", "jax", "seqio") if n in sys.modules])
"""


def run(path, folder, *, whole):
    """What the code of a notebook prints, cell by cell."""
    code = RUN.format(website=str(ROOT / "website"), path=str(path), whole=whole)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout.splitlines()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_one_and_is_committed_without_outputs(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in found["cells"]:
        assert cell["cell_type"] in ("markdown", "code")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    # As it was written, so that a diff shows what was changed and nothing else.
    assert (
        path.read_text(encoding="utf-8") == json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    )


def test_the_first_steps_run_without_a_model(tmp_path):
    pytest.importorskip("datasets")
    lines = run(FOLDER / "first_steps.ipynb", tmp_path, whole=False)
    code = [cell for cell in cells(FOLDER / "first_steps.ipynb") if cell.kind == "code"]
    values = [line for line in lines if line.startswith("VALUE ")]
    assert len(values) == sum(MODEL not in cell.tags for cell in code) < len(code)
    shown = {line.split()[1] for line in values if "<div" in line}
    assert shown == {"RowsView", "Template", "MixtureShares", "BuildResult"}
    text = "\n".join(lines)
    assert "features: ['messages'" in text and "flan build nli --out DIR" in text
    assert lines[-1] == "LOADED []"
    assert (tmp_path / "out" / "nli" / "report.html").exists()


@pytest.mark.slow
def test_the_first_steps_end_with_a_score(tmp_path):
    for library in ("datasets", "jax", "sklearn"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    lines = run(FOLDER / "first_steps.ipynb", tmp_path, whole=True)
    assert any(line.startswith("{'copa': {'accuracy': ") for line in lines)
    assert any(line.startswith("VALUE EvalResult <div") for line in lines)
