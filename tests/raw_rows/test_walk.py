"""Every declared TFDS source, taken as far as it goes without a network."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from flan_tasks.core.origin import Tfds
from flan_tasks.datasets import catalog

pytestmark = pytest.mark.slow

DECLARED = [d for d in catalog().datasets if isinstance(d.source, Tfds)]
# With an empty file in the place of what was fetched by hand, they read that one first.
READ_BY_HAND = ("story_cloze", "newsroom", "samsum")
# TFDS takes newsroom's train.jsonl and test.jsonl, in the manual folder, for theirs.
SAME_NAME = ("bool_q", "cosmos_qa")


def walk(python: str, folder: Path, **env: str) -> dict:
    """Runs walk.py with an interpreter; returns what it found."""
    done = subprocess.run(
        [python, str(ROOT / "tests" / "raw_rows" / "walk.py"), str(folder / "walk.json")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"TFDS_DATA_DIR": str(folder / "data")} | env,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "walk.json").read_text())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    # Where FLAN_TASKS_TEST_PYTHON names the interpreter of an environment that holds what pip
    # installed for [tfds] and nothing else, what the declared requirements lack is found.
    python = os.environ.get("FLAN_TASKS_TEST_PYTHON")
    folder = tmp_path_factory.mktemp("walk")
    if python:
        return walk(python, folder, PYTHONPATH=str(ROOT))
    return walk(sys.executable, folder, PYTHONPATH=str(ROOT))


@pytest.mark.parametrize("dataset", DECLARED, ids=lambda dataset: dataset.name)
def test_a_declared_source_runs_to_its_first_download(outcomes, dataset):
    said = outcomes["walked"][dataset.name]
    assert said.startswith(f"{dataset.name}: TFDS {dataset.source.name}: ")
    assert "\n" not in said
    if dataset.source.gone:
        assert "gone" in said and f"flan sources {dataset.name}" in said
    elif dataset.name in READ_BY_HAND:
        assert "By hand: " in said
    elif dataset.name in SAME_NAME:
        assert "its checksum is not" in said and "move a file of another set away" in said
    else:
        assert re.search(r"the proxy that HTTPS_PROXY .* \(https?://[^ ]+\)\. Run the same", said)
        assert "--data-dir" in said


@pytest.mark.parametrize(
    "dataset", [d for d in DECLARED if d.source.manual], ids=lambda dataset: dataset.name
)
def test_what_is_fetched_by_hand_says_what_and_where_to(outcomes, dataset):
    said = outcomes["by_hand"][dataset.name]
    assert dataset.source.manual in said and "downloads/manual" in said


def test_failed_downloads_leave_nothing_behind(outcomes):
    assert outcomes["left"] == []
