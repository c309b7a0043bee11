"""Builds at a server of Google Cloud Storage that fails; slow: it is asked for half a minute."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from object_stores import objects

pytestmark = pytest.mark.slow

WORDS = ("build", "rte", "--source", "samples", "--examples", "60", "--shards", "4")
WORDS = (*WORDS, "--vocab", "bytes", "--format", "jsonl", "--no-report")


@pytest.fixture
def local(flan, tmp_path):
    folder = tmp_path / "here"
    flan(*WORDS, "--out", folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_answers_of_500_now_and_then_change_nothing(flan, faulty_gcs, gcs, local):
    count = iter(range(10**6))
    faulty_gcs.fault = lambda method, path: 503 if next(count) % 7 == 3 else None
    flan(*WORDS, "--out", gcs)
    faulty_gcs.fault = lambda method, path: None
    assert objects(gcs) == local


@pytest.mark.parametrize(
    ("fault", "words"),
    [(500, "no: 500"), (403, "access is refused"), (30.0, "in time")],
)
def test_a_server_that_fails_for_good_ends_in_one_line(flan, faulty_gcs, gcs, local, fault, words):
    name = "/data/train-00002"
    faulty_gcs.fault = lambda method, path: fault if method == "POST" and name in path else None
    printed = flan(*WORDS, "--out", gcs, code=1)
    (line,) = [one for one in printed.err.splitlines() if one.startswith("flan: ")]
    assert line.startswith(f"flan: {gcs}/data/train-00002-of-00004.") and words in line
    faulty_gcs.fault = lambda method, path: None
    there = objects(gcs)
    assert "manifest.json" not in there and ".progress/lock" not in there
    assert all(local[name] == data for name, data in there.items() if name.startswith("data/"))
    flan(*WORDS, "--out", gcs)
    assert objects(gcs) == local


def test_what_the_library_logs_is_not_printed(faulty_gcs, gcs):
    """gcsfs logs what it gives up with, and a traceback, where nobody configures logging."""
    faulty_gcs.fault = lambda method, path: 401
    command = [sys.executable, "-m", "flan_tasks", *WORDS, "--out", str(gcs)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FSSPEC_GS_TOKEN": "anon"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"flan: {gcs} cannot be read: access is refused")
