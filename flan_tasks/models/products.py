"""Products with the matrices of a layer, whose gradients come out as the matrices lie.

JAX computes the gradient of a matrix transposed, and turns it afterwards. XLA on a CPU moves that
into the operand, the gradient of the layer's output: a copy of it whose elements are each computed
from far apart, and twice, which took a sixth of a training step. Here nothing is turned.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp


@partial(jax.tree_util.register_dataclass, data_fields=["matrix"], meta_fields=[])
@dataclass(frozen=True)
class Turned:
    """A matrix that lies the other way round, as XLA on a CPU multiplies it with few rows best.

    With 32 rows and 32,128 columns it takes two thirds of the time, with 64 as long, and with 128
    an eighth more.
    """

    matrix: jax.Array
    """[..., out, in]."""


def turned(matrix: jax.Array) -> "Turned | jax.Array":
    """Returns [..., in, out] turned where it has more columns than rows."""
    if matrix.shape[-1] <= matrix.shape[-2]:
        return matrix
    return Turned(jnp.swapaxes(matrix, -1, -2))


def times(x: jax.Array, kernel: "Turned | jax.Array", kind: Any, dtype: Any = None) -> jax.Array:
    """Returns what `product` does, of a matrix [in, out] that may be `turned`, cast to a type."""
    if isinstance(kernel, Turned):
        return product(x, kernel.matrix.astype(kind), 1, dtype)
    return product(x, kernel.astype(kind), 0, dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def product(x: jax.Array, matrix: jax.Array, axis: int = 0, dtype: Any = None) -> jax.Array:
    """Returns x times a matrix, [..., out].

    Gradients are computed in the arrays' own type: by default a float32 gradient would turn both
    backward products of a bfloat16 model into float32 ones.

    Args:
      x: [..., in].
      matrix: [in, out], or [out, in] if `axis` is 1.
      axis: the axis of the matrix that is summed over.
      dtype: of what is returned and summed in; as the arguments by default.
    """
    dimensions = (((x.ndim - 1,), (axis,)), ((), ()))
    return jax.lax.dot_general(x, matrix, dimensions, preferred_element_type=dtype)


def _product_forward(x: jax.Array, matrix: jax.Array, axis: int, dtype: Any) -> tuple:
    return product(x, matrix, axis, dtype), (x, matrix)


def _product_backward(axis: int, dtype: Any, saved: tuple, gradient: jax.Array) -> tuple:
    x, matrix = saved
    gradient = gradient.astype(x.dtype)
    of_x = product(gradient, matrix, 1 - axis)
    before = tuple(range(x.ndim - 1))
    first, second = (gradient, x) if axis else (x, gradient)
    of_matrix = jax.lax.dot_general(first, second, ((before, before), ((), ())))
    return of_x, of_matrix.astype(matrix.dtype)


product.defvjp(_product_forward, _product_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def einsum_float32(spec: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns an einsum of two arrays, summed and returned in float32.

    Its gradient is computed in the arrays' own type: by default a float32 gradient would turn both
    backward products of a bfloat16 model into float32 ones.
    """
    return jnp.einsum(spec, a, b, preferred_element_type=jnp.float32)


def _einsum_forward(spec: str, a: jax.Array, b: jax.Array) -> tuple:
    return einsum_float32(spec, a, b), (a, b)


def _einsum_backward(spec: str, saved: tuple, gradient: jax.Array) -> tuple:
    a, b = saved
    _, transposed = jax.vjp(partial(jnp.einsum, spec), a, b)
    return transposed(gradient.astype(a.dtype))


einsum_float32.defvjp(_einsum_forward, _einsum_backward)
