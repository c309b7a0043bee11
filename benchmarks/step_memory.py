"""Memory of a training step by the compiler's own count: all logits at once, and in parts.

    python -m benchmarks.step_memory
    python -m benchmarks.step_memory --models t5-base --rows 8 --out memory.json

Steps are compiled for the devices there are and not run: shapes alone are given, nothing is
allocated. Besides parameters and optimizer state, which a step takes over, it wants memory for
gradients, activations and logits: that is `temp_size_in_bytes` of XLA's `memory_analysis`, whose
figures differ among kinds of devices.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.train_ours import shaped
from flan_tasks.models import partition
from flan_tasks.models.head_parts import POSITIONS
from flan_tasks.models.model import Model, ModelConfig
from flan_tasks.specs.config import DataConfig, TrainSpec
from flan_tasks.trainer.estimate import parameter_count
from flan_tasks.trainer.train import compiled_steps, optimizer_of, place

# Rows, and tokens of inputs and targets in each.
SHAPES = {"t5-base": (32, 1024, 256), "t5-large": (16, 1024, 256), "decoder-1b": (8, 1536, 512)}


def configured(name: str) -> ModelConfig:
    """The model of a name; the decoder is of the shape of Llama 3.2 1B."""
    return shaped(name.removeprefix("t5-"))


def features(config: ModelConfig, rows: int, inputs: int, targets: int) -> dict[str, Any]:
    """Shapes of a packed batch."""
    if config.architecture == "t5":
        names = {"encoder_input_tokens": inputs, "encoder_segment_ids": inputs}
        length = targets
    else:
        names, length = {"decoder_positions": inputs + targets}, inputs + targets
        names |= {"decoder_causal_attention": length}
    sides = ("input_tokens", "target_tokens", "loss_weights", "segment_ids")
    names |= {f"decoder_{name}": length for name in sides}
    return {name: jax.ShapeDtypeStruct((rows, size), jnp.int32) for name, size in names.items()}


def measured(name: str, shape: tuple[int, int, int], positions: int, given: Any) -> dict[str, Any]:
    """Compiles one step; returns what it wants."""
    rows, inputs, targets = shape
    config = dataclasses.replace(configured(name), dtype=given.dtype, remat=given.remat)
    run = TrainSpec(
        model=config,
        model_dir="unused",
        train_steps=1,
        data=DataConfig(build_dir="unused", batch_size=rows),
        head_positions=positions,
    )
    mesh = partition.make_mesh(run.mesh, jax.devices()[:1])
    model = Model(config)
    optimizer = optimizer_of(run, model)
    where = place(run, model, optimizer, mesh)
    step, _ = compiled_steps(run, model, optimizer, where, (0, 0))
    batch = features(config, rows, inputs, targets)
    begun = time.perf_counter()
    number = jax.ShapeDtypeStruct((), jnp.int32)
    compiled = step.lower(where.params, where.state, batch, number).compile()
    memory: Any = compiled.memory_analysis()
    length = targets if config.architecture == "t5" else inputs + targets
    return {
        "model": name,
        "parameters": parameter_count(model),
        "rows": rows,
        "inputs": inputs,
        "targets": targets,
        "positions": positions,
        "logits": 4 * rows * length * config.padded_vocabulary,
        "temporary": memory.temp_size_in_bytes,
        "arguments": memory.argument_size_in_bytes,
        "compiling": time.perf_counter() - begun,
    }


def report(results: list[dict[str, Any]]) -> str:
    """A table, one line for each model."""
    lines = [
        "| model | rows | logits of the batch, GB | working memory at once, GB | in parts, GB |",
        "|---|---|---|---|---|",
    ]
    for whole, parts in zip(results[::2], results[1::2], strict=True):
        lengths = f"{whole['inputs']:,} + {whole['targets']:,}"
        sizes = (whole["logits"], whole["temporary"], parts["temporary"])
        memory = " | ".join(f"{size / 1e9:.2f}" for size in sizes)
        lines.append(f"| {whole['model']} | {whole['rows']} of {lengths} | {memory} |")
    return "\n".join(lines)


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(SHAPES), help="with commas")
    parser.add_argument("--rows", type=int, help="of a batch; default by model")
    parser.add_argument("--positions", type=int, default=POSITIONS, help="of a part")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--remat", default="full", help="as in the models' gin files")
    parser.add_argument("--out", type=Path, help="JSON of everything")
    given = parser.parse_args()
    results = []
    for name in given.models.split(","):
        rows, inputs, targets = SHAPES[name]
        for positions in (0, given.positions):
            shape = (given.rows or rows, inputs, targets)
            results.append(measured(name, shape, positions, given))
    if given.out:
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(report(results))


if __name__ == "__main__":
    main()
