import os
import re
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from flan_tasks.core import whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a"
    with whole.file_aside(path) as aside:
        aside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new" and names(tmp_path) == ["a"]


def test_a_file_that_fails_leaves_what_was_there(tmp_path):
    whole.write_text(tmp_path / "a", "old")
    with pytest.raises(KeyboardInterrupt), whole.file_aside(tmp_path / "a") as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


def test_a_folder_appears_when_the_block_ends(tmp_path):
    (tmp_path / "out").mkdir()  # an empty one may be there
    with whole.folder_aside(tmp_path / "out") as aside:
        (aside / "deep").mkdir()
        (aside / "deep" / "a").write_text("x")
        assert names(tmp_path / "out") == []
    assert (tmp_path / "out" / "deep" / "a").read_text() == "x" and names(tmp_path) == ["out"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError), whole.folder_aside(tmp_path / "out") as aside:
        (aside / "a").write_text("x")
        raise ValueError
    assert names(tmp_path) == []


def test_files_are_as_readable_as_any(tmp_path):
    whole.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


_KILLED = """
import os, signal, sys
from pathlib import Path
from flan_tasks.core import whole
with whole.{kind}_aside(Path(sys.argv[1])) as aside:
    (aside / "a" if aside.is_dir() else aside).write_text("half")
    {then}
"""


def start(kind, path, then):
    code = _KILLED.format(kind=kind, then=then)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, **pipes)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_swept(tmp_path, kind):
    process = start(kind, tmp_path / "out", "os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate()
    assert process.returncode == -9
    assert len(names(tmp_path)) == 1
    whole.sweep(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_living_process_writes_is_kept(tmp_path, kind):
    process = start(kind, tmp_path / "out", "print('written', flush=True); sys.stdin.read()")
    try:
        assert process.stdout.readline() == "written\n"
        before = names(tmp_path)
        whole.sweep(tmp_path)
        assert names(tmp_path) == before and len(before) == 1
    finally:
        process.kill()
        process.communicate()


def test_what_another_system_left_is_swept_after_a_day(tmp_path):
    path = tmp_path / "a.00000000-12345678.tmp"
    path.write_text("half")
    whole.sweep(tmp_path)
    assert path.exists()
    os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    whole.sweep(tmp_path)
    assert not path.exists()


def test_files_of_others_are_never_swept(tmp_path):
    for name in ("a.tmp", "thesis.1234.tmp", "a.00000000-12345678.tmp.txt"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, 0))
    before = names(tmp_path)
    whole.sweep(tmp_path)
    assert names(tmp_path) == before


def test_nothing_is_written_in_place():
    # Writers of shards are handed names aside; the others write into a folder that gets its name
    # when it is whole, or a log.
    allowed = re.compile(
        r"engine/writers/|store/store|storage/storage.py|engine/workers.py|core/whole.py|models/hf|models/peft_folder|"
        r"checkpoints/"
    )
    in_place = re.compile(r"\.write_text\(|\.write_bytes\(|open\([^)]*[\"'][wx]b?\+?[\"']")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "flan_tasks").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if in_place.search(line)
        and not allowed.search(str(path))
        and "whole." not in line
        and "directory." not in line
    ]
    assert found == []
