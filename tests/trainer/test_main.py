"""The command line of the trainer, in this process and in processes of its own."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from toy_runs import compiled_once, losses, toy_build

import flan_tasks as ft
from flan_tasks.core import interrupts
from flan_tasks.specs.gin_statements import GinError
from flan_tasks.trainer import main as main_module
from flan_tasks.trainer.main import main, parse

__all__ = ["compiled_once"]  # a fixture of these tests
TOY = """\
include "models/t5_1_1_tiny.gin"
include "runs/finetune.gin"
from __gin__ import dynamic_registration
from flan_tasks.specs import model_config
model_config.ModelConfig.embed = 32
model_config.ModelConfig.layers = 2
model_config.ModelConfig.head_dim = 8
model_config.ModelConfig.mlp = 48
INITIAL_CHECKPOINT_PATH = None
TASK_FEATURE_LENGTHS = {"inputs": 12, "targets": 8}
BATCH_SIZE = 8
LOG_PERIOD = 1
TENSORBOARD = False
LEARNING_RATE = 0.05
"""


@pytest.fixture
def toy(tmp_path):
    """Arguments of a toy run."""
    toy_build(tmp_path / "build")
    (tmp_path / "toy.gin").write_text(TOY)
    return [
        f"--gin_file={tmp_path / 'toy.gin'}",
        f"--gin.BUILD_DIR={tmp_path / 'build'}",
        f"--gin.MODEL_DIR={tmp_path / 'run'}",
        "--gin.MESH_DATA=-1",
    ]


def environment(folder, **changes: str) -> dict[str, str]:
    flags = {"PYTHONPATH": str(ROOT)}
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    }
    return {**os.environ, "JAX_PLATFORMS": "cpu", **cache, **flags, **changes}


def start(arguments: list[str], folder, **changes: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "flan_tasks.trainer", *arguments],
        env=environment(folder, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_arguments_are_read_as_t5x_reads_them():
    found = parse(
        ["--gin_file=a.gin", "--gin_file", "b.gin", "--gin.X=1", "--gin.Y", "two"]
        + ["--gin_bindings=Z = 3", "--dry-run"]
    )
    assert found.files == ("a.gin", "b.gin") and found.dry_run
    assert found.bindings == (("X", "1"), ("Y", "two"), ("Z", "3"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no gin file is given"),
        (["--gin_fil=x"], "--gin_fil: no such argument"),
        (["--gin_file"], "--gin_file needs a value"),
        (["--gin.X", "--gin.Y=1"], "--gin.X needs a value"),
        (["stray"], "stray: no such argument"),
    ],
)
def test_wrong_arguments_are_said(arguments, message):
    with pytest.raises(GinError, match=message):
        parse(arguments)


@pytest.mark.slow
def test_a_dry_run_says_what_it_would_take_and_writes_nothing(toy, tmp_path, capsys):
    eight = ["--gin.MESH_FSDP=2", "--gin.MESH_MODEL=2"]
    assert main([*toy, *eight, "--gin.TRAIN_STEPS=3", "--dry_run"]) == 0
    said = capsys.readouterr().out
    heads = [line.partition(":")[0] for line in said.splitlines()[:6]]
    assert heads == [
        *("model", "devices", "steps", "tokens per step", "memory per device", "tasks"),
    ]
    assert "BATCH_SIZE = 8" in said and "3 of 8 rows" in said
    assert "8 x cpu (data 2 x fsdp 2 x model 2)" in said
    assert "tokens per step: 160 (12 inputs + 8 targets a row)" in said
    assert "memory per device: parameters " in said and "while a step runs" in said
    assert not (tmp_path / "run").exists()


def test_errors_are_lines_and_an_exit_code(toy, tmp_path, capsys):
    assert main([*toy, "--gin.TRAIN_STEP=3"]) == 2
    assert main([*toy, "--gin.TRAIN_STEPS=3", f"--gin.BUILD_DIR={tmp_path}/no"]) == 1
    said = capsys.readouterr().err
    assert "nothing uses the macro TRAIN_STEP. Did you mean TRAIN_STEPS" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device"),
        (PermissionError(errno.EACCES, "Not allowed", "a.gin"), 1, "a.gin: Not allowed"),
        (MemoryError(), 1, "out of memory; what is complete is kept"),
        (ImportError("no jax", name="jax"), 1, "The trainer needs jax"),
        (KeyboardInterrupt(), 130, f"interrupted; {interrupts.KEPT}"),
    ],
)
def test_what_nobody_foresaw_is_a_line_as_well(error, code, line, monkeypatch, capsys):
    def run(_):
        raise error

    monkeypatch.setattr(main_module, "run", run)
    assert main([]) == code
    said = capsys.readouterr().err.strip()
    assert said.startswith(line) and "\n" not in said
    if code == 1:
        with pytest.raises(type(error)):
            main(["--debug"])


def test_a_full_disk_ends_the_module_in_a_line(tmp_path):
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "flan_tasks.trainer", "--help"],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (ran.returncode, ran.stderr) == (1, "No space left on device\n")


def test_the_command_trains_and_says_where_everything_is(toy, tmp_path, compiled_once):
    command = [sys.executable, "-m", "flan_tasks", "train", *toy, "--gin.TRAIN_STEPS=2"]
    ran = subprocess.run(
        command, env=environment(compiled_once), capture_output=True, text=True, check=True
    )
    run = tmp_path / "run"
    assert f"checkpoint in {run / 'checkpoint_2'}" in ran.stdout
    assert f"loss curve: {run / 'loss_curve.svg'}" in ran.stdout
    assert "step 2/2  loss " in ran.stderr
    assert "TRAIN_STEPS = 2" in (run / "operative_config.gin").read_text()
    record = json.loads((run / "checkpoint_2" / "run" / "metadata").read_text())
    assert record["step"] == 2 and record["config"]["train_steps"] == 2
    assert record["data"]["kind"] == "build" and "TRAIN_STEPS = 2" in record["gin"]


@pytest.mark.slow
def test_the_command_goes_on_with_a_build_that_grew(toy, tmp_path, capsys):
    made = {"source": "samples", "vocab": "bytes", "format": "arrays", "report": False}
    made["lengths"] = {"inputs": 256, "targets": 64}
    mixtures = [ft.Mixture(name="m", include=n, cap=20) for n in (("rte",), ("rte", "copa"))]
    old = ft.build(mixtures[0], tmp_path / "old", **made)
    ft.build(mixtures[1], tmp_path / "grown", grow_from=tmp_path / "old", **made)
    lengths = "--gin.TASK_FEATURE_LENGTHS={'inputs': 256, 'targets': 64}"
    run = [*toy, lengths, "--gin.SHUFFLE_TRAIN_EXAMPLES=False"]
    folder = [f"--gin.BUILD_DIR={tmp_path / name}" for name in ("old", "grown")]
    assert main([*run, folder[0], "--gin.TRAIN_STEPS=2"]) == 0
    grown = [*run, folder[1], "--gin.TRAIN_STEPS=4"]
    assert main(grown) == 1
    assert "NEW_BUILD_FROM_ROW=0 goes on with it" in capsys.readouterr().err
    assert main([*grown, "--gin.NEW_BUILD_FROM_ROW=16"]) == 0
    assert "from step 2 on rows of" in "".join(capsys.readouterr())
    record = json.loads((tmp_path / "run" / "checkpoint_4" / "run" / "metadata").read_text())
    (change,) = record["data_changes"]
    assert (change["step"], change["row"]) == (2, 16)
    assert change["before"]["digest"] == old.manifest["digest"]
    assert "--grow-from OLD" in change["after"]["command"]
    assert len(losses(tmp_path / "run")) == 4


def test_importing_the_trainer_loads_neither_tensorflow_nor_seqio_nor_gin():
    code = """
