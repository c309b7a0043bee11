"""Optimizers against their rules written out, and against optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flan_tasks.specs.config import OptimizerConfig
from flan_tasks.trainer.optim import (
    clip_by_global_norm,
    global_norm,
    make_optimizer,
    make_schedule,
)

SHAPES = {
    "kernel": ((160, 130), ("embed", "mlp")),
    "wide": ((130, 160), ("embed", "mlp")),
    "small": ((24, 200), ("rank", "mlp")),
    "scale": ((160,), ("embed",)),
    "kernels": ((3, 160, 130), ("layers", "embed", "mlp")),
    "scales": ((3, 160), ("layers", "embed")),
}


def tree(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    found = {}
    for name, (shape, axes) in SHAPES.items():
        value = rng.normal(size=shape)
        if axes[0] == "layers":  # layers of very different sizes, which one rule for all would mix
            value *= np.array([1e-4, 1e-2, 1.0]).reshape(3, *[1] * (len(shape) - 1))
        found[name] = value.astype(np.float32)
    return found


AXES = {name: axes for name, (_, axes) in SHAPES.items()}


def t5x_adafactor(param, grads, rate):
    """T5X's `Adafactor.apply_param_gradient` in float64, for one parameter of one layer."""
    param = param.astype(np.float64)
    factored = param.ndim == 2 and min(param.shape) >= 128
    row = column = full = 0.0
    for step, grad in enumerate(grads):
        grad = grad.astype(np.float64)
        decay = 1.0 - (step + 1.0) ** -0.8
        square = grad * grad + 1e-30
        if factored:
            long, short = np.argmax(param.shape), np.argmin(param.shape)
            row = decay * row + (1 - decay) * square.mean(axis=long)
            column = decay * column + (1 - decay) * square.mean(axis=short)
            row_factor = (row / row.mean()) ** -0.5
            y = grad * np.expand_dims(row_factor, long) * np.expand_dims(column**-0.5, short)
        else:
            full = decay * full + (1 - decay) * square
            y = grad * full**-0.5
        y = y / max(1.0, np.sqrt((y * y).mean()) / 1.0)
        scale = max(np.sqrt((param * param).mean()), 1e-3)
        param = param - rate * scale * y
    return param


def run(config: OptimizerConfig, steps: int = 20):
    optimizer = make_optimizer(config, AXES, train_steps=steps)
    params = jax.tree.map(jnp.asarray, tree(0))
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    for step in range(steps):
        params, state = update(tree(step + 1), state, params)
    return params, state


def test_adafactor_equals_the_rule_of_t5x_layer_by_layer():
    params, _ = run(OptimizerConfig(learning_rate=0.05))
    start, grads = tree(0), [tree(step + 1) for step in range(20)]
    for name, (_, axes) in SHAPES.items():
        if axes[0] == "layers":
            pairs = [
                (params[name][i], t5x_adafactor(start[name][i], [g[name][i] for g in grads], 0.05))
                for i in range(3)
            ]
        else:
            pairs = [(params[name], t5x_adafactor(start[name], [g[name] for g in grads], 0.05))]
        for ours, theirs in pairs:
            worst = np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()
            assert worst < 1e-4, (name, worst)


def test_adafactor_keeps_rows_and_columns_of_what_is_long_both_ways_only():
    _, state = run(OptimizerConfig(), steps=1)
    kept = {name: {k: v.shape for k, v in m.items()} for name, m in state["moments"].items()}
    assert kept == {
        "kernel": {"row": (130,), "column": (160,)},
        "wide": {"row": (130,), "column": (160,)},
        "small": {"full": (24, 200)},
        "scale": {"full": (160,)},
        "kernels": {"row": (3, 130), "column": (3, 160)},
        "scales": {"full": (3, 160)},
    }


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_axes_of_the_state_have_its_structure_and_ranks(name):
    config = OptimizerConfig(name=name)
    optimizer = make_optimizer(config, AXES, train_steps=1)
    params = jax.tree.map(jnp.asarray, tree(0))
    state = optimizer.init(params)
    axes = optimizer.axes(jax.eval_shape(lambda: params))
    ranks = jax.tree.map(len, axes, is_leaf=lambda value: isinstance(value, tuple))
    assert ranks == jax.tree.map(jnp.ndim, state)
    sizes = {"embed": 160, "mlp": 130, "layers": 3}
    if name == "adafactor":
        for side in ("row", "column"):
            named = tuple(sizes[axis] for axis in axes["moments"]["kernels"][side])
            assert named == state["moments"]["kernels"][side].shape


def test_adamw_equals_optax():
    config = OptimizerConfig(name="adamw", learning_rate=0.01, weight_decay=0.1, clip_norm=0)
    ours, _ = run(config)
    mask = {name: len(axes) - (axes[0] == "layers") > 1 for name, (_, axes) in SHAPES.items()}
    theirs = optax.adamw(0.01, weight_decay=0.1, mask=mask)
    params = jax.tree.map(jnp.asarray, tree(0))
    state = theirs.init(params)
    for step in range(20):
        updates, state = theirs.update(tree(step + 1), state, params)
        params = optax.apply_updates(params, updates)
    for name in SHAPES:
        np.testing.assert_allclose(ours[name], params[name], rtol=2e-5, atol=2e-6)


def test_what_is_frozen_has_no_state_and_stays():
    axes = {"base": None, "adapter": ("embed", "rank")}
    optimizer = make_optimizer(OptimizerConfig(), axes, train_steps=1)
    params = {"base": None, "adapter": jnp.ones((4, 2))}
    state = optimizer.init(params)
    assert state["moments"]["base"] is None
    moved, _ = optimizer.update({"base": None, "adapter": jnp.ones((4, 2))}, state, params)
    assert moved["base"] is None and not np.allclose(moved["adapter"], 1)


def test_clipping_scales_down_to_the_norm_and_never_up():
    grads = {"a": jnp.full(4, 3.0), "b": jnp.full(9, 2.0)}
    norm = global_norm(grads)
    assert norm == pytest.approx(72**0.5)
    assert global_norm(clip_by_global_norm(grads, norm, 1.0)) == pytest.approx(1.0)
    assert clip_by_global_norm(grads, norm, 100.0)["a"][0] == 3.0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 0.5, 1000: 0.5}),
        ("constant * linear_warmup", {0: 1e-8, 50: 0.25, 100: 0.5, 900: 0.5}),
        ("constant * rsqrt_decay", {0: 0.05, 100: 0.05, 400: 0.025}),
        ("constant * linear_warmup * rsqrt_normalized_decay", {50: 0.25, 100: 0.5, 400: 0.25}),
        ("constant * linear_decay", {100: 0.5, 550: 0.25, 1000: 1e-8, 2000: 1e-8}),
        ("constant * cosine_decay", {100: 0.5, 550: 0.25, 1000: 1e-8, 2000: 1e-8}),
    ],
)
def test_schedules_are_products_of_their_factors(schedule, expected):
    config = OptimizerConfig(schedule=schedule, learning_rate=0.5, warmup_steps=100)
    rate = make_schedule(config, 1000)
    for step, value in expected.items():
        assert rate(jnp.int32(step)) == pytest.approx(value, rel=1e-5), step
