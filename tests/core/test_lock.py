"""The lock of a build directory: against living processes, dead ones, and lost races."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT

from flan_tasks.core import lock
from flan_tasks.core.errors import BuildError

HOLDER = """
import sys
from pathlib import Path
from flan_tasks.core import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()  # until whoever started it ends
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / ".progress" / "lock"


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
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


def inheriting(held):
    """A process that has the lock's descriptor, until it is killed or the tests end."""
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(held,))


def test_what_inherits_the_descriptor_holds_the_lock_until_it_ends(path, monkeypatch):
    monkeypatch.setattr(lock, "_LONG_PATIENCE", 0.1)
    with lock.hold(path) as held:
        child = inheriting(held)
    path.write_text("0x")  # whoever it was
    with pytest.raises(BuildError, match="another process"):
        with lock.hold(path):
            pass
    child.kill()
    child.wait()
    with lock.hold(path):
        pass


def test_orphans_of_a_dead_process_are_waited_for(path, monkeypatch):
    with lock.hold(path) as held:
        child = inheriting(held)
    gone = subprocess.Popen(["true"])
    gone.wait()
    path.write_text(str(gone.pid))
    now = 0.0

    def sleep(seconds):
        nonlocal now
        now += seconds
        if now > 2 * lock._PATIENCE:  # longer than a living holder would be waited for
            child.kill()
            child.wait()

    # A clock that only moves while the lock waits: no process is too slow for it.
    monkeypatch.setattr(lock, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    with lock.hold(path):
        assert child.returncode is not None


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
