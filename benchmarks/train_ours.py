"""One measurement of `train.py`: our training step, or our attention against float32."""

import argparse
import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.build.measure import peak_megabytes, print_result, take_turns
from benchmarks.train_shapes import SHAPES
from benchmarks.train_work import summed, work_of_rows
from flan_tasks.core.kept_memory import keep_freed_memory
from flan_tasks.models import partition
from flan_tasks.models.head_parts import POSITIONS
from flan_tasks.models.model import Model, ModelConfig, sized
from flan_tasks.specs.config import DataConfig, OptimizerConfig, TrainSpec
from flan_tasks.trainer.estimate import parameter_count
from flan_tasks.trainer.loss import loss_sums
from flan_tasks.trainer.train import compiled_steps, optimizer_of, place

# Steps before the clock.
WARMUP = 3


def shaped(size: str) -> ModelConfig:
    """The model of a name in SHAPES; a decoder is as Llama is, but for the scale of its head."""
    shape = SHAPES[size]
    if shape.kind == "t5":
        return sized("t5", size, vocabulary_size=shape.vocabulary)
    return ModelConfig(
        architecture="decoder",
        vocabulary_size=shape.vocabulary,
        embed=shape.embed,
        layers=shape.layers,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        mlp=shape.mlp,
        positions="rope",
        activation="silu",
        inputs_attention="causal",
        tied_head=True,
    )


def batches_of(path: str, rows: int) -> list[dict[str, np.ndarray]]:
    """The full batches of the packed rows in a file."""
    with np.load(path) as held:
        arrays = {name: held[name] for name in held if name.startswith(("encoder", "decoder"))}
    count = len(arrays["decoder_input_tokens"]) // rows
    return [{k: v[n * rows : (n + 1) * rows] for k, v in arrays.items()} for n in range(count)]


def positions_of(batch: dict[str, np.ndarray]) -> int:
    """Positions of a batch, padding included."""
    return sum(batch[name].size for name in batch if name.endswith("_segment_ids"))


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Times the step that `flan train` runs."""
    config = configured(given)
    batches = batches_of(given.data, given.rows)
    run = TrainSpec(
        model=config,
        model_dir="unused",
        train_steps=given.steps,
        data=DataConfig(build_dir="unused", batch_size=given.rows),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        head_positions=given.head_positions,
    )
    mesh = partition.make_mesh(run.mesh, jax.devices()[:1])
    model = Model(config)
    optimizer = optimizer_of(run, model)
    where = place(run, model, optimizer, mesh)
    train, _ = compiled_steps(run, model, optimizer, where, (0, 0))
    params = jax.jit(model.init)(jax.random.key(0))
    state = jax.jit(optimizer.init)(params)
    rows = partition.batch_sharding(mesh)
    placed = [jax.device_put(batch, rows) for batch in batches]
    begun = time.perf_counter()
    step = train.lower(params, state, placed[0], jnp.int32(0)).compile()
    compiling = time.perf_counter() - begun
    if given.turns:

        def one(number: int) -> None:
            nonlocal params, state
            batch = placed[number % len(placed)]
            params, state, _ = step(params, state, batch, jnp.int32(number))
            jax.block_until_ready(params)

        useful = [work_of_rows(batch).tokens for batch in batches]
        take_turns(one, useful, positions_of(batches[0]), WARMUP)
    timed = given.steps
    begun = 0.0
    losses = []
    for number in range(WARMUP + timed):
        if number == WARMUP:
            jax.block_until_ready(params)
            begun = time.perf_counter()
        batch = placed[number % len(placed)]
        params, state, sums = step(params, state, batch, jnp.int32(number))
        losses.append(sums)
    jax.block_until_ready(params)
    seconds = time.perf_counter() - begun
    used = [batches[number % len(batches)] for number in range(WARMUP, WARMUP + timed)]
    work = summed([work_of_rows(batch) for batch in used])
    device = jax.devices()[0]
    memory = (device.memory_stats() or {}).get("peak_bytes_in_use", peak_megabytes() * 1e6)
    analysis: Any = step.memory_analysis()
    return {
        "step": seconds / timed,
        "rows": given.rows,
        "useful": work.tokens / seconds,
        "positions": sum(map(positions_of, used)) / seconds,
        "work": [number / timed for number in work],
        "memory": memory,
        "temporary": analysis.temp_size_in_bytes,
        "compiling": compiling,
        "parameters": parameter_count(model),
        "device": device.device_kind,
        "losses": [float(one["loss"] / one["tokens"]) for one in (losses[0], losses[-1])],
        "versions": {"jax": jax.__version__},
    }


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Returns how far logits and the gradient of T5's relative biases are from float32's."""
    # Few rows and remat: float32 attention of a whole batch need not fit, and changes nothing here.
    batch = jax.device_put(batches_of(given.data, min(given.rows, 4))[0])
    config = dataclasses.replace(configured(given), remat="full")
    reference = dataclasses.replace(config, dtype="float32", attention="xla")
    with jax.default_matmul_precision("highest"):
        params = jax.jit(Model(reference).init)(jax.random.key(0))
        exact = _logits_and_biases(reference, params, batch)
    computed = _logits_and_biases(config, params, batch)
    logits, bias = (
        float(np.linalg.norm(a - b) / np.linalg.norm(b))
        for a, b in zip(computed, exact, strict=True)
    )
    return {"logits": logits, "bias": bias, "device": jax.devices()[0].device_kind}


def _logits_and_biases(config: Any, params: Any, batch: Any) -> tuple[np.ndarray, np.ndarray]:
    model, run = Model(config), TrainSpec.__dataclass_fields__["loss"].default

    def loss(params: Any) -> jax.Array:
        return loss_sums(model.logits(params, batch), batch, run)["loss"]

    real = np.asarray(batch["decoder_segment_ids"]) > 0
    logits = np.asarray(jax.jit(model.logits)(params, batch), np.float64)[real]
    grads = jax.jit(jax.grad(loss))(params)
    tables = [grads[half]["relative_bias"]["embedding"] for half in ("encoder", "decoder")]
    return logits, np.concatenate([np.asarray(table, np.float64).ravel() for table in tables])


def configured(given: argparse.Namespace) -> Any:
    """The model of the command line."""
    return dataclasses.replace(
        shaped(given.size),
        dtype=given.dtype,
        attention=given.attention,
        remat=given.remat,
        dropout=0.0,
    )


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--size", required=True, choices=SHAPES)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--attention", required=True)
    parser.add_argument("--remat", default="none")
    parser.add_argument("--head-positions", type=int, default=POSITIONS, help="0 is all at once")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--turns", action="store_true", help="a step for each line that is read")
    given = parser.parse_args()
    keep_freed_memory()
    print_result(**(compare if given.compare else measure)(given))


if __name__ == "__main__":
    main()
