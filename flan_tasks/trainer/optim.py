"""Adafactor as T5X has it, AdamW, and their schedules, as pure functions over trees of arrays.

Leaves that are None are frozen: they have no state and no gradient. A leading axis "layers" is a
stack of parameters, each of which is treated alone, so stacked layers train as separate ones do.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flan_tasks.specs.config import OptimizerConfig

Tree = Any
Schedule = Callable[[jax.Array], jax.Array]
# Added to squared gradients, and the least size of a parameter (Adafactor's epsilons).
_EPSILON_GRADIENT = 1e-30
_EPSILON_PARAMETER = 1e-3


class Optimizer(NamedTuple):
    """An optimizer: its state from parameters, a step, and the axes of its state."""

    init: Callable[[Tree], Tree]
    """parameters -> state"""
    update: Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]
    """gradients, state, parameters -> new parameters, new state"""
    axes: Callable[[Tree], Tree]
    """shapes of the parameters -> logical axes of the state, in the structure of the state"""
    schedule: Schedule
    """step -> rate"""


def make_schedule(config: OptimizerConfig, train_steps: int) -> Schedule:
    """Returns the product of the factors `config` names, as T5X defines them.

    T5X's linear_decay is a line to zero here, over `decay_steps`.
    """
    warmup = config.warmup_steps
    decay = config.decay_steps or max(1, train_steps - warmup)

    def schedule(step: jax.Array) -> jax.Array:
        step = jnp.maximum(0, step - config.step_offset).astype(jnp.float32)
        after = jnp.clip((step - warmup) / decay, 0.0, 1.0)
        rate = jnp.float32(1.0)
        for factor in config.factors:
            match factor:
                case "constant":
                    rate *= config.learning_rate
                case "linear_warmup":
                    rate *= jnp.minimum(1.0, step / max(1, warmup))
                case "linear_decay":
                    rate *= 1.0 - after
                case "rsqrt_decay":
                    rate /= jnp.sqrt(jnp.maximum(step, max(1, warmup)))
                case "rsqrt_normalized_decay":
                    rate *= math.sqrt(warmup) / jnp.sqrt(jnp.maximum(step, warmup))
                case "cosine_decay":
                    rate *= 0.5 * (1.0 + jnp.cos(jnp.pi * after))
        return jnp.maximum(rate, config.min_learning_rate)

    return schedule


def make_optimizer(config: OptimizerConfig, axes: Tree, *, train_steps: int) -> Optimizer:
    """Returns the optimizer for parameters with these logical axes (None where frozen)."""
    schedule = make_schedule(config, train_steps)
    rule = _adafactor(config) if config.name == "adafactor" else _adamw(config)
    stacked = jax.tree.map(lambda names: names[:1] == ("layers",), axes, is_leaf=_is_axes)

    def init(params: Tree) -> Tree:
        def start(param: jax.Array, stack: bool) -> Tree:
            return jax.vmap(rule.start)(param) if stack else rule.start(param)

        return {"step": jnp.int32(0), "moments": jax.tree.map(start, params, stacked)}

    def update(grads: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        step = state["step"]
        rate = schedule(step)

        def move(param, grad, stack, moments):
            def one(param, grad, moments):
                return rule.move(param, grad, moments, step, rate)

            return (jax.vmap(one) if stack else one)(param, grad, moments)

        tree: Any  # a PyTreeDef, whose methods JAX does not declare
        leaves, tree = jax.tree.flatten(params)
        moved = [
            move(*each)
            for each in zip(
                leaves,
                tree.flatten_up_to(grads),
                tree.flatten_up_to(stacked),
                tree.flatten_up_to(state["moments"]),
                strict=True,
            )
        ]
        return tree.unflatten([param for param, _ in moved]), {
            "step": step + 1,
            "moments": tree.unflatten([moments for _, moments in moved]),
        }

    def state_axes(shapes: Tree) -> Tree:
        def one(names: tuple, shape: jax.ShapeDtypeStruct) -> Tree:
            lead = names[:1] if names[:1] == ("layers",) else ()
            rest = rule.axes(names[len(lead) :], shape.shape[len(lead) :])
            return {key: (*lead, *value) for key, value in rest.items()}

        return {"step": (), "moments": jax.tree.map(one, axes, shapes, is_leaf=_is_axes)}

    return Optimizer(init, update, state_axes, schedule)


def global_norm(grads: Tree) -> jax.Array:
    """The root of the summed squares of all leaves."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(grads)))


