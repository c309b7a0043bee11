"""Gradients of our own against those that JAX derives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import quickly_compiled

from flan_tasks.models.products import Turned, product, times, turned
from flan_tasks.models.weighing import masked, weighed

B, KV, GROUP, T, S, WIDTH = 2, 2, 3, 4, 5, 6


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


def drawn(draw, *shape):
    return jnp.asarray(draw.standard_normal(shape), jnp.float32)


def derived(query, key, value, bias, mask, scale, cap):
    """What `weighed` returns, by operations whose gradients JAX knows."""
    logits = masked(jnp.einsum("bkgtd,bksd->bkgts", query, key), bias, mask, scale, cap)
    names = "bksd" if value.ndim == 4 else "bkgsd"
    return jnp.einsum(f"bkgts,{names}->bkgtd", jax.nn.softmax(logits, axis=-1), value)


def gradients(function, *arguments, dtype=jnp.float32):
    def total(*given):
        output = function(*(x.astype(dtype) for x in given)).astype(jnp.float32)
        return jnp.sum(output * jnp.cos(jnp.arange(output.size).reshape(output.shape))), output

    numbers = tuple(range(len(arguments)))
    return jax.jit(jax.grad(total, numbers, has_aux=True))(*arguments)


@pytest.mark.parametrize(
    ("bias", "cap", "group"),
    [((1, KV, GROUP, T, S), 0.0, ()), ((B, KV, GROUP, T, S), 0.7, (GROUP,)), (None, 0.7, ())],
)
def test_gradients_of_weighed_values_are_those_jax_derives(bias, cap, group):
    draw = np.random.default_rng(0)
    mask = jnp.asarray(draw.random((B, 1, 1, T, S)) < 0.7)
    # A query that may look nowhere, as one of padding.
    mask = mask.at[0, 0, 0, 1].set(False)
    arrays = [drawn(draw, B, KV, GROUP, T, WIDTH), drawn(draw, B, KV, S, WIDTH)]
    arrays.append(drawn(draw, B, KV, *group, S, WIDTH))
    if bias is not None:
        arrays.append(drawn(draw, *bias))

    def of(function):
        def called(query, key, value, bias=None):
            return function(query, key, value, bias, mask, 0.5, cap)

        return gradients(called, *arrays)

    for ours, theirs in zip(*(jax.tree.leaves(of(f)) for f in (weighed, derived)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("axis", "dtype"), [(0, "float32"), (1, "float32"), (0, "bfloat16")])
def test_gradients_of_products_are_those_jax_derives(axis, dtype):
    draw = np.random.default_rng(0)
    x, matrix = drawn(draw, 2, 5, 8), drawn(draw, *((8, 7) if axis == 0 else (7, 8)))

    def theirs(x, matrix):
        return x @ (matrix if axis == 0 else matrix.T)

    def ours(x, matrix):
        return product(x, matrix, axis)

    found, wanted = (gradients(f, x, matrix, dtype=dtype) for f in (ours, theirs))
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, wanted)
    near = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 0.02, "atol": 0.05}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **near), found, wanted)


@pytest.mark.parametrize("shape, wide", [((6, 9), True), ((9, 6), False), ((6, 6), False)])
def test_wide_matrices_are_turned_and_give_the_same_product(shape, wide):
    draw = np.random.default_rng(4)
    x, matrix = drawn(draw, 3, shape[0]), drawn(draw, *shape)
    lies = turned(matrix)
    assert isinstance(lies, Turned) == wide
    ours = times(x, lies, jnp.float32, jnp.float32)
    np.testing.assert_allclose(ours, product(x, matrix), rtol=1e-5, atol=1e-6)
