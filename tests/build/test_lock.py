"""The lock of a build directory: against living processes, dead ones, and lost races."""

import os
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from flan_tasks.build import lock
from flan_tasks.core.errors import BuildError

HOLDER = """
import sys, time
from pathlib import Path
from flan_tasks.build import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / ".progress" / "lock"


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_living_process_keeps_others_out_and_a_dead_one_does_not(path):
    with holder(path) as process:
        with pytest.raises(BuildError, match="another process is building into .*out; wait"):
            with lock.hold(path):
                pass
        process.kill()
    with lock.hold(path):
        assert path.read_text() == str(os.getpid())


def test_what_inherits_the_descriptor_holds_the_lock_until_it_ends(path, monkeypatch):
    monkeypatch.setattr(lock, "_LONG_PATIENCE", 0.1)
    with lock.hold(path) as held:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(held,))
    path.write_text("0x")  # whoever it was
    with pytest.raises(BuildError, match="another process"):
        with lock.hold(path):
            pass
    child.kill()
    child.wait()
    with lock.hold(path):
        pass


def test_orphans_of_a_dead_process_are_waited_for(path):
    with lock.hold(path) as held:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(held,))
    gone = subprocess.Popen(["true"])
    gone.wait()
    path.write_text(str(gone.pid))
    timer = threading.Timer(0.5, child.kill)
    timer.start()
    with lock.hold(path):  # longer than a living holder would be waited for
        pass
    timer.join()
    child.wait()


def test_a_lock_whose_file_was_removed_is_taken_anew(path, monkeypatch):
    opened = []

    def is_still(there, file):
        if not opened:  # the other build ends here: between our opening and our locking
            path.unlink()
            path.parent.rmdir()
        opened.append(file)
        return original(there, file)

    original = lock._is_still
    monkeypatch.setattr(lock, "_is_still", is_still)
    with lock.hold(path):
        assert path.exists() and len(opened) == 2
        assert opened[0].closed
