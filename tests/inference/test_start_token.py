"""What is read before the inputs is the same in training, scoring and writing."""

import dataclasses

import jax
import numpy as np
import pytest
from toy_models import CONFIGS, quickly_compiled, random_params

from flan_tasks.inference.beginnings import by_beginning, read_beginning
from flan_tasks.inference.pool import Pool
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.inference.questions import DistinctInput
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.score import score_options
from flan_tasks.inference.score_trees import score_trees
from flan_tasks.models.model import Model
from flan_tasks.packing.features import begun, features
from flan_tasks.specs.formats import DECODER

PROMPTS = [[5, 6, 7, 1], [5, 6, 9, 9, 1]]
OPTIONS = [[20, 21, 1], [30, 1]]


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


def stored():
    """One packed row of both prompts, the first option behind the first, and so on."""
    tokens, segments, mask = np.zeros((3, 1, 18), np.int32)
    begin = 0
    for number, (prompt, option) in enumerate(zip(PROMPTS, OPTIONS, strict=True), start=1):
        end = begin + len(prompt) + len(option)
        tokens[0, begin:end], segments[0, begin:end] = [*prompt, *option], number
        mask[0, begin + len(prompt) : end] = 1
        begin = end
    return {"tokens": tokens, "segment_ids": segments, "loss_mask": mask}


def test_rows_are_read_behind_the_start_or_behind_nothing():
    rows = features(DECODER, stored())
    assert begun(rows, (0,)) is rows
    other = begun(rows, (7,))
    assert other["decoder_input_tokens"][0, :9].tolist() == [7, 5, 6, 7, 1, 20, 21, 7, 5]
    same = rows.keys() - {"decoder_input_tokens"}
    assert all(np.array_equal(rows[name], other[name]) for name in same)
    alone = begun(rows, ())
    assert alone["decoder_input_tokens"] is rows["decoder_target_tokens"]
    assert alone["decoder_target_tokens"][0].tolist()[:8] == [6, 7, 1, 20, 21, 1, 0, 6]
    assert alone["decoder_loss_weights"][0].tolist()[:8] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert alone["decoder_causal_attention"][0].tolist()[:8] == [1, 1, 1, 1, 0, 0, 0, 1]
    assert alone["decoder_loss_weights"].sum() == rows["decoder_loss_weights"].sum() == 5


@pytest.mark.parametrize("start", [7, -1])
def test_training_and_both_ways_of_scoring_agree(start):
    model = Model(dataclasses.replace(CONFIGS["rope-causal"], start_token=start))
    params = random_params(model)
    rows = begun(features(DECODER, stored()), model.config.starts)
    logs = jax.nn.log_softmax(jax.jit(model.logits)(params, rows))
    of_target = np.take_along_axis(
        np.asarray(logs), rows["decoder_target_tokens"][:, :, None], axis=2
    )[:, :, 0]
    counted = of_target * rows["decoder_loss_weights"]
    trained = [counted[rows["decoder_segment_ids"] == number].sum() for number in (1, 2)]
    prompts = [whole_prompt(model.config, np.asarray(prompt, np.int32)) for prompt in PROMPTS]
    options = [[np.asarray(option, np.int32)] for option in OPTIONS]
    scored = score_options(model, params, prompts, options, batch_size=2, programs=Programs())
    np.testing.assert_allclose([one[0].sum for one in scored], trained, atol=1e-4)
    question = type("Question", (), {"asked": type("Asked", (), {"done": False})})
    inputs = [
        DistinctInput(prompt, tuple(of_one), (question,))
        for prompt, of_one in zip(prompts, options, strict=True)
    ]
    found = score_trees(
        model, params, inputs, pool=Pool(64), programs=Programs(), reading=Reading()
    )
    by_trees = {id(one): scores[0].sum for one, scores in found}
    np.testing.assert_allclose([by_trees[id(one)] for one in inputs], trained, atol=1e-4)


@pytest.mark.parametrize("start", [7, -1])
def test_a_beginning_holds_the_start_once(start):
    config = dataclasses.replace(CONFIGS["rope-causal"], start_token=start)
    shared = list(range(3, 83))
    texts = [np.asarray([*shared, 90 + n % 20, 1], np.int32) for n in range(40)]
    prompts = [whole_prompt(config, ids) for ids in texts]
    (group,) = by_beginning(prompts)
    assert group.beginning.tolist() == [*config.starts, *shared]
    assert group.rest(prompts[3]).tolist() == [93, 1]
    model = Model(config)
    cache = read_beginning(model, random_params(model), group.beginning, Programs())
    assert int(cache["positions"].max()) + 1 == len(group.beginning)
