"""Small builds and runs on them: two layers of width 32 over random bytes."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from packed_build import make_rows, write_build
from toy_models import DECODER, T5

from flan_tasks.checkpoints.checkpoint import OPTIMIZER, PARAMS
from flan_tasks.specs.config import (
    CheckpointConfig,
    DataConfig,
    LossConfig,
    OptimizerConfig,
    TrainSpec,
)
from flan_tasks.trainer import train as train_module
from flan_tasks.trainer.feedback import METRICS, read_metrics
from flan_tasks.trainer.train import Result

MODELS = {
    name: dataclasses.replace(config, vocabulary_size=259, layers=2, decoder_layers=layers)
    for name, config, layers in (("t5", T5, 2), ("decoder", DECODER, 0))
}
ARCHES = {"t5": "encoder-decoder", "decoder": "decoder"}


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """Keeps compiled programs for the session, as most runs are of the same few; returns where."""
    folder = tmp_path_factory.mktemp("compiled")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    yield folder
    jax.config.update("jax_compilation_cache_dir", None)


def toy_build(folder: Path, *, architecture: str = "t5", rows: int = 20, seed: int = 0) -> Path:
    """A build of that many packed rows."""
    return write_build(folder, make_rows(rows, seed=seed), arch=ARCHES[architecture])


def toy_run(folder: Path, *, architecture: str = "t5", name: str = "run", **changes) -> TrainSpec:
    """A run on a build in `folder`; `changes` replace fields of the run or of its parts."""
    build = folder / f"build-{architecture}"
    if not build.exists():
        toy_build(build, architecture=architecture)
    parts = {
        "model": MODELS[architecture],
        "data": DataConfig(build_dir=str(build), batch_size=8),
        "optimizer": OptimizerConfig(learning_rate=0.05),
        "loss": LossConfig(),
        "checkpoint": CheckpointConfig(period=100),
    }
    whole = {"model_dir": str(folder / name), "train_steps": 6, "log_period": 1}
    whole["tensorboard"] = False
    for key, value in changes.items():
        if key in parts and isinstance(value, dict):
            parts[key] = dataclasses.replace(parts[key], **value)
        elif key in parts:
            parts[key] = value
        else:
            whole[key] = value
    return TrainSpec(**parts, **whole)


def toy_train(folder: Path, *, devices: int = 1, **changes) -> Result:
    """Trains a toy run on that many devices."""
    return train_module.train(toy_run(folder, **changes), devices=jax.devices()[:devices])


def _steps_made_once(make):
    """Runs alike share their compiled steps: tracing takes most of a toy run's time."""
    made = {}

    def compiled_steps(run, model, optimizer, where, tasks):
        if run.optimizer.schedule != "constant":  # others depend on the number of steps
            return make(run, model, optimizer, where, tasks)
        parts = (run.model, run.optimizer, run.loss, run.num_microbatches, run.seed)
        parts = (*parts, run.head_positions)
        key = (repr(parts), where.mesh, tasks)
        if key not in made:
            made[key] = make(run, model, optimizer, where, tasks)
        return made[key]

    return compiled_steps


train_module.compiled_steps = _steps_made_once(train_module.compiled_steps)


def saved(result: Result) -> dict:
    """Parameters and optimizer state of a result's checkpoint, as numpy arrays by name."""
    found = {}
    for item in (PARAMS, OPTIMIZER):
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            tree = checkpointer.restore(result.checkpoint / item)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            found[f"{item}/{name}"] = np.asarray(leaf)
    return found


def losses(folder: Path) -> list[float]:
    """The loss of each line of a MODEL_DIR's metrics."""
    return [line["loss"] for line in read_metrics(folder / METRICS) if line["kind"] == "train"]