def clip_by_global_norm(grads: Tree, norm: jax.Array, most: float) -> Tree:
    """Scales gradients down to the norm `most` where theirs is above (Pascanu et al. 2013)."""
    scale = jnp.minimum(1.0, most / jnp.maximum(norm, 1e-30))
    return jax.tree.map(lambda leaf: leaf * scale, grads)


class _Rule(NamedTuple):
    """An optimizer's arithmetic for one parameter of one layer."""

    start: Callable
    """parameter -> moments"""
    move: Callable
    """parameter, gradient, moments, step, rate -> parameter, moments"""
    axes: Callable
    """axis names, shape -> axis names of the moments"""


def _is_axes(value: Any) -> bool:
    return isinstance(value, tuple)


def _factored(shape: tuple[int, ...], least: int) -> tuple[int, int] | None:
    """The two longest dimensions (second longest, longest) if both are `least` or longer."""
    if len(shape) < 2:
        return None
    order = sorted(range(len(shape)), key=lambda dim: shape[dim])
    row, column = order[-2], order[-1]
    return (row, column) if shape[row] >= least else None


def _adafactor(config: OptimizerConfig) -> _Rule:
    """Adafactor without momentum (Shazeer and Stern 2018, algorithms 4 and 5), as T5X has it."""

    def dims(shape: tuple[int, ...]) -> tuple[int, int] | None:
        return _factored(shape, config.min_dim_size_to_factor)

    def start(param: jax.Array) -> Tree:
        pair = dims(param.shape)
        if pair is None:
            return {"full": jnp.zeros(param.shape, jnp.float32)}
        row, column = pair
        return {
            "row": jnp.zeros(_without(param.shape, column), jnp.float32),
            "column": jnp.zeros(_without(param.shape, row), jnp.float32),
        }

    def move(param, grad, moments, step, rate):
        time = jnp.maximum(step - config.step_offset, 0).astype(jnp.float32) + 1.0
        keep = 1.0 - time**-config.decay_rate
        # Epsilon is added to their means: so the global norm sums the same squares.
        squares = jnp.square(grad)
        if (pair := dims(param.shape)) is None:
            full = keep * moments["full"] + (1.0 - keep) * (squares + _EPSILON_GRADIENT)
            moments = {"full": full}
            change = grad * jax.lax.rsqrt(full)
        else:
            row, column = pair
            of_row = jnp.mean(squares, axis=column) + _EPSILON_GRADIENT
            of_column = jnp.mean(squares, axis=row) + _EPSILON_GRADIENT
            by_row = keep * moments["row"] + (1.0 - keep) * of_row
            by_column = keep * moments["column"] + (1.0 - keep) * of_column
            moments = {"row": by_row, "column": by_column}
            # Where the row dimension lies once the column dimension is gone.
            left = row - 1 if column < row else row
            by_row = by_row / jnp.mean(by_row, axis=left, keepdims=True)
            change = (
                grad
                * jnp.expand_dims(jax.lax.rsqrt(by_row), column)
                * jnp.expand_dims(jax.lax.rsqrt(by_column), row)
            )
        change /= jnp.maximum(1.0, _rms(change) / config.clipping_threshold)
        if config.multiply_by_parameter_scale:
            rate = rate * jnp.maximum(_rms(param), _EPSILON_PARAMETER)
        return (1.0 - config.weight_decay) * param - rate * change, moments

    def axes(names: tuple, shape: tuple[int, ...]) -> dict[str, tuple]:
        pair = dims(shape)
        if pair is None:
            return {"full": names}
        return {"row": _without(names, pair[1]), "column": _without(names, pair[0])}

    return _Rule(start, move, axes)


def _adamw(config: OptimizerConfig) -> _Rule:
    """AdamW (Loshchilov and Hutter 2019); vectors, such as the scales of norms, do not decay."""

    def start(param: jax.Array) -> Tree:
        return {"first": jnp.zeros_like(param), "second": jnp.zeros_like(param)}

    def move(param, grad, moments, step, rate):
        time = step.astype(jnp.float32) + 1.0
        first = config.b1 * moments["first"] + (1.0 - config.b1) * grad
        second = config.b2 * moments["second"] + (1.0 - config.b2) * jnp.square(grad)
        change = (first / (1.0 - config.b1**time)) / (
            jnp.sqrt(second / (1.0 - config.b2**time)) + config.epsilon
        )
        if param.ndim > 1:
            change += config.weight_decay * param
        return param - rate * change, {"first": first, "second": second}

    def axes(names: tuple, shape: tuple[int, ...]) -> dict[str, tuple]:
        return {"first": names, "second": names}

    return _Rule(start, move, axes)


def _rms(value: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(value)))


def _without(items: tuple, index: int) -> tuple:
    return items[:index] + items[index + 1 :]
