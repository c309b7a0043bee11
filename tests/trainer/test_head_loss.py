"""The head and the loss in parts: the same numbers as with all logits at once, in less memory."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import CONFIGS, quickly_compiled, random_params

from flan_tasks.models import partition
from flan_tasks.models.model import Model
from flan_tasks.specs.config import LossConfig, MeshConfig
from flan_tasks.trainer.head_loss import head_loss

ROWS, LENGTH, TASKS = 8, 7, 3
LOSS = LossConfig(z_loss=1e-2, label_smoothing=0.1)
BY_SEQUENCE = dataclasses.replace(LOSS, loss_normalizing_factor="AVERAGE_PER_SEQUENCE")


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


def case(config, *, length: int = LENGTH):
    """A model, its head, and what comes to it."""
    model, draw = Model(config), np.random.default_rng(0)
    shape = (ROWS, length)
    weights = (draw.random(shape) < 0.6).astype(np.int32)
    batch = {
        "decoder_target_tokens": draw.integers(0, 120, shape).astype(np.int32),
        "decoder_loss_weights": weights,
        "decoder_segment_ids": np.sort(draw.integers(1, 3, shape)).astype(np.int32),
        "segment_tasks": np.where(weights, draw.integers(0, TASKS, shape), -1).astype(np.int32),
    }
    x = draw.standard_normal((*shape, config.embed), dtype=np.float32)
    return model, model.head(random_params(model)), x, batch


def gradients(model, config, mesh, positions):
    """The compiled function of (head, x, batch) to the objective, the sums, and both gradients."""

    def loss(head, x, batch):
        return head_loss(model, head, x, batch, config, mesh, positions=positions, num_tasks=TASKS)

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))


def one_device():
    return partition.make_mesh(MeshConfig(), jax.devices()[:1])


def assert_near(ours, theirs):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), ours, theirs)


@pytest.mark.parametrize(
    ("name", "loss"),
    [("t5", LOSS), ("t5-tied", LOSS), ("switches", LOSS), ("rope-causal", BY_SEQUENCE)],
)
def test_parts_give_the_sums_and_gradients_of_the_whole(name, loss):
    # Two positions of each row a part, and the last is half padding.
    model, *arguments = case(CONFIGS[name])
    whole, parts = (gradients(model, loss, one_device(), n)(*arguments) for n in (0, 2 * ROWS))
    assert_near(parts, whole)
    assert np.abs(jax.tree.leaves(whole[1][0])[0]).max() > 0.1


@pytest.mark.parametrize("sizes", [(4, 1, 1), (2, 2, 2)])
def test_devices_add_up_their_own_gradients_of_the_head_once(sizes):
    data, fsdp, split = sizes
    mesh = partition.make_mesh(
        MeshConfig(data=data, fsdp=fsdp, model=split), jax.devices()[: data * fsdp * split]
    )
    model, head, x, batch = case(CONFIGS["t5"])
    rows = partition.batch_sharding(mesh)
    shardings = partition.shardings(model.head(model.axes()), model.head(model.abstract()), mesh)
    placed = jax.device_put(head, shardings), *jax.device_put((x, batch), rows)
    compiled = gradients(model, LOSS, mesh, 2 * ROWS // (data * fsdp)).lower(*placed).compile()
    whole = gradients(model, LOSS, one_device(), 0)(head, x, batch)
    assert_near(compiled(*placed), whole)
    # Inside the loop over parts nothing of the head's size is exchanged.
    size = model.config.embed * model.config.padded_vocabulary // split
    assert not [line for line in exchanged_in_loops(compiled.as_text()) if elements(line) >= size]


def exchanged_in_loops(text: str) -> list[str]:
    """The collective operations of all computations but the entry."""
    computations = re.split(r"\n(?=(?:ENTRY )?%?[\w.-]+ \()", text)
    loops = [part for part in computations if not part.startswith("ENTRY")]
    names = r"= .*\b(?:all-reduce|all-gather|reduce-scatter|all-to-all)(?:-start)?\("
    return [line for part in loops for line in part.splitlines() if re.search(names, line)]


def elements(line: str) -> int:
    """How many elements the largest array on the left of an operation has."""
    left = line.split(" = ", 1)[1].split("(%")[0]
    shapes = re.findall(r"\[([\d,]*)\]", left)
    return max(int(np.prod([int(n) for n in shape.split(",") if n])) for shape in shapes)


def test_logits_of_a_batch_do_not_lie_in_memory():
    config = dataclasses.replace(CONFIGS["t5"], vocabulary_size=4096)
    model, head, x, batch = case(config, length=64)
    logits = 4 * ROWS * 64 * config.padded_vocabulary

    def working(positions):
        compiled = gradients(model, LOSS, one_device(), positions).lower(head, x, batch).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert working(0) >= logits
    assert working(4 * ROWS) < logits / 2


def test_evaluation_is_the_same_in_parts():
    model, head, x, batch = case(CONFIGS["switches"])

    def sums(positions):
        run = jax.jit(
            lambda *given: head_loss(
                model, *given, LossConfig(z_loss=0.0), one_device(), positions=positions
            )[1]
        )
        return run(head, jnp.asarray(x), batch)

    assert_near(sums(ROWS), sums(0))
