"""A training step by the generator of dropout's random numbers, and without dropout.

    python -m benchmarks.dropout_keys

One process compiles the step of `flan train` for each and lets them take turns over the same packed
batches; printed are the seconds and processor seconds of each, and their ratios to threefry by
turn. Threefry is what `flan train` uses: its numbers are the same on every backend and mesh, and
each device computes its own alone.
"""

import argparse
import dataclasses
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from benchmarks.train_data import write_data
from benchmarks.train_ours import batches_of
from flan_tasks.models import partition
from flan_tasks.models.model import Model, sized
from flan_tasks.specs.config import DataConfig, OptimizerConfig, TrainSpec
from flan_tasks.trainer.train import compiled_steps, optimizer_of, place

WAYS = {
    "no dropout": (0.0, "threefry2x32"),
    "threefry": (0.1, "threefry2x32"),
    "philox": (0.1, "philox4x32"),
    "rbg": (0.1, "rbg"),
    "unsafe_rbg": (0.1, "unsafe_rbg"),
}


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="mini", help="of T5 1.1")
    parser.add_argument("--lengths", default="512,64", help="tokens of inputs, of targets")
    parser.add_argument("--rows", type=int, default=4, help="packed rows a batch")
    parser.add_argument("--rounds", type=int, default=10, help="steps of each")
    given = parser.parse_args()
    inputs, targets = (int(part) for part in given.lengths.split(","))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        write_data(data, given.rows * 8, (inputs, targets), 0)
        batches = batches_of(str(data), given.rows)
    steps = {way: step_of(way, given.size, given.rows, batches) for way in WAYS}
    for step in steps.values():
        step(0)
    rounds = []
    for number in range(given.rounds):
        names = list(steps) if number % 2 else list(steps)[::-1]
        rounds.append({name: timed(steps[name], number) for name in names})
    print("| way | step, s, median | CPU s, median | CPU s of threefry's, median (least to most) |")
    print("|---|---|---|---|")
    for way in WAYS:
        wall, cpu = (statistics.median(one[way][n] for one in rounds) for n in (0, 1))
        ratios = [one[way][1] / one["threefry"][1] for one in rounds]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {way} | {wall:.3f} | {cpu:.3f} | {spread} |")


def step_of(way: str, size: str, rows: int, batches: list) -> Callable[[int], None]:
    """Compiles a step, and returns what takes one, by its number."""
    dropout, generator = WAYS[way]
    jax.config.update("jax_default_prng_impl", generator)
    config = dataclasses.replace(sized("t5", size, vocabulary_size=32_100), dropout=dropout)
    run = TrainSpec(
        model=dataclasses.replace(config, dtype="float32", attention="xla"),
        model_dir="unused",
        train_steps=1000,
        data=DataConfig(build_dir="unused", batch_size=rows),
        optimizer=OptimizerConfig(learning_rate=1e-3),
    )
    mesh = partition.make_mesh(run.mesh, jax.devices()[:1])
    model = Model(run.model)
    optimizer = optimizer_of(run, model)
    where = place(run, model, optimizer, mesh)
    step, _ = compiled_steps(run, model, optimizer, where, (0, 0))
    params = jax.jit(model.init)(jax.random.key(0))
    state = jax.jit(optimizer.init)(params)
    placed = [jax.device_put(batch, partition.batch_sharding(mesh)) for batch in batches]

    def one(number: int) -> None:
        nonlocal params, state
        params, state, _ = step(params, state, placed[number % len(placed)], jnp.int32(number))
        jax.block_until_ready(params)

    one(0)  # compiles, under the generator that is set now
    return one


def timed(step: Callable[[int], None], number: int) -> tuple[float, float]:
    """Seconds of the clock and of processors that a step takes."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    step(number)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


if __name__ == "__main__":
    main()
