"""Programs on disk: a second process compiles nothing, and what cannot be kept stops nothing."""

import os
import subprocess
import sys

import jax
import pytest

from flan_tasks.inference import kept_programs

CODE = """
import jax, numpy as np
from flan_tasks.inference.kept_programs import keep_programs
from flan_tasks.inference.programs import Programs
double = jax.jit(lambda x: x + 1)(1)  # a program from before the folder was named
from flan_tasks.inference import kept_programs
kept_programs._SECONDS = 0.0
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))
print(keep_programs())
found = Programs().call(("sum",), lambda x: (x @ x).sum(), np.eye(40, dtype=np.float32))
print(float(found), sum(event.endswith("cache_hits") for event in hits))
"""


def run(folder, **more):
    environment = {**os.environ, "FLAN_TASKS_PROGRAMS": str(folder), **more}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_second_process_finds_the_programs_of_the_first(tmp_path):
    first, second = run(tmp_path / "programs"), run(tmp_path / "programs")
    assert first[0] == second[0] and first[0].startswith(str(tmp_path / "programs"))
    assert first[1:] == ["40.0", "0"] and second[1] == "40.0" and int(second[2]) >= 1


@pytest.mark.parametrize("how", ["off", "a file"])
def test_where_nothing_can_be_kept_all_is_compiled(how, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    folder = "off" if how == "off" else str(tmp_path / "file" / "programs")
    monkeypatch.setenv("FLAN_TASKS_PROGRAMS", folder)
    # Other tests of the process may keep theirs.
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        assert kept_programs.keep_programs() is None
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_the_folder_is_of_the_kind_of_processor(tmp_path, monkeypatch):
    monkeypatch.delenv("FLAN_TASKS_PROGRAMS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one = kept_programs._folder()
    assert one is not None and one.parent == tmp_path / "flan_tasks" / "programs"
    monkeypatch.setattr(kept_programs.platform, "machine", lambda: "other")
    assert kept_programs._folder() != one
