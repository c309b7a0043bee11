"""A tiny run of `flan train` for campaigns of faults: made from embedded rows, on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

GIN = """\
include "models/t5_1_1_tiny.gin"
include "runs/finetune.gin"
from __gin__ import dynamic_registration
from flan_tasks.specs import model_config
model_config.ModelConfig.embed = 32
model_config.ModelConfig.layers = 2
model_config.ModelConfig.head_dim = 8
model_config.ModelConfig.mlp = 48
INITIAL_CHECKPOINT_PATH = None
TASK_FEATURE_LENGTHS = {"inputs": 256, "targets": 16}
BATCH_SIZE = 4
EVAL_BATCH_SIZE = 4
EVAL_STEPS = 1
LEARNING_RATE = 0.02
# None of them divides another, so that a stop is inside of an interval more often than not.
LOG_PERIOD = 4
CHECKPOINT_PERIOD = 9
EVAL_PERIOD = 15
CHECKPOINT_KEEP = 2
CHECKPOINT_KEEP_BEST = 1
"""


def prepare(folder: Path) -> None:
    """Makes the builds and the gin file of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.gin").write_text(GIN, encoding="utf-8")
    for split in ("train", "validation"):
        command = ["build", "rte", "--source", "samples", "--vocab", "bytes", "--split", split]
        command += ["--format", "arrays", "--lengths", "inputs=256,targets=16"]
        command += ["--examples", "200", "--store", str(folder / "store")]
        build = flan(folder, [*command, "--out", str(folder / split)])
        _, errors = build.communicate()
        if build.returncode:
            raise SystemExit(f"the {split} build of the run failed: {errors[-2000:]}")


def arguments(folder: Path, name: str, steps: int) -> list[str]:
    """The arguments of `flan` for a run into `folder`/`name`."""
    values = {
        "BUILD_DIR": folder / "train",
        "EVAL_BUILD_DIR": folder / "validation",
        "MODEL_DIR": folder / name,
        "TRAIN_STEPS": steps,
    }
    return [
        "train",
        f"--gin_file={folder / 'toy.gin'}",
        *(f"--gin.{key}={value}" for key, value in values.items()),
    ]


def flan(folder: Path, words: list[str], *, devices: int = 1) -> subprocess.Popen:
    """Starts `flan`; what is compiled is kept for the next process."""
    flags = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "XLA_FLAGS": "--xla_backend_optimization_level=0"
        + (f" --xla_force_host_platform_device_count={devices}" if devices > 1 else ""),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flan_tasks", *words],
        env={**os.environ, **flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
