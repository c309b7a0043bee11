"""A soft prompt computes what tokens with its vectors for embeddings would, packed or not."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import CONFIGS, examples, of_example, quickly_compiled, random_params, rows_of

from flan_tasks.core.errors import ModelError
from flan_tasks.inference.pool import Pool
from flan_tasks.inference.programs import Programs, inputs_batch
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.inference.questions import DistinctInput
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.score import score_options
from flan_tasks.inference.score_trees import score_trees
from flan_tasks.models.model import Model
from flan_tasks.models.soft_prompt import STARTS, laid_out
from flan_tasks.models.trees import flat, nested
from flan_tasks.trainer.data import with_prompt_places

LENGTH = 3
# The first ids behind the vocabulary, where the embedding has rows that nothing reads.
TOKENS = [*range(120, 120 + LENGTH)]
PACKED = [(0, 1), (2, 3), (4,), (), ()]
SOME = [
    pytest.param(name, marks=() if name in ("t5", "switches") else pytest.mark.slow)
    for name in sorted(CONFIGS)
]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


@cache
def toy(name):
    """A model with a soft prompt, its parameters and its jitted logits."""
    model = Model(dataclasses.replace(CONFIGS[name], prompt_length=LENGTH))
    return model, random_params(model), jax.jit(model.logits)


def as_tokens(name):
    """The model without a prompt, and parameters in which TOKENS have its vectors."""
    model, params, _ = toy(name)
    leaves = flat(params)
    vectors = leaves.pop(("prompt", "vectors"))
    table = np.array(leaves["embedding", "embedding"])
    scale = model.config.embed**0.5 if model.config.scaled_embedding else 1.0
    table[TOKENS] = vectors / scale
    base = Model(dataclasses.replace(model.config, prompt_length=0))
    return base, nested({**leaves, ("embedding", "embedding"): table})


def whole(name, pairs):
    """Logits of each example's decoder, of the model whose prompt is tokens: one row each."""
    base, params = as_tokens(name)
    is_t5 = base.config.architecture == "t5"
    if is_t5:
        pairs = [(np.append(TOKENS, inputs).astype(np.int32), targets) for inputs, targets in pairs]
    batch = rows_of(base.config.architecture, [[pair] for pair in pairs])
    if not is_t5:
        before = {"input_tokens": TOKENS, "segment_ids": 1, "positions": range(LENGTH)}
        before["causal_attention"] = 0  # a prompt does not look at what stands behind it
        batch["decoder_positions"] = batch["decoder_positions"] + LENGTH
        for feature, values in before.items():
            old = batch[f"decoder_{feature}"]
            columns = np.broadcast_to(np.asarray(values), (len(old), LENGTH))
            batch[f"decoder_{feature}"] = np.concatenate([columns, old], axis=1)
    logits = np.asarray(jax.jit(base.logits)(params, batch))[:, 0 if is_t5 else LENGTH :, :120]
    lengths = [len(targets) + (0 if is_t5 else len(inputs)) for inputs, targets in pairs]
    return [logits[row, :length] for row, length in enumerate(lengths)]


def packed(name, rows=PACKED, *, most=2):
    pairs = examples()
    batch = rows_of(CONFIGS[name].architecture, [[pairs[i] for i in row] for row in rows])
    return with_prompt_places(batch, most if CONFIGS[name].architecture == "t5" else 0)


@pytest.mark.parametrize("name", SOME)
def test_packed_rows_compute_what_tokens_would(name):
    _, params, logits = toy(name)
    batch = packed(name)
    found, wanted = logits(params, batch), whole(name, examples())
    for row, members in enumerate(PACKED):
        for segment, number in enumerate(members, start=1):
            ours = of_example(found, batch, row, segment)[:, :120]
            np.testing.assert_allclose(ours, wanted[number], atol=1e-4)
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_rows_of_one_example_need_no_places():
    _, params, logits = toy("t5")
    batch = packed("t5", [(n,) for n in range(5)])
    bare = {n: batch[n] for n in ("encoder_input_tokens", "decoder_input_tokens")}
    found = logits(params, bare)
    for row, wanted in enumerate(whole("t5", examples())):
        np.testing.assert_allclose(found[row, : len(wanted), :120], wanted, atol=1e-4)


@pytest.mark.slow
def test_room_that_no_example_takes_changes_nothing():
    _, params, logits = toy("t5")
    batch, wide = packed("t5"), packed("t5", most=3)
    assert wide[STARTS].shape == (5, 3) and (wide[STARTS][:, 2] == 16).all()
    real = batch["decoder_segment_ids"] > 0
    found, wanted = logits(params, wide)[real], logits(params, batch)[real]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_prompt_stands_before_each_example_of_a_row():
    tokens = jnp.asarray([[5, 6, 7, 8, 0, 0], [9, 0, 0, 0, 0, 0]])
    segments = jnp.asarray([[1, 1, 2, 2, 0, 0], [1, 0, 0, 0, 0, 0]])
    lay = jax.jit(laid_out, static_argnums=3)
    ids, parts = lay(tokens, segments, jnp.asarray([[0, 2], [0, 6]]), 2)
    assert ids.tolist() == [[-1, -2, 5, 6, -1, -2, 7, 8, 0, 0], [-1, -2, 9, 0, 0, 0, 0, 0, -1, -2]]
    assert parts.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("name", [pytest.param("t5", marks=pytest.mark.slow), "switches"])
def test_decoding_with_a_cache_equals_the_whole(name):
    model, params, _ = toy(name)
    pairs = examples()
    prompts = [whole_prompt(model.config, inputs) for inputs, _ in pairs]
    batch = inputs_batch(model.config, prompts, length=15, rows=5)
    wanted = whole(name, pairs)
    skipped = [0 if model.config.architecture == "t5" else len(inputs) for inputs, _ in pairs]
    logits, cache = jax.jit(model.prefill, static_argnums=2)(params, batch, 3)
    step = jax.jit(model.decode_step)
    for place in range(3):
        for row, (_, targets) in enumerate(pairs):
            if place < len(targets):
                ours, theirs = logits[row, :120], wanted[row][skipped[row] + place]
                np.testing.assert_allclose(ours, theirs, atol=1e-4)
        tokens = [targets[place] if place < len(targets) else 0 for _, targets in pairs]
        logits, cache = step(params, cache, np.asarray(tokens, np.int32))


@pytest.mark.slow
def test_inputs_read_behind_a_cached_beginning_have_one_prompt():
    model, params, _ = toy("switches")
    prompts = [whole_prompt(model.config, inputs) for inputs, _ in examples()[:1]]
    prefill = jax.jit(model.prefill, static_argnums=2)
    wanted, _ = prefill(params, inputs_batch(model.config, prompts, length=10, rows=1), 0)
    first = inputs_batch(model.config, [prompts[0][:5]], length=5, rows=1)
    _, cache = prefill(params, first, 0)
    beginning = {n: cache[n] for n in ("key", "value", "positions")}
    assert beginning["positions"].tolist() == [[*range(LENGTH + 1 + 4)]]
    rest = inputs_batch(model.config, [prompts[0][5:]], length=5, rows=1)
    found, _ = jax.jit(lambda p, b, c: model.prefill(p, b, 0, beginning=c))(params, rest, beginning)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t5", "switches"])
def test_options_score_what_the_whole_gives_them(name):
    model, params, _ = toy(name)
    pairs = examples()
    inputs = [whole_prompt(model.config, ids) for ids, _ in pairs]
    targets = [ids for _, ids in pairs]
    wanted = []
    for logits, ids in zip(whole_with_all_outputs(name, pairs), targets, strict=True):
        of_tokens = jax.nn.log_softmax(logits[-len(ids) :])[np.arange(len(ids)), ids]
        wanted.append(float(of_tokens.sum()))
    options = [[ids] for ids in targets]
    scores = score_options(model, params, inputs, options, batch_size=5, programs=Programs())
    np.testing.assert_allclose([one.sum for (one,) in scores], wanted, atol=1e-4)
    if model.config.architecture == "decoder":
        question = type("Question", (), {"asked": type("Asked", (), {"done": False})})
        asked = [
            DistinctInput(ids, tuple(of_one), (question(),))
            for ids, of_one in zip(inputs, options, strict=True)
        ]
        by_tree = score_trees(
            model, params, asked, pool=Pool(256), programs=Programs(), reading=Reading()
        )
        found = {id(one): of_one[0].sum for one, of_one in by_tree}
        np.testing.assert_allclose([found[id(one)] for one in asked], wanted, atol=1e-4)


def whole_with_all_outputs(name, pairs):
    """Logits of each example over all outputs, read as one row each."""
    _, params, logits = toy(name)
    batch = packed(name, [(n,) for n in range(5)])
    found = np.asarray(logits(params, batch))
    return [of_example(found, batch, row, 1) for row in range(len(pairs))]


@pytest.mark.slow
def test_only_the_prompt_is_an_adapter_and_the_base_is_drawn_as_without_it():
    model, _, _ = toy("rope")
    base = Model(CONFIGS["rope"])
    key = jax.random.key(4, impl="rbg")
    plain, added = (flat(jax.jit(one.init)(key)) for one in (base, model))
    assert added.keys() - plain.keys() == {("prompt", "vectors")}
    assert [path for path in added if model.is_adapter(path)] == [("prompt", "vectors")]
    for path, leaf in plain.items():
        np.testing.assert_array_equal(added[path], leaf)
    assert np.abs(added["prompt", "vectors"]).max() <= 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_length": -1}, "prompt_length is -1; wanted a whole number, at least 0"),
        ({"prompt_length": 2, "lora_rank": 2}, "are both set; train one of the two"),
        (
            {"prompt_length": 2, "attention": "cudnn", "dtype": "bfloat16"},
            'reads one block of keys; prompt_length wants "xla"',
        ),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(CONFIGS["rope"], **changes)
