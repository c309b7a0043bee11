"""A scheduler and workers as processes of their own: they die, and the build says what it can do.

Skipped where dask.distributed is not installed; that of two networks, where none can be made.
"""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from dask_processes import Cluster
from processes import HOLDER, start

pytestmark = pytest.mark.slow

WORDS = ("build", "nli", "--source", "samples", "--format", "arrays", "--vocab", "bytes")
WORDS += ("--examples", "4000", "--shards", "8", "--store", "store")
# The end of a worker, and of a process that is held, when the first file of a shard gets its name.
AT_A_SHARD = {"PYTHONPATH": str(HOLDER), "HOLD_WHO": "any", "HOLD_AT": "os.rename .npy.tmp"}


@pytest.fixture(autouse=True)
def distributed():
    pytest.importorskip("distributed", exc_type=ImportError)


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path) as cluster:
        yield cluster


def flan(*words, place, within=(), **environment):
    environment = {"PYTHONPATH": str(ROOT), **environment}
    return start(*within, sys.executable, "-m", "flan_tasks", *words, cwd=place, **environment)


def built(place, name, *words, within=()):
    """Builds, and returns the exit code and what was said."""
    process = flan(*WORDS, "--out", name, *words, place=place, within=within)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def whole(tmp_path):
    """The files of the same build by one process."""
    assert built(tmp_path, "local")[0] == 0
    return files(tmp_path / "local")


def by_dask(cluster, *words):
    return ("--runner", "dask", "--scheduler", str(cluster.file), *words)


def test_two_workers_give_the_same_bytes_one_shard_after_the_other(cluster, whole, tmp_path):
    for _ in range(2):
        # In folders of their own: what is relative to ours would be something else there.
        cluster.worker()
    code, said = built(tmp_path, "dask", *by_dask(cluster))
    assert code == 0, said
    assert files(tmp_path / "dask") == whole


def test_a_worker_that_is_killed_costs_its_shard(cluster, whole, tmp_path):
    dying = cluster.worker(**AT_A_SHARD, HOLD_HOW="SIGKILL")
    cluster.worker()
    code, said = built(tmp_path, "dask", *by_dask(cluster))
    assert code == 0, said
    assert dying.wait(60) == -9
    assert files(tmp_path / "dask") == whole


def test_workers_that_are_all_killed_are_missed_in_time(cluster, whole, tmp_path):
    for _ in range(2):
        cluster.worker(**AT_A_SHARD, HOLD_HOW="SIGKILL")
    code, said = built(tmp_path, "dask", *by_dask(cluster, "--worker-timeout", "5"))
    assert code == 1
    last = said.splitlines()[-1]
    assert "the workers of the Dask scheduler at tcp://127.0.0.1:" in last, said
    assert "and none came within 5 s. What is complete is kept; run the same" in last
    # The same command goes on when there is one.
    cluster.worker()
    code, said = built(tmp_path, "dask", *by_dask(cluster))
    assert code == 0, said
    assert files(tmp_path / "dask") == whole


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_is_gone_ends_the_build_with_a_line(cluster, whole, tmp_path, number):
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    cluster.worker(**AT_A_SHARD, HOLD_HOW=str(fifo))
    words = by_dask(cluster, "--worker-timeout", "10")
    process = flan(*WORDS, "--out", "dask", *words, place=tmp_path)
    with fifo.open("wb"):  # opens when the worker is within a shard
        cluster.scheduler.send_signal(number)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    last = said.splitlines()[-1]
    assert last.startswith("flan: the Dask scheduler at tcp://127.0.0.1:"), said
    assert last.endswith("is gone. What is complete is kept; run the same command again")
    assert "Traceback" not in said, said
    assert built(tmp_path, "dask")[0] == 0
    assert files(tmp_path / "dask") == whole


def test_a_worker_that_does_not_see_the_folder_is_named(cluster, tmp_path):
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("only root may give a process another view of the disk")
    # A disk of its own over the folder that the build goes into.
    (tmp_path / "hidden").mkdir()
    hide = f'mount -t tmpfs none {tmp_path / "hidden"} && exec "$@"'
    within = ("unshare", "--mount", "sh", "-c", hide, "sh")
    if subprocess.run([*within, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody give a process another view of the disk")
    cluster.worker(within=within)
    code, said = built(tmp_path, "hidden/out", *by_dask(cluster))
    assert code == 1
    last = said.splitlines()[-1]
    assert last.startswith("flan: worker tcp://127.0.0.1:") and "does not see" in last, said


def test_ctrl_c_ends_it_with_one_line(cluster, whole, tmp_path):
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    cluster.worker(**AT_A_SHARD, HOLD_HOW=str(fifo))
    process = flan(*WORDS, "--out", "dask", *by_dask(cluster), place=tmp_path)
    with fifo.open("wb"):
        process.send_signal(2)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said.splitlines()[-1] == (
        "flan: interrupted; what is complete is kept, and the same command goes on"
    )
    assert "Traceback" not in said, said
    code, said = built(tmp_path, "dask", *by_dask(cluster))
    assert code == 0, said
    assert files(tmp_path / "dask") == whole


@pytest.fixture
def networks(tmp_path):
    """Two networks joined by a cable, each as the words that enter it."""
    names, ends = ("flan-a", "flan-b"), ("flan-va", "flan-vb")

    def ip(*words):
        ran = subprocess.run(["ip", *words], capture_output=True, text=True)
        if ran.returncode:
            pytest.skip(
                f"no second network can be made: ip {' '.join(words)}: {ran.stderr.strip()}"
            )

    if shutil.which("ip") is None:
        pytest.skip("no second network can be made: there is no command ip")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for number, (name, end) in enumerate(zip(names, ends, strict=True), 1):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield tuple(("ip", "netns", "exec", name) for name in names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def test_workers_of_two_machines_give_the_same_bytes(networks, whole, tmp_path):
    there, here = networks
    with Cluster(tmp_path, host="10.77.0.1", within=there) as cluster:
        cluster.worker("--host", "10.77.0.1", within=there)
        cluster.worker("--host", "10.77.0.2", within=here)
        code, said = built(tmp_path, "dask", *by_dask(cluster), within=here)
    assert code == 0, said
    assert files(tmp_path / "dask") == whole
