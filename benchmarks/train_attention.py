"""One measurement of `train.py`: attention alone, forward and backward, in time, memory, accuracy.

Queries, keys and values are normal, segments those of the packed rows; T5's are the encoder's, with
the relative bias, and a decoder's look backward. Accuracy is how far output and gradients are from
those of the reference in float32, the norm of the difference over the norm.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.build.measure import print_result
from benchmarks.train_ours import batches_of, shaped
from flan_tasks.core.errors import ModelError
from flan_tasks.models.attention import Seen, attend, attend_fused, not_after, same_segment
from flan_tasks.models.layers import relative_bucket
from flan_tasks.specs.model_config import ModelConfig

Arrays = dict[str, jax.Array]


def drawn(config: ModelConfig, rows: int, length: int, dtype: str) -> Arrays:
    """Queries, keys, values and T5's table of biases, and weights that make the output one sum."""
    keys = jax.random.split(jax.random.key(0), 5)
    heads = {"query": config.heads, "key": config.kv_heads, "value": config.kv_heads}
    arrays = {
        name: jax.random.normal(key, (rows, length, count, config.head_dim), dtype)
        for key, (name, count) in zip(keys, heads.items(), strict=False)
    }
    if config.positions == "relative":
        arrays["bias"] = jax.random.normal(keys[3], (config.relative_buckets, config.heads))
    arrays["weights"] = jax.random.normal(keys[4], arrays["query"].shape, dtype)
    return arrays


def attention_of(config: ModelConfig, name: str, segments: jax.Array) -> Callable:
    """Returns what attends in packed rows of these segments, and sums what comes out by weights."""
    index = jnp.arange(segments.shape[1])[None]
    mask = same_segment(segments, segments)
    if config.architecture == "decoder":
        mask &= not_after(index, index)

    def summed(arrays: Arrays) -> tuple[jax.Array, jax.Array]:
        bias = None
        if "bias" in arrays:
            bucket = relative_bucket(
                index[:, None, :] - index[:, :, None],
                bidirectional=True,
                buckets=config.relative_buckets,
                distance=config.relative_distance,
            )
            bias = jnp.moveaxis(arrays["bias"][bucket], -1, 1)
        seen = Seen(arrays["key"], arrays["value"], mask, bias)
        # T5's queries come scaled; these do not.
        scale = config.head_dim**-0.5
        if name == "cudnn":
            output = attend_fused(arrays["query"], seen, scale=scale)
        else:
            output = attend(arrays["query"], [seen], scale=scale)
        # Nobody looks at what padding finds.
        output = jnp.where((segments > 0)[:, :, None, None], output, 0)
        weighed = output.astype(jnp.float32) * arrays["weights"].astype(jnp.float32)
        return jnp.sum(weighed), output

    return jax.jit(jax.value_and_grad(summed, has_aux=True))


def timed(attention: Callable, arrays: Arrays, steps: int) -> tuple[dict[str, float], Any]:
    """Returns seconds and working memory of a step, and its output and gradients."""
    begun = time.perf_counter()
    step = attention.lower(arrays).compile()
    compiling = time.perf_counter() - begun
    jax.block_until_ready(step(arrays))
    seconds = []
    for _ in range(steps):
        begun = time.perf_counter()
        jax.block_until_ready(step(arrays))
        seconds.append(time.perf_counter() - begun)
    (_, output), gradients = step(arrays)
    memory = step.memory_analysis().temp_size_in_bytes
    about = {"step": statistics.median(seconds), "temporary": memory, "compiling": compiling}
    return about, {"output": output, **gradients}


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Returns a part for each attention; one that cannot run says why."""
    config = shaped(given.size)
    batch = batches_of(given.data, given.rows)[0]
    side = "encoder" if config.architecture == "t5" else "decoder"
    segments = jnp.asarray(batch[f"{side}_segment_ids"])
    arrays = drawn(config, *segments.shape, given.dtype)
    wide = {name: array.astype(jnp.float32) for name, array in arrays.items()}
    with jax.default_matmul_precision("highest"):
        _, exact = timed(attention_of(config, "xla", segments), wide, 1)
    exact = {name: np.asarray(array, np.float64) for name, array in exact.items()}
    parts: dict[str, Any] = {}
    for name in given.attention.split(","):
        try:
            about, computed = timed(attention_of(config, name, segments), arrays, given.steps)
        # The second is what the compiler refuses.
        except (ModelError, jax.errors.JaxRuntimeError) as error:
            parts[name] = {"failed": str(error).splitlines()[0][:300]}
            continue
        away = {
            which: float(np.linalg.norm(np.asarray(array, np.float64) - exact[which]))
            / float(np.linalg.norm(exact[which]))
            for which, array in computed.items()
            if which != "weights"
        }
        parts[name] = {**about, "away": away}
    return {"parts": parts, "rows": given.rows, "device": jax.devices()[0].device_kind}


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--size", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--attention", required=True, help="those compared, with commas")
    print_result(**measure(parser.parse_args()))


if __name__ == "__main__":
    main()
