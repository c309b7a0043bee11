"""Decoding token by token, and several continuations at once, against the whole computation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import CONFIGS, examples, random_params, rows_of

from flan_tasks.core.errors import ModelError
from flan_tasks.trainer.model import Model


def prefill(model):
    return jax.jit(model.prefill, static_argnums=2)


def beginning(model, pairs):
    """The batch of the inputs alone, rows of different lengths."""
    if model.config.architecture == "t5":
        batch = rows_of("t5", [[pair] for pair in pairs])
        return {n: batch[n] for n in ("encoder_input_tokens", "encoder_segment_ids")}
    longest = max(len(inputs) for inputs, _ in pairs) + 1
    batch = {n: np.zeros((len(pairs), longest), np.int32) for n in ("tokens", "segments")}
    for row, (inputs, _) in enumerate(pairs):
        batch["tokens"][row, 1 : len(inputs) + 1] = inputs
        batch["segments"][row, : len(inputs) + 1] = 1
    return {
        "decoder_input_tokens": batch["tokens"],
        "decoder_segment_ids": batch["segments"],
    }


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def toy(request):
    model = Model(CONFIGS[request.param])
    return model, random_params(model), examples()


def whole(model, params, pairs):
    """Logits of each example's targets, computed at once: one [targets, V] an example."""
    batch = rows_of(model.config.architecture, [[pair] for pair in pairs])
    found = np.asarray(jax.jit(model.logits)(params, batch))
    return [found[r][batch["decoder_loss_weights"][r] > 0] for r in range(len(pairs))]


def test_token_by_token_equals_the_whole(toy):
    model, params, pairs = toy
    wanted = whole(model, params, pairs)
    steps = max(len(t) for _, t in pairs)
    logits, cache = prefill(model)(params, beginning(model, pairs), steps)
    step = jax.jit(model.decode_step)
    for place in range(steps):
        for row, (_, targets) in enumerate(pairs):
            if place < len(targets):
                np.testing.assert_allclose(logits[row], wanted[row][place], atol=1e-4)
        tokens = [t[place] if place < len(t) else 0 for _, t in pairs]
        logits, cache = step(params, cache, jnp.asarray(tokens, jnp.int32))
    assert int(cache["used"]) == cache["key"].shape[2]


def test_continuations_side_by_side_equal_separate_ones(toy):
    model, params, pairs = toy
    one = pairs[0][0]
    options = [t for _, t in pairs[:3]]
    wanted = whole(model, params, [(one, option) for option in options])
    first, cache = prefill(model)(params, beginning(model, [(one, options[0])]), 0)
    tokens = np.concatenate([*(o[:-1] for o in options), [0, 0]])[None].astype(np.int32)
    numbers = [n for n, o in enumerate(options, start=1) for _ in o[:-1]]
    segments = np.array([[*numbers, 0, 0]], np.int32)
    found = jax.jit(model.extend)(params, cache, tokens, segments)
    for number, option in enumerate(wanted, start=1):
        np.testing.assert_allclose(first[0], option[0], atol=1e-4)
        np.testing.assert_allclose(found[0][segments[0] == number], option[1:], atol=1e-4)


def test_reading_several_tokens_after_steps_equals_the_whole(toy):
    model, params, pairs = toy
    inputs, targets = pairs[1]
    wanted = whole(model, params, [(inputs, targets)])[0]
    logits, cache = prefill(model)(params, beginning(model, [(inputs, targets)]), 2)
    for token in targets[:2]:
        logits, cache = jax.jit(model.decode_step)(params, cache, jnp.asarray([token]))
    np.testing.assert_allclose(logits[0], wanted[2], atol=1e-4)
    rest = targets[None, 2:-1]
    found = jax.jit(model.extend)(params, cache, rest, np.ones_like(rest))
    np.testing.assert_allclose(found[0], wanted[3:], atol=1e-4)


def test_selected_rows_go_on_as_their_originals(toy):
    model, params, pairs = toy
    logits, cache = prefill(model)(params, beginning(model, pairs), 2)
    tokens = jnp.arange(5, 10)
    rows = jnp.array([3, 3, 0, 4, 1])
    wanted, _ = jax.jit(model.decode_step)(params, cache, tokens)
    found, _ = jax.jit(model.decode_step)(params, model.select_rows(cache, rows), tokens[rows])
    np.testing.assert_allclose(found, wanted[rows], atol=1e-5)


def test_encoded_inputs_are_taken_as_they_are():
    model = Model(CONFIGS["t5"])
    params, batch = random_params(model), beginning(model, examples())
    wanted, _ = prefill(model)(params, batch, 1)
    found, _ = prefill(model)(params, batch, 1, encoded=model.encode(params, batch))
    np.testing.assert_array_equal(found, wanted)


def test_a_decoder_has_nothing_to_encode():
    model = Model(CONFIGS["rope"])
    with pytest.raises(ModelError, match="call prefill"):
        model.encode(random_params(model), {})
