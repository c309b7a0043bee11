"""One command, one hash: by one or two workers, here or in an object store, killed or not; slow."""

import os
import signal
import sys
import time

import pytest
from conftest import ROOT
from object_stores import objects
from processes import HOLDER, start

from flan_tasks.specs.formats import FORMATS
from flan_tasks.storage import lease
from flan_tasks.storage.storage import Storage

pytestmark = pytest.mark.slow


def words(form):
    sizes = ("--source", "samples", "--examples", "60", "--shards", "5", "--vocab", "bytes")
    return ("build", "rte", *sizes, "--format", form)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def started(*options, cwd, **environment):
    """The command in a process of its own."""
    path = os.pathsep.join([str(HOLDER), str(ROOT)]) if environment else str(ROOT)
    command = (sys.executable, "-m", "flan_tasks", *map(str, options))
    return start(*command, cwd=cwd, PYTHONPATH=path, **environment)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_one_hash(flan, faulty, s3, tmp_path, monkeypatch, form):
    for workers in (1, 2):
        flan(*words(form), "--workers", workers, "--out", tmp_path / str(workers))
    here = files(tmp_path / "1")
    assert files(tmp_path / "2") == here
    flan(*words(form), "--out", s3 / "whole")
    assert objects(s3 / "whole") == here

    killed = s3 / "killed"
    faulty.fault = lambda method, path: 600.0 if method == "PUT" and "00003" in path else None
    with started(*words(form), "--out", killed, cwd=tmp_path) as process:
        storage, until = Storage(killed), time.monotonic() + 300
        while sum(name.startswith(".progress/") for name in storage.sizes()) < 2 + 2:
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    faulty.fault = lambda method, path: None
    there = objects(killed)
    assert ".progress/lock" in there and "manifest.json" not in there
    assert all(here[name] == data for name, data in there.items() if name in here)
    monkeypatch.setattr(lease, "STALE", -1.0)
    assert "from before" in flan(*words(form), "--workers", 2, "--out", killed).err
    assert objects(killed) == here
    flan("verify", killed)


def test_a_worker_that_is_killed_ends_the_build_and_the_next_goes_on(flan, s3, tmp_path):
    flan(*words("arrays"), "--out", tmp_path / "here")
    held = {"HOLD_AT": "os.rename *00002*", "HOLD_WHO": "worker", "HOLD_HOW": "SIGKILL"}
    options = ("--workers", 2, "--out", s3)
    with started(*words("arrays"), *options, cwd=tmp_path, **held) as process:
        _, printed = process.communicate(timeout=300)
    assert process.returncode == 1 and "died: signal 9" in printed
    assert "Traceback" not in printed
    there = objects(s3)
    assert "manifest.json" not in there and ".progress/lock" not in there
    flan(*words("arrays"), *options)
    assert objects(s3) == files(tmp_path / "here")


@pytest.mark.parametrize("at", ["open README.md.*", "os.rename manifest.json.*"])
def test_a_build_killed_at_its_end_goes_on(flan, s3, tmp_path, monkeypatch, at):
    flan(*words("jsonl"), "--out", tmp_path / "here")
    held = {"HOLD_AT": at, "HOLD_WHO": "parent", "HOLD_HOW": "SIGKILL"}
    with started(*words("jsonl"), "--out", s3, cwd=tmp_path, **held) as process:
        process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL and "manifest.json" not in objects(s3)
    monkeypatch.setattr(lease, "STALE", -1.0)
    flan(*words("jsonl"), "--out", s3)
    assert objects(s3) == files(tmp_path / "here")
