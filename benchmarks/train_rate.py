"""The rate of matrix products on this device: what a share of the peak can be at most.

    python -m benchmarks.train_rate --width 8192

Square matrices of random bfloat16 numbers: products of zeros run faster on some devices.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

from benchmarks.build.measure import print_result

# Products in a row, timed together, and how often.
PRODUCTS, ROUNDS = 20, 5


def rate(width: int) -> float:
    """Returns operations a second of products of [width, width], the median of the rounds."""
    keys = jax.random.split(jax.random.key(0))
    first, second = (jax.random.normal(key, (width, width), jnp.bfloat16) for key in keys)
    # Scaled, so that a product is like what went in and can be multiplied again.
    second = second * width**-0.5
    multiply = jax.jit(jnp.matmul)
    product = jax.block_until_ready(multiply(first, second))
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(PRODUCTS):
            product = multiply(product, second)
        jax.block_until_ready(product)
        seconds.append(time.perf_counter() - begun)
    return PRODUCTS * 2 * width**3 / statistics.median(seconds)


def main() -> None:
    """Prints the rate and the device."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=8192, help="of the matrices")
    given = parser.parse_args()
    print_result(rate=rate(given.width), width=given.width, device=jax.devices()[0].device_kind)


if __name__ == "__main__":
    main()
