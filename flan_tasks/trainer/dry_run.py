"""What a run would be, before it is one: sizes, memory, tokens; nothing is trained or written."""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.checkpoints.checkpoint import is_hugging_face, newest
from flan_tasks.core.counting import counted
from flan_tasks.models import partition
from flan_tasks.models.adapter_files import is_adapters, read_adapters
from flan_tasks.models.hf import check_hf
from flan_tasks.models.hf_config import on_stderr
from flan_tasks.models.model import Model
from flan_tasks.specs.config import TrainSpec
from flan_tasks.trainer.data import BuildSource, Source, open_evaluation, open_source
from flan_tasks.trainer.estimate import parameter_count, training_flops
from flan_tasks.trainer.prompt_start import first_ids
from flan_tasks.trainer.step import trained_part
from flan_tasks.trainer.train import (
    check_ends,
    compiled_steps,
    lengths_of,
    optimizer_of,
    place,
)


def describe(run: TrainSpec) -> list[str]:
    """Returns lines that say what a run would train, on what, and what it would take.

    Everything is checked as in training: data, model and mesh must fit. The memory of activations
    is the compiler's own figure for the whole step, on the available devices.

    Raises:
      FlanTasksError: something does not fit.
    """
    mesh = partition.make_mesh(run.mesh)
    source = open_source(run.data, run.model)
    validation = open_evaluation(run.data, run.model)
    model = Model(run.model)
    optimizer = optimizer_of(run, model)
    where = place(run, model, optimizer, mesh)
    if run.checkpoint.initial_checkpoint_path is not None:
        check_start(run.checkpoint.initial_checkpoint_path, model)
        check_ends(run, source.about)
    first_ids(run, source.about)
    trained = trained_part(model, where.params, adapters_only=run.optimizer.adapters_only)
    lengths = lengths_of(run, source)
    positions = source.batch_size * sum(lengths.values())
    flops = source.batch_size * training_flops(run.model, **lengths).total
    memory = {
        "parameters": _bytes(where.params),
        "optimizer moments": _bytes(where.state),
    }
    temporary = _temporary(run, model, optimizer, where, source)
    working = "gradients and activations" if temporary else "gradients"
    memory[f"{working} while a step runs"] = temporary or _bytes(trained)
    devices = mesh.devices.size
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained))
    mesh_text = " x ".join(f"{name} {size}" for name, size in mesh.shape.items())
    lines = [
        f"model: {run.model.architecture}, {parameter_count(model):,} parameters, {count:,} of "
        "them trained",
        f"devices: {devices} x {mesh.devices.flat[0].device_kind} ({mesh_text})",
        f"steps: {run.train_steps:,} of {counted(source.batch_size, 'row')} in "
        f"{counted(run.num_microbatches, 'part')}",
        f"tokens per step: {positions:,} ({lengths['inputs']:,} inputs + {lengths['targets']:,} "
        f"targets a row), {flops / 1e12:,.3g} TFLOP",
        "memory per device: "
        + ", ".join(f"{name} {_size(value)}" for name, value in memory.items()),
        f"tasks: {len(source.tasks) or 'as SeqIO mixes them'}",
    ]
    if run.model.prompt_length:
        lines.append(_of_prompt(run, source))
    if validation is not None:
        rows = counted(len(validation.reader), "row")
        lines.append(f"evaluation: {rows} in {counted(validation.steps, 'batch', 'batches')}")
    return lines


def check_start(path: str, model: Model) -> None:
    """Checks that there is something to begin with, and that a Hugging Face folder fits the model.

    Raises:
      FlanTasksError: there is not, or it does not.
    """
    if is_adapters(Path(path)):
        adapters = read_adapters(Path(path))
        adapters.check(model.config)
        check_hf(model, adapters.base, say=on_stderr)
    elif is_hugging_face(Path(path)):
        check_hf(model, Path(path), say=on_stderr)
    else:
        newest(Path(path))


def _of_prompt(run: TrainSpec, source: Source) -> str:
    vectors = counted(run.model.prompt_length, "vector")
    if isinstance(source, BuildSource) and source.prompts:
        most = counted(source.prompts, "example")
        return f"soft prompt: {vectors} before each example; a row has room for {most}"
    return f"soft prompt: {vectors} before each example"


def _bytes(tree) -> int:
    return partition.tree_bytes_per_device(jax.tree.map(lambda leaf: leaf.sharding, tree), tree)


def _temporary(run, model, optimizer, where, source) -> int | None:
    """Bytes the compiled step wants besides what goes in and out; None if it does not say."""
    block = source.read(0, 0, partition.num_blocks(where.mesh))
    rows = partition.batch_sharding(where.mesh)
    batch = {
        name: jax.ShapeDtypeStruct((source.batch_size, *values.shape[1:]), np.int32, sharding=rows)
        for name, values in block.items()
    }
    step, _ = compiled_steps(run, model, optimizer, where, (len(source.tasks), 0))
    number = jax.ShapeDtypeStruct((), jnp.int32)
    memory = step.lower(where.params, where.state, batch, number).compile().memory_analysis()
    return getattr(memory, "temp_size_in_bytes", None)


def _size(value: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError
