"""Decoding token by token, and several continuations at once, against the whole computation."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from toy_models import CONFIGS, examples, quickly_compiled, random_params, rows_of

from flan_tasks.core.errors import ModelError
from flan_tasks.models.cache import laid
from flan_tasks.models.model import Model

# As many as the longest targets have tokens.
STEPS = 6


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


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


class Toy:
    """A model, its examples, the logits of their targets, and a cache of their inputs."""

    def __init__(self, name):
        self.model = Model(CONFIGS[name])
        self.params = random_params(self.model)
        self.pairs = examples()
        self.compute = jax.jit(self.model.logits)
        self.step = partial(jax.jit(self.model.decode_step), self.params)
        self.extend = partial(jax.jit(self.model.extend), self.params)
        prefill = jax.jit(self.model.prefill, static_argnums=2)
        self.first, self.cache = prefill(self.params, beginning(self.model, self.pairs), STEPS)

    def whole(self, pairs):
        """Logits of each example's targets, computed at once: one [targets, V] an example."""
        batch = rows_of(self.model.config.architecture, [[pair] for pair in pairs])
        found = np.asarray(self.compute(self.params, batch))
        return [found[r][batch["decoder_loss_weights"][r] > 0] for r in range(len(pairs))]


@pytest.fixture(scope="module", params=["t5", "rope", "relative", "switches"])
def toy(request):
    return Toy(request.param)


def side_by_side(rows):
    """Tokens and segment ids of continuations, without the last token of each, which none reads."""
    tokens, segments = np.zeros((2, len(rows), 2 * STEPS), np.int32)
    for r, continuations in enumerate(rows):
        begin = 0
        for number, continuation in enumerate(continuations, start=1):
            place = slice(begin, begin + len(continuation) - 1)
            tokens[r, place], segments[r, place] = continuation[:-1], number
            begin = place.stop
    return tokens, segments


def test_token_by_token_equals_the_whole(toy):
    wanted, logits, cache = toy.whole(toy.pairs), toy.first, toy.cache
    for place in range(STEPS):
        for row, (_, targets) in enumerate(toy.pairs):
            if place < len(targets):
                np.testing.assert_allclose(logits[row], wanted[row][place], atol=1e-4)
        tokens = [t[place] if place < len(t) else 0 for _, t in toy.pairs]
        logits, cache = toy.step(cache, np.asarray(tokens, np.int32))
    assert int(cache["used"]) == cache["key"].shape[2]


def test_layers_with_arrays_of_their_own_are_written_in_place(toy):
    wanted, logits = toy.whole(toy.pairs), toy.first
    cache = laid(toy.cache)
    params = toy.model.unstacked(toy.params)
    step = jax.jit(toy.model.decode_step)
    for place in range(STEPS):
        for row, (_, targets) in enumerate(toy.pairs):
            if place < len(targets):
                np.testing.assert_allclose(logits[row], wanted[row][place], atol=1e-4)
        tokens = [t[place] if place < len(t) else 0 for _, t in toy.pairs]
        logits, cache = step(params, cache, np.asarray(tokens, np.int32))
    assert int(cache["used"]) == cache["key"][0].shape[2]


def test_a_loop_over_a_laid_cache_copies_none_of_it(toy):
    cache = laid(toy.cache)
    params = toy.model.unstacked(toy.params)

    def write(params, cache, tokens):
        def step(_, state):
            logits, cache = toy.model.decode_step(params, *state)
            return cache, logits.argmax(-1).astype(tokens.dtype)

        return jax.lax.fori_loop(0, STEPS, step, (cache, tokens))

    tokens = np.zeros(len(toy.pairs), np.int32)
    program = jax.jit(write, donate_argnums=1).lower(params, cache, tokens).compile().as_text()
    rows, heads, places, width = cache["key"][0].shape
    part = re.escape(f"f32[{rows},{heads},{places},{width}]")
    assert re.search(rf"= {part}\S* \S*(fusion|dynamic-update-slice)\(", program)
    assert not re.search(rf"= {part}\S* copy\(", program)


def test_continuations_side_by_side_equal_separate_ones(toy):
    targets = [t for _, t in toy.pairs]
    others = [*targets[1:], targets[0]]
    tokens, segments = side_by_side(list(zip(targets, others, strict=True)))
    found = toy.extend(toy.cache, tokens, segments)
    for number, options in enumerate((targets, others), start=1):
        inputs = [i for i, _ in toy.pairs]
        wanted = toy.whole(list(zip(inputs, options, strict=True)))
        for row, logits in enumerate(wanted):
            np.testing.assert_allclose(toy.first[row], logits[0], atol=1e-4)
            ours = found[row][segments[row] == number]
            np.testing.assert_allclose(ours, logits[1:], atol=1e-4)


def test_reading_several_tokens_after_a_step_equals_the_whole(toy):
    wanted = toy.whole(toy.pairs)
    logits, cache = toy.step(toy.cache, np.asarray([t[0] for _, t in toy.pairs]))
    tokens, segments = side_by_side([(t[1:],) for _, t in toy.pairs])
    found = toy.extend(cache, tokens, segments)
    for row, of_row in enumerate(wanted):
        np.testing.assert_allclose(logits[row], of_row[1], atol=1e-4)
        np.testing.assert_allclose(found[row][segments[row] == 1], of_row[2:], atol=1e-4)


def test_selected_rows_go_on_as_their_originals(toy):
    tokens, rows = np.arange(5, 10), np.array([3, 3, 0, 4, 1])
    wanted, _ = toy.step(toy.cache, tokens)
    found, _ = toy.step(toy.model.select_rows(toy.cache, rows), tokens[rows])
    np.testing.assert_allclose(found, wanted[rows], atol=1e-5)


def test_encoded_inputs_are_taken_as_they_are():
    toy = Toy("t5")
    batch = beginning(toy.model, toy.pairs)
    encoded = jax.jit(toy.model.encode)(toy.params, batch)
    prefill = jax.jit(partial(toy.model.prefill, steps=STEPS))
    found, _ = prefill(toy.params, batch, encoded=encoded)
    np.testing.assert_allclose(found, toy.first, atol=1e-5)


def test_a_decoder_has_nothing_to_encode():
    model = Model(CONFIGS["rope"])
    with pytest.raises(ModelError, match="call prefill"):
        model.encode(random_params(model), {})
