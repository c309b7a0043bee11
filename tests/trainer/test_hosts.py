"""Two processes that train together, as two hosts do."""

import json
import signal
import sys
import time

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT))
from benchmarks.faults import host_kills, toy, training_kills
from benchmarks.faults.training_kills import TIMES, wait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    toy.prepare(folder)
    return folder


def ended(processes):
    """Waits for processes that nobody disturbs."""
    try:
        host_kills.finished(processes)
    except SystemExit as error:
        for process in processes:
            process.kill()
        if "Gloo" in str(error):
            pytest.skip("the machine is too busy: Gloo waits 30 s for the other process")
        raise


def losses(run):
    """The loss of each line of a run's metrics."""
    return [line["loss"] for line in lines(run)]


def lines(run):
    """The metrics of a run, but for rates of time."""
    return [
        {key: value for key, value in json.loads(line).items() if key not in TIMES}
        for line in (run / "metrics.jsonl").read_text().splitlines()
    ]


def test_processes_that_slurm_starts_train_what_one_does(folder, monkeypatch):
    words = toy.arguments(folder, "slurm", 6)
    started = []
    for name, value in (("JOB_ID", 1723), ("STEP_NODELIST", "localhost"), ("NTASKS", 2)):
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("SLURM_STEP_NUM_NODES", "1")
    for host in "01":
        monkeypatch.setenv("SLURM_PROCID", host)
        monkeypatch.setenv("SLURM_LOCALID", host)
        joined = [*words, "--gin.COORDINATOR_ADDRESS=auto"]
        started.append(toy.flan(folder, joined, devices=2))
    ended(started)
    ended([toy.flan(folder, toy.arguments(folder, "one", 6), devices=4)])
    assert len(losses(folder / "one")) >= 2
    assert losses(folder / "slurm") == pytest.approx(losses(folder / "one"), rel=1e-5)


@pytest.fixture
def undisturbed(folder, monkeypatch):
    """A run of two processes, shorter than the campaign's."""
    for module in (host_kills, training_kills):
        monkeypatch.setattr(module, "STEPS", 30)
    if not (folder / "undisturbed" / "checkpoint_30").is_dir():
        ended(host_kills.hosts(folder, "undisturbed"))
    return folder / "undisturbed"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_a_signal_to_one_ends_both_and_they_go_on(name, folder, undisturbed):
    processes = host_kills.hosts(folder, name)
    wait(processes[0], folder / name / "metrics.jsonl", False, 0.0, 3)
    processes[1].send_signal(getattr(signal, name))
    if name == "SIGKILL":  # the other waits for it, until whoever manages the cluster ends it
        time.sleep(1)
        processes[0].kill()
    said = [process.communicate(timeout=400)[1] for process in processes]
    if any("Gloo context" in words for words in said):
        pytest.skip("the machine is too busy: Gloo waits 30 s for the other process")
    if name == "SIGTERM":
        assert [process.returncode for process in processes] == [143, 143], said
        assert "stopped by SIGTERM" in said[0]
    ended(host_kills.hosts(folder, name))
    wanted, found = (training_kills.outcome(run) for run in (undisturbed, folder / name))
    assert training_kills.differences(wanted, found) == []


@pytest.mark.parametrize("devices", [4, 1])
def test_a_killed_run_goes_on_on_another_mesh(devices, folder, undisturbed):
    wanted = training_kills.outcome(undisturbed)
    assert host_kills.elsewhere(folder, devices, wanted) <= host_kills.TOLERANCE
