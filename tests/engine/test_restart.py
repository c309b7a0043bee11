"""Builds that are killed or signaled and begun again; each must end as if nothing had happened."""

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
from five_parts import five_parts
from processes import HOLDER, Held, is_gone, members, start, states

KILLER = ROOT / "tests" / "fixtures" / "killer"
WHO = ("self", "first", "all")


class Builds:
    """Runs `flan build` in processes of their own, into one folder, from one store."""

    def __init__(self, place: Path, *words: str, what: str = "rte") -> None:
        self.place = place
        self.what = what
        self.words = ("--examples", "240", "--shards", "6", "--vocab", "bytes", *words)

    def command(self, out: Path, *words: str) -> list[str]:
        return ["build", self.what, "--source", "samples", "--out", str(out), *self.words, *words]

    def start(self, out: Path, *words: str, **environment: str) -> subprocess.Popen:
        paths = [str(ROOT)]
        if environment:
            paths.insert(0, str(KILLER))
            environment |= {"KILL_FOLDER": str(out), "KILL_STEPS": str(self.steps)}
        environment |= {"PYTHONPATH": os.pathsep.join(paths), "FLAN_TASKS_STORE": self.store}
        command = [sys.executable, "-m", "flan_tasks", *self.command(out, *words)]
        return start(*command, cwd=self.place, **environment)

    def hold(self, out: Path, at: str, *words: str, who: str = "parent") -> Held:
        """Runs to a named point."""
        store = {"FLAN_TASKS_STORE": self.store}
        return Held(at, *self.command(out, *words), place=self.place, who=who, **store)

    @property
    def store(self) -> str:
        return str(self.place / "store")

    def run(self, out: Path, *words: str, code: int | None = 0, **environment: str) -> str:
        """Runs to the end; returns what was said on stderr."""
        self.steps.unlink(missing_ok=True)
        with self.start(out, *words, **environment) as process:
            _, said = process.communicate(timeout=300)
        assert is_gone(process.pid)  # workers end with it, not before it
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


@pytest.fixture(scope="module")
def parted(tmp_path_factory):
    """An undisturbed build of a mixture of parts: its files and its steps."""
    place = tmp_path_factory.mktemp("parted")
    words = ("--allow-missing", "--workers", "2")
    builds = Builds(place, *words, what=str(five_parts(place)))
    builds.run(place / "whole", KILL_AT="0", KILL_WHO="all")
    return builds, files(place / "whole"), builds.steps.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_killed_build_of_parts_ends_as_if_nothing_had_happened(tmp_path, parted, seed):
    draw = random.Random(seed)
    builds, whole, num_steps = parted
    out = tmp_path / "out"
    for _ in range(draw.choice((1, 2, 3))):
        at, who = str(draw.randint(1, num_steps)), draw.choice(WHO)
        builds.run(out, code=None, KILL_AT=at, KILL_WHO=who)
        no_broken_shard_is_visible(out, whole)
    builds.run(out)
    assert files(out) == whole


LAST = "os.rename 00005-of-00006.jsonl.tmp"
# A process, a signal to it or to its group, where it is then, and whether that is in the build.
MOMENTS = {
    "first-import": ("parent", "import click"),
    "second-import": ("parent", "import flan_tasks.plan.plan"),
    "reading": ("parent", "open rte.jsonl"),
    "first-shard": ("any", "os.rename 00000-of-00006.jsonl.tmp"),
    "last-shard": ("any", LAST),
    "manifest": ("parent", "open manifest.json.*.tmp"),
}


def check_stopped(builds: Builds, held: Held, out: Path, number: int) -> None:
    """Looks at what a signal left, and goes on."""
    code, said = held.ended()
    assert code == 128 + number, said
    what = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    assert said.splitlines()[-1] == (
        f"flan: {what}; what is complete is kept, and the same command goes on"
    )
    assert "Traceback" not in said and "leaked" not in said and "ignored in" not in said
    assert not list(out.rglob("*.tmp")) and not (out / "manifest.json").exists()
    assert members(held.process.pid) == {}
    builds.run(out)


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_ctrl_c_stops_the_build_and_the_same_command_goes_on(tmp_path, workers):
    builds = Builds(tmp_path, "--workers", workers)
    builds.run(tmp_path / "whole")
    out = tmp_path / "out"
    # One shard is not done yet, whoever is faster.
    with builds.hold(out, LAST, who="any") as held:
        while len(list(out.glob(".progress/*.jsonl.json"))) < 5:
            assert held.process.poll() is None
            time.sleep(0.005)
        held.signal(signal.SIGINT, group=True)
        check_stopped(builds, held, out, signal.SIGINT)
    assert files(out) == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("number", "group", "workers", "moment"),
    [
        (signal.SIGTERM, True, "2", "last-shard"),
        (signal.SIGHUP, False, "2", "first-shard"),
        (signal.SIGQUIT, True, "1", "first-shard"),
        (signal.SIGTERM, False, "2", "manifest"),
        (signal.SIGINT, True, "1", "first-import"),
        pytest.param(signal.SIGINT, False, "8", "last-shard", marks=pytest.mark.slow),
        (signal.SIGTERM, True, "1", "second-import"),
        (signal.SIGINT, True, "2", "reading"),
    ],
)
def test_a_signal_ends_the_build_with_one_line(tmp_path, number, group, workers, moment):
    builds = Builds(tmp_path, "--workers", workers)
    out = tmp_path / "out"
    who, at = MOMENTS[moment]
    with builds.hold(out, at, who=who) as held:
        held.signal(number, group=group)
        check_stopped(builds, held, out, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_signal_at_every_moment(tmp_path, number, group, moment):
    test_a_signal_ends_the_build_with_one_line(tmp_path, number, group, "2", moment)


def test_ctrl_c_twice_is_as_once(tmp_path):
    builds = Builds(tmp_path, "--workers", "2")
    out = tmp_path / "out"
    with builds.hold(out, LAST, who="any") as held:
        for _ in range(2):
            held.signal(signal.SIGINT, group=True)
        check_stopped(builds, held, out, signal.SIGINT)


def stop_worker(builds: Builds, out: Path) -> subprocess.Popen:
    """Starts a build and returns it once one of its workers stands still."""
    environment = {"HOLD_AT": "open 00000-of-00006.jsonl.tmp", "HOLD_WHO": "worker"}
    process = start(
        *(sys.executable, "-m", "flan_tasks", *builds.command(out)),
        cwd=builds.place,
        PYTHONPATH=os.pathsep.join([str(HOLDER), str(ROOT)]),
        FLAN_TASKS_STORE=builds.store,
        HOLD_HOW="SIGSTOP",
        **environment,
    )
    while "T" not in states(process.pid):
        assert process.poll() is None
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_worker_that_stands_still_ends_with_the_build(tmp_path, number):
    builds = Builds(tmp_path, "--workers", "2")
    out = tmp_path / "out"
    with stop_worker(builds, out) as process:
        process.send_signal(number)
        process.communicate(timeout=300)
        assert is_gone(process.pid)
        assert process.returncode == (130 if number == signal.SIGINT else -9)
    builds.run(out)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    builds = Builds(tmp_path, "--workers", "2")
    out = tmp_path / "out"
    with builds.hold(out, LAST, who="worker") as held:
        held.signal(signal.SIGKILL)
        held.ended()
        assert is_gone(held.process.pid)
    assert not (out / "manifest.json").exists()
    builds.run(out)
    assert (out / "manifest.json").exists() and not (out / ".progress").exists()