import sys
import flan_tasks.trainer.train, flan_tasks.trainer.main, flan_tasks.trainer.dry_run
print([n for n in ("tensorflow", "seqio", "gin", "torch", "tensorboardX") if n in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_goes_on_as_if_undisturbed(how, toy, tmp_path, compiled_once):
    steps = ["--gin.TRAIN_STEPS=400", "--gin.CHECKPOINT_PERIOD=20"]
    whole = [a.replace(f"{tmp_path}/run", f"{tmp_path}/whole") for a in toy]
    assert start([*whole, *steps], compiled_once).wait() == 0
    for _ in range(3):
        process = start([*toy, *steps], compiled_once)
        before = len(losses(tmp_path / "run"))
        while len(losses(tmp_path / "run")) < before + 45 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(how)
        code = process.wait()
        assert code == (-9 if how == signal.SIGKILL else 143)
    assert start([*toy, *steps], compiled_once).wait() == 0
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_train_as_one_does(toy, tmp_path, compiled_once):
    steps = ["--gin.TRAIN_STEPS=4", "--gin.CHECKPOINT_PERIOD=2", "--gin.MESH_FSDP=2"]
    two = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    whole = [a.replace(f"{tmp_path}/run", f"{tmp_path}/whole") for a in toy]
    assert start([*whole, *steps], compiled_once, XLA_FLAGS=two).wait() == 0
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    hosts = [f"--gin.COORDINATOR_ADDRESS=localhost:{port}", "--gin.NUM_PROCESSES=2"]
    for last in (2, 4):  # the second pair of processes resumes
        pair = [
            start(
                [*toy, *steps, *hosts, f"--gin.TRAIN_STEPS={last}", f"--gin.PROCESS_ID={i}"],
                tmp_path / "none",
            )
            for i in range(2)
        ]
        for process in pair:
            _, said = process.communicate()
            assert process.returncode == 0, said
    one, both = losses(tmp_path / "whole"), losses(tmp_path / "run")
    assert both == pytest.approx(one, rel=1e-5)


STOPPED_WHILE_IMPORTING = """
import os, runpy, signal, sys
number = getattr(signal, sys.argv[1])

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "jax.numpy":
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Stop())
module = sys.argv[2]
sys.argv = [module, *sys.argv[3:]]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("SIGTERM", "flan_tasks"),
        ("SIGHUP", "flan_tasks.trainer"),
        ("SIGINT", "flan_tasks"),
        ("SIGINT", "flan_tasks.trainer"),
    ],
)
def test_a_signal_in_the_first_moments_ends_with_a_message(name, module, toy, tmp_path):
    command = [sys.executable, "-c", STOPPED_WHILE_IMPORTING, name, module]
    command += ["train"] if module == "flan_tasks" else []
    command += [*toy, "--gin.TRAIN_STEPS=2"]
    ran = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True)
    assert ran.returncode == 128 + getattr(signal, name), ran.stderr
    what = "interrupted" if name == "SIGINT" else f"stopped by {name}"
    message = f"{'flan: ' if module == 'flan_tasks' else ''}{what}; {interrupts.KEPT}"
    assert ran.stderr.strip() == message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["eval", "export", "infer"])
def test_a_signal_while_a_model_is_opened_ends_with_a_message(command, tmp_path):
    arguments = {
        "eval": ["rte", "--source", "samples", "--model", "none", "--out", "out"],
        "export": ["none", "--out", "out"],
        "infer": ["prompts.jsonl", "--model", "none", "--out", "out"],
    }
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "a"}\n')
    words = [sys.executable, "-c", STOPPED_WHILE_IMPORTING, "SIGTERM", "flan_tasks", command]
    ran = subprocess.run(
        [*words, *arguments[command]],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 143, ran.stderr
    rest = "; what is complete is kept, and the same command goes on" if command == "eval" else ""
    assert ran.stderr.strip() == f"flan: stopped by SIGTERM{rest}"
    assert not (tmp_path / "out").exists()
