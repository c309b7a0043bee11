"""Tokens that come next, and their log-probabilities."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_tasks.inference.choosing import BLOCK, chosen, highest
from flan_tasks.specs.eval_config import Decoding

ROWS, SIZE, PADDED = 5, 11, 16
MODEL = SimpleNamespace(config=SimpleNamespace(vocabulary_size=SIZE))


def logits_of(padding):
    logits = np.random.default_rng(3).normal(0, 4, (ROWS, PADDED)).astype(np.float32)
    logits[:, SIZE:] = padding
    return jnp.asarray(logits)


# Ids beyond the vocabulary are never chosen, but share the probability, however much they want.
@pytest.mark.parametrize("padding", [-50.0, 0.0, 9.0, 300.0])
@pytest.mark.parametrize("method", ["greedy", "sample"])
def test_log_probabilities_are_those_of_a_softmax_over_all_rows_of_the_head(padding, method):
    logits = logits_of(padding)
    keys = jnp.asarray(jax.random.key_data(jax.random.split(jax.random.key(0), ROWS)))
    steps = jnp.zeros(ROWS, jnp.int32)
    tokens, log_probs = chosen(logits, keys, steps, Decoding(method=method), MODEL)
    assert (np.asarray(tokens) < SIZE).all()
    wanted = jax.nn.log_softmax(logits)
    wanted = np.take_along_axis(np.asarray(wanted), np.asarray(tokens)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(log_probs, wanted, rtol=1e-5, atol=1e-5)
    if method == "greedy":
        np.testing.assert_array_equal(tokens, np.argmax(np.asarray(logits)[:, :SIZE], axis=1))


# Vocabularies smaller than a block, of whole blocks, and with a rest; heads with padding and not.
@pytest.mark.parametrize(
    ("size", "width"),
    [(5, 8), (BLOCK, BLOCK), (BLOCK, BLOCK + 7), (300, 300), (300, 384), (3 * BLOCK, 3 * BLOCK)],
)
def test_the_highest_is_the_first_of_equals_and_never_padding(size, width):
    logits = np.random.default_rng(5).integers(0, 4, (40, width)).astype(np.float32)
    logits[0] = -np.inf
    logits[:, size:] = 9
    logits[1, :size] = -1e30
    tokens, values = highest(jnp.asarray(logits), size)
    np.testing.assert_array_equal(tokens, np.argmax(logits[:, :size], axis=1))
    np.testing.assert_array_equal(values, np.max(logits[:, :size], axis=1))
