"""Builds that are killed and begun again; each must end as if nothing had happened."""

import functools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

KILLER = ROOT / "tests" / "fixtures" / "killer"
WHO = ("self", "first", "all")


class Builds:
    """Runs `flan build` in processes of their own, into one folder, from one store."""

    def __init__(self, place: Path, *words: str) -> None:
        self.place = place
        self.words = ("--examples", "240", "--shards", "6", "--vocab", "bytes", *words)

    def start(self, out: Path, *words: str, **environment: str) -> subprocess.Popen:
        paths = [str(ROOT)]
        if environment:
            paths.insert(0, str(KILLER))
            environment |= {"KILL_FOLDER": str(out), "KILL_STEPS": str(self.steps)}
        environment |= {
            "PYTHONPATH": os.pathsep.join(paths),
            "FLAN_TASKS_STORE": str(self.place / "store"),
        }
        command = [sys.executable, "-m", "flan_tasks.cli.main", "build", "rte"]
        return subprocess.Popen(
            [*command, "--source", "samples", "--out", str(out), *self.words, *words],
            env=os.environ | environment,
            cwd=self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, out: Path, *words: str, code: int | None = 0, **environment: str) -> str:
        """Runs to the end; returns what was said on stderr."""
        self.steps.unlink(missing_ok=True)
        with self.start(out, *words, **environment) as process:
            _, said = process.communicate(timeout=120)
        assert code is None or process.returncode == code, said
        return said

    @property
    def steps(self) -> Path:
        return self.place / "steps"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def no_broken_shard_is_visible(folder: Path, whole: dict[str, bytes]) -> None:
    for name, content in files(folder).items():
        if not name.startswith(".progress") and not name.endswith(".tmp"):
            assert content == whole[name], f"{name} is there and is not whole"


def is_gone(group: int) -> bool:
    """Whether a process group ends soon, workers, Python's own resource tracker and all."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_a_build_killed_five_times_ends_as_if_nothing_had_happened(tmp_path):
    builds = Builds(tmp_path, "--workers", "2", "--format", "arrays", "--arch", "decoder")
    builds.run(tmp_path / "whole")
    whole = files(tmp_path / "whole")
    out = tmp_path / "out"
    # In the middle of the first shards; between writing and renaming; before the manifest is named.
    for at, who in (
        ("9", "first"),
        ("14", "self"),
        ("3", "all"),
        ("train-00004-of-00006.segment_ids.npy", "first"),
        ("manifest.json", "all"),
    ):
        builds.run(out, code=None, KILL_AT=at, KILL_WHO=who)
        assert not (out / "manifest.json").exists(), f"was not killed at {at}"
        no_broken_shard_is_visible(out, whole)
    builds.run(out)
    assert files(out) == whole


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Gives, for a form and a number of workers, an undisturbed build: its files and its steps."""
    place = tmp_path_factory.mktemp("undisturbed")

    @functools.cache
    def made(form: str, workers: int) -> tuple[Builds, dict[str, bytes], int]:
        builds = Builds(place, "--format", form, "--workers", str(workers))
        builds.run(place / f"{form}-{workers}", KILL_AT="0", KILL_WHO="all")
        return builds, files(place / f"{form}-{workers}"), builds.steps.stat().st_size

    return made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_a_build_killed_at_a_random_point_ends_as_if_nothing_had_happened(
    tmp_path, undisturbed, seed
):
    draw = random.Random(seed)
    form, workers = draw.choice(("jsonl", "parquet", "arrays", "arrays")), draw.choice((1, 2, 3))
    builds, whole, num_steps = undisturbed(form, workers)
    out = tmp_path / "out"
    for _ in range(draw.choice((1, 2))):
        at, who = str(draw.randint(1, num_steps)), draw.choice(WHO)
        builds.run(out, code=None, KILL_AT=at, KILL_WHO=who)
        no_broken_shard_is_visible(out, whole)
    builds.run(out)
    assert files(out) == whole


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_ctrl_c_stops_the_build_and_the_same_command_goes_on(tmp_path, workers):
    builds = Builds(tmp_path, "--workers", workers, "--examples", "6000")
    builds.run(tmp_path / "whole")
    out = tmp_path / "out"
    with builds.start(out) as process:
        until = time.monotonic() + 60
        while not list(out.glob(".progress/*.jsonl.json")) and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; what is complete is kept, and the same command goes on" in said
    assert "Traceback" not in said
    assert not list(out.rglob("*.tmp")) and not (out / "manifest.json").exists()
    assert is_gone(process.pid)
    assert " from before)" in builds.run(out)
    assert files(out) == files(tmp_path / "whole")


def test_workers_end_with_the_process_that_started_them(tmp_path):
    builds = Builds(tmp_path, "--workers", "2", "--examples", "6000")
    out = tmp_path / "out"
    with builds.start(out) as process:
        until = time.monotonic() + 60
        while not list(out.glob(".progress/*.jsonl.json")) and time.monotonic() < until:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert is_gone(process.pid)
    assert not (out / "manifest.json").exists()
    builds.run(out)
    assert (out / "manifest.json").exists() and not (out / ".progress").exists()
