"""Products of a layer that read the same rows, one by one and joined, with their gradients.

    python -m benchmarks.joined_products

Queries, keys and values are products of the same rows with three matrices, and the gate of an MLP
and what it lets through are with two. One process compiles them as they are (`apart`), with one
matrix that is stored joined (`joined`), and with one that is made of them in the step (`joined in
the step`), which leaves parameters as they are; they take turns, and ratios of processor seconds to
`apart` are by turn.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from flan_tasks.models.products import product

# Rows of a batch, tokens of a row, calls a turn.
ROWS, TOKENS, CALLS = 4, 512, 5


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=12)
    turns = parser.parse_args().turns
    print("| what | way | ms, median | CPU ms, median | CPU of apart's, median (least to most) |")
    print("|---|---|---|---|---|")
    for embed, mlp in ((256, 768), (512, 1024)):
        show(f"queries, keys, values of width {embed}", (embed, embed, 3), mixed, turns)
        show(f"gate and up from {embed} to {mlp}", (embed, mlp, 2), gated, turns)


def mixed(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """Uses three products, each with a gradient of its own."""
    return jnp.sum(jnp.tanh(query) * key + value * value)


def gated(gate: jax.Array, up: jax.Array) -> jax.Array:
    """Uses two as a gated MLP does."""
    through = jax.checkpoint(lambda x, y: jax.nn.gelu(x) * y, prevent_cse=False)
    return jnp.sum(jnp.sin(through(gate, up)))


def show(what: str, sizes: tuple[int, int, int], use: Callable, turns: int) -> None:
    """Measures the ways of one set of products, of a width, from a width, and how many."""
    width, out, count = sizes
    keys = jax.random.split(jax.random.key(0), count + 1)
    x = jax.random.normal(keys[0], (ROWS, TOKENS, width))
    matrices = [jax.random.normal(key, (width, out)) * width**-0.5 for key in keys[1:]]

    def apart(x: jax.Array, matrices: Sequence[jax.Array]) -> jax.Array:
        return use(*(product(x, matrix) for matrix in matrices))

    def joined(x: jax.Array, matrix: jax.Array) -> jax.Array:
        return use(*jnp.split(product(x, matrix), count, axis=-1))

    def joined_in_step(x: jax.Array, matrices: Sequence[jax.Array]) -> jax.Array:
        return joined(x, jnp.concatenate(matrices, axis=1))

    given = {apart: matrices, joined: jnp.concatenate(matrices, axis=1), joined_in_step: matrices}
    calls = []
    for way, parameters in given.items():
        gradient = jax.jit(jax.value_and_grad(way, argnums=(0, 1)))
        calls.append((way.__name__.replace("_in_step", " in the step"), gradient, parameters))
    for _, gradient, parameters in calls:
        jax.block_until_ready(gradient(x, parameters))
    rounds = []
    for number in range(turns):
        order = calls if number % 2 else calls[::-1]
        rounds.append({name: timed(gradient, x, of) for name, gradient, of in order})
    for name, _, _ in calls:
        wall, cpu = (statistics.median(one[name][n] for one in rounds) * 1e3 for n in (0, 1))
        ratios = [one[name][1] / one["apart"][1] for one in rounds]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {what} | {name} | {wall:.1f} | {cpu:.1f} | {spread} |", flush=True)


def timed(gradient: Callable, x: jax.Array, parameters: object) -> tuple[float, float]:
    """Seconds of the clock and of processors that a call takes."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(CALLS):
        jax.block_until_ready(gradient(x, parameters))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (time.perf_counter() - start) / CALLS, cpu / CALLS


if __name__ == "__main__":
    main()
