"""The loss against its definition with one-hot targets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_tasks.core.field_checks import ConfigError
from flan_tasks.specs.config import LossConfig
from flan_tasks.trainer.loss import loss_sums, normalizer, objective

B, T, V = 3, 7, 11


def case(seed: int = 0):
    rng = np.random.default_rng(seed)
    weights = (rng.random((B, T)) < 0.6).astype(np.int32)
    return jnp.asarray(rng.normal(size=(B, T, V)) * 3, jnp.float32), {
        "decoder_target_tokens": jnp.asarray(rng.integers(0, V, (B, T)), jnp.int32),
        "decoder_loss_weights": jnp.asarray(weights),
        "segment_tasks": jnp.asarray(np.where(weights, rng.integers(0, 4, (B, T)), -1)),
    }


def by_definition(logits, targets, weights, *, smoothing, z_loss):
    logits = np.asarray(logits, np.float64)
    log_z = np.log(np.exp(logits).sum(-1))
    soft = np.full((B, T, V), smoothing / (V - 1))
    np.put_along_axis(soft, np.asarray(targets)[..., None], 1 - smoothing, -1)
    cross = -(soft * (logits - log_z[..., None])).sum(-1)
    entropy = -(soft * np.log(soft + 1e-20)).sum(-1)
    return ((cross - entropy + z_loss * log_z**2) * np.asarray(weights)).sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_loss_equals_its_definition(smoothing, z_loss):
    logits, batch = case()
    sums = loss_sums(logits, batch, LossConfig(z_loss=z_loss, label_smoothing=smoothing))
    wanted = by_definition(
        logits,
        batch["decoder_target_tokens"],
        batch["decoder_loss_weights"],
        smoothing=smoothing,
        z_loss=z_loss,
    )
    assert sums["loss"] == pytest.approx(wanted, rel=1e-5)


def test_padding_has_no_loss_and_no_gradient():
    logits, batch = case()
    off = {**batch, "decoder_loss_weights": jnp.zeros((B, T), jnp.int32)}
    value, grad = jax.value_and_grad(lambda x: loss_sums(x, off, LossConfig())["loss"])(logits)
    assert value == 0 and not np.any(grad)
    grad = jax.grad(lambda x: loss_sums(x, batch, LossConfig())["loss"])(logits)
    assert not np.any(np.asarray(grad)[np.asarray(batch["decoder_loss_weights"]) == 0])
    assert np.all(np.any(np.asarray(grad)[np.asarray(batch["decoder_loss_weights"]) == 1], -1))


def test_sums_by_task_add_up_to_the_whole():
    logits, batch = case()
    sums = loss_sums(logits, batch, LossConfig(), num_tasks=4)
    assert sums["task_loss"].sum() == pytest.approx(float(sums["cross_entropy"]), rel=1e-5)
    assert sums["task_correct"].sum() == sums["correct"]
    assert sums["task_tokens"].sum() == sums["tokens"]
    one = jnp.where(batch["segment_tasks"] == 2, batch["decoder_loss_weights"], 0)
    alone = loss_sums(logits, {**batch, "decoder_loss_weights": one}, LossConfig())
    assert sums["task_loss"][2] == pytest.approx(float(alone["cross_entropy"]), rel=1e-5)


def test_parts_of_a_batch_add_up_to_it():
    logits, batch = case()
    whole = loss_sums(logits, batch, LossConfig(), num_tasks=4)
    parts = [
        loss_sums(logits[i], {k: v[i] for k, v in batch.items()}, LossConfig(), num_tasks=4)
        for i in (slice(0, 1), slice(1, 3))
    ]
    added = jax.tree.map(jnp.add, *parts)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, added)


def test_large_logits_stay_finite():
    logits, batch = case()
    assert np.isfinite(loss_sums(logits * 1e4, batch, LossConfig())["loss"])


def test_loss_is_divided_by_target_tokens_or_by_the_constant():
    logits, batch = case()
    sums = loss_sums(logits, batch, LossConfig())
    assert normalizer(sums, LossConfig()) == batch["decoder_loss_weights"].sum()
    assert normalizer(sums, LossConfig(loss_normalizing_factor=233472.0)) == 233472.0
    real = LossConfig(loss_normalizing_factor="NUM_REAL_TARGET_TOKENS")
    assert normalizer(loss_sums(logits, batch, real), real) == normalizer(sums, LossConfig())
    total = LossConfig(loss_normalizing_factor="NUM_TOTAL_TARGET_TOKENS")
    assert normalizer(loss_sums(logits, batch, total), total) == B * T


def by_sequence(logits, batch):
    config = LossConfig(loss_normalizing_factor="AVERAGE_PER_SEQUENCE", label_smoothing=0.1)
    sums = loss_sums(logits, batch, config)
    return objective(sums, config) / normalizer(sums, config), sums


def test_examples_weigh_the_same_packed_or_alone():
    logits, batch = case()
    # Two rows of two examples and one of one; some tokens have no weight, one example has none.
    segments = np.array([[1, 1, 2, 2, 2, 0, 0], [1, 1, 1, 1, 1, 1, 2], [1, 1, 1, 1, 1, 1, 1]])
    weights = np.array([[1, 1, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]])
    packed = {
        "decoder_target_tokens": batch["decoder_target_tokens"],
        "decoder_loss_weights": jnp.asarray(weights),
        "decoder_segment_ids": jnp.asarray(segments),
    }
    alone = [
        (row, number) for row in range(B) for number in (1, 2) if (segments[row] == number).any()
    ]
    rows = np.array([row for row, _ in alone])
    own = np.array([segments[row] == number for row, number in alone])
    unpacked = {
        "decoder_target_tokens": batch["decoder_target_tokens"][rows],
        "decoder_loss_weights": jnp.asarray(weights[rows] * own),
    }
    in_rows, sums = by_sequence(logits, packed)
    one_by_one, _ = by_sequence(logits[rows], unpacked)
    assert in_rows == pytest.approx(float(one_by_one), rel=1e-6)
    assert sums["sequences"] == pytest.approx(4)  # the fifth has no target
    means = [
        by_definition(logits, packed["decoder_target_tokens"], w, smoothing=0.1, z_loss=1e-4)
        / w.sum()
        for w in (
            weights * (segments == number) * (np.arange(B) == row)[:, None] for row, number in alone
        )
        if w.sum()
    ]
    assert in_rows == pytest.approx(np.mean(means), rel=1e-5)


def test_an_unknown_count_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean AVERAGE_PER_SEQUENCE"):
        LossConfig(loss_normalizing_factor="AVERAGE_PER_SEQ")
