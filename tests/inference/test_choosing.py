"""Tokens that come next, and their log-probabilities."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_tasks.inference.choosing import chosen
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
