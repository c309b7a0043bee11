"""Scores of options side by side against each option alone, in rows of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import CONFIGS, quickly_compiled, random_params, rows_of

from flan_tasks.inference.programs import Programs
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.inference.score import ROWS, score_options
from flan_tasks.models.model import Model

EOS = 1


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


def tokens(draw, length):
    ids = draw.integers(3, 120, length).astype(np.int32)
    ids[-1] = EOS
    return ids


def slow_scores(model, params, prompts, options):
    """Each option alone, unpacked, all logits computed, summed in float64."""
    compute = jax.jit(model.logits)
    longest = max(len(ids) for of_one in options for ids in of_one)
    found = []
    for prompt, of_one in zip(prompts, options, strict=True):
        found.append([])
        for ids in of_one:
            architecture = model.config.architecture
            batch = rows_of(architecture, [[(prompt, ids)]], targets=longest)
            logits = np.asarray(compute(params, batch), np.float64)[0]
            logits = logits[batch["decoder_loss_weights"][0] > 0]
            chances = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            found[-1].append(chances[np.arange(len(ids)), ids].sum())
    return found


# Lengths of options: a pair, one token alone, many (several rows), and one wider than a row.
SETS = {
    "several": [[3, 5], [1, 4, 2], [6] * 9, [2, 2]],
    "longer than a row": [[3, 5], [ROWS[0] + 9, 4]],
    "many rows": [[40] * 7, [2, 3]],
}


@pytest.mark.parametrize(
    "name",
    [
        "t5",
        "rope",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("relative", "rope-causal")),
    ],
)
@pytest.mark.parametrize("lengths", list(SETS))
def test_scores_equal_the_slow_way(name, lengths):
    if lengths != "several" and name != "t5":
        pytest.skip("how options are cut into rows is the same for every model")
    draw = np.random.default_rng(5)
    model = Model(CONFIGS[name])
    params = random_params(model)
    options = [[tokens(draw, n) for n in of_one] for of_one in SETS[lengths]]
    prompts = [tokens(draw, n) for n in (9, 3, 15, 6)][: len(options)]
    programs = Programs()
    read = [whole_prompt(model.config, prompt) for prompt in prompts]
    found = score_options(model, params, read, options, batch_size=3, programs=programs)
    wanted = slow_scores(model, params, prompts, options)
    for ours, slow, of_one in zip(found, wanted, options, strict=True):
        np.testing.assert_allclose([score.sum for score in ours], slow, atol=1e-4)
        tokens_of = [len(ids) for ids in of_one]
        np.testing.assert_allclose(
            [score.mean for score in ours], np.array(slow) / tokens_of, atol=1e-4
        )
    # One to read inputs, one to score options; those of another width are other programs.
    assert len(programs) == 4


def test_scores_are_the_same_whose_positions_meet_the_head_in_parts(monkeypatch):
    draw = np.random.default_rng(7)
    model = Model(CONFIGS["t5"])
    params = random_params(model)
    prompts = [tokens(draw, n) for n in (9, 3)]
    options = [[tokens(draw, n) for n in lengths] for lengths in ([3, 5], [6] * 9)]

    def scores():
        found = score_options(model, params, prompts, options, batch_size=2, programs=Programs())
        return [[score.sum for score in of_one] for of_one in found]

    whole = scores()
    monkeypatch.setattr("flan_tasks.inference.score.POSITIONS", 6)
    for ours, theirs in zip(scores(), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


class Parrot:
    """A model, in all that scoring calls, that is sure to hear its prompt once more."""

    config = CONFIGS["t5"]

    def prefill(self, params, batch, steps):
        heard = jnp.asarray(batch["encoder_input_tokens"])
        return self._likes(heard[:, 0]), {"heard": heard}

    def extended(self, params, cache, tokens, segment_ids):
        index = jnp.arange(tokens.shape[1])[None]
        begins = jnp.where(segment_ids[:, 1:] != segment_ids[:, :-1], index[:, 1:], 0)
        place = index - jax.lax.cummax(jnp.pad(begins, [(0, 0), (1, 0)]), axis=1)
        return jnp.take_along_axis(cache["heard"], place + 1, axis=1)

    def head_logits(self, params, x):
        return self._likes(x)

    def _likes(self, tokens):
        return 10.0 * jax.nn.one_hot(tokens, self.config.vocabulary_size)


@pytest.mark.parametrize("right", [0, 1, 2])
def test_a_model_that_knows_the_answer_prefers_it_wherever_it_stands(right):
    draw = np.random.default_rng(3)
    options = [[tokens(draw, n) for n in (4, 4, 4)] for _ in range(5)]
    prompts = [of_one[right] for of_one in options]
    found = score_options(Parrot(), {}, prompts, options, batch_size=2, programs=Programs())
    assert [int(np.argmax([score.sum for score in scores])) for scores in found] == [right] * 5
    # Sure of every token: log of e^10 / (e^10 + 119) each.
    sure = 4 * -np.log1p(119 * np.exp(-10))
    np.testing.assert_allclose([scores[right].sum for scores in found], sure, atol=1e-5)


def test_no_prompts_have_no_scores():
    model = Model(CONFIGS["t5"])
    assert score_options(model, {}, [], [], batch_size=2, programs=Programs()) == []
