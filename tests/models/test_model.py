import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_models import (
    CONFIGS,
    DECODER,
    T5,
    examples,
    of_example,
    quickly_compiled,
    random_params,
    rows_of,
)

from flan_tasks.core.errors import ModelError
from flan_tasks.models.model import Model

# Of the generator that compiles in a tenth of the time.
KEYS = [jax.random.key(seed, impl="rbg") for seed in (1, 2)]
PACKED = [(0, 1), (2, 3), (4,)]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


def changed(config, **changes):
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def toy(request):
    """Model, parameters, its jitted logits, and five examples."""
    model = Model(CONFIGS[request.param])
    return model, random_params(model), jax.jit(model.logits), examples()


def pack(model, pairs, rows=PACKED):
    """Five rows, whatever the examples, so that one compiled program serves all tests."""
    rows = [*rows, *[()] * (5 - len(rows))]
    return rows_of(model.config.architecture, [[pairs[i] for i in row] for row in rows])


def test_packed_rows_give_the_logits_of_single_ones(toy):
    model, params, logits, pairs = toy
    packed, single = pack(model, pairs), pack(model, pairs, [(i,) for i in range(5)])
    together, apart = logits(params, packed), logits(params, single)
    for row, members in enumerate(PACKED):
        for segment, number in enumerate(members, start=1):
            ours = of_example(together, packed, row, segment)
            theirs = of_example(apart, single, number, 1)
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_missing_segment_ids_mean_one_example_a_row(toy):
    model, params, logits, pairs = toy
    batch = pack(model, pairs, [(0,)])
    bare = {
        n: batch[n]
        for n in ("encoder_input_tokens", "decoder_input_tokens", "decoder_causal_attention")
        if n in batch
    }
    found, wanted = logits(params, bare), logits(params, batch)
    real = batch["decoder_segment_ids"] > 0
    np.testing.assert_allclose(found[real], wanted[real], atol=1e-5)


def test_a_segment_cannot_see_its_neighbor(toy):
    model, params, logits, pairs = toy
    other = [pairs[0], examples(7)[1], *pairs[2:]]
    before, after = pack(model, pairs), pack(model, other)
    first, second = logits(params, before), logits(params, after)
    for segment, same in ((1, True), (2, False)):
        old, new = (of_example(x, before, 0, segment) for x in (first, second))
        assert np.array_equal(old, new) == same


def test_padding_is_finite_and_is_not_looked_at(toy):
    model, params, logits, pairs = toy
    batch = pack(model, pairs)
    filled = dict(batch)
    for side in ("encoder", "decoder"):
        if f"{side}_segment_ids" in batch:
            padding = batch[f"{side}_segment_ids"] == 0
            filled[f"{side}_input_tokens"] = np.where(padding, 77, batch[f"{side}_input_tokens"])
    found, wanted = logits(params, filled), logits(params, batch)
    real = batch["decoder_segment_ids"] > 0
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[real], wanted[real])


def test_a_target_cannot_see_what_follows(toy):
    model, params, logits, pairs = toy
    batch = pack(model, pairs, [(0,)])
    last = int(batch["decoder_segment_ids"].sum()) - 1
    later = dict(batch, decoder_input_tokens=batch["decoder_input_tokens"].copy())
    later["decoder_input_tokens"][0, last] = 50
    old, new = logits(params, batch)[0], logits(params, later)[0]
    np.testing.assert_array_equal(old[:last], new[:last])
    assert not np.array_equal(old[last], new[last])


@pytest.mark.parametrize(("name", "both_ways"), [("rope", True), ("rope-causal", False)])
def test_inputs_look_ahead_by_choice(name, both_ways):
    model = Model(CONFIGS[name])
    params = random_params(model)
    batch = pack(model, examples(), [(0,)])
    later = dict(batch, decoder_input_tokens=batch["decoder_input_tokens"].copy())
    later["decoder_input_tokens"][0, 8] = 50
    old, new = jax.jit(model.logits)(params, batch)[0], jax.jit(model.logits)(params, later)[0]
    assert np.array_equal(old[0], new[0]) != both_ways


def test_rows_without_their_order_of_positions_differ():
    model = Model(DECODER)
    params = random_params(model)
    batch = pack(model, examples(), [(0,)])
    stretched = dict(batch, decoder_positions=2 * batch["decoder_positions"])
    assert not np.allclose(
        jax.jit(model.logits)(params, batch), jax.jit(model.logits)(params, stretched), atol=1e-3
    )


@pytest.mark.slow
def test_recomputing_changes_no_gradient():
    config = CONFIGS["relative"]
    batch, key = pack(Model(config), examples()), KEYS[0]

    def gradient(remat):
        model = Model(changed(config, dropout=0.1, remat=remat))
        params = random_params(model)
        return jax.jit(jax.grad(lambda p: jnp.mean(model.logits(p, batch, key) ** 2)))(params)

    plain, *others = (gradient(remat) for remat in ("none", "dots", "full"))
    for other in others:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), plain, other)


def test_dropout_follows_its_key_alone():
    model = Model(changed(CONFIGS["relative"], dropout=0.3))
    params, batch = random_params(model), pack(Model(CONFIGS["relative"]), examples())
    one, same = (jax.jit(model.logits)(params, batch, KEYS[0]) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, jax.jit(model.logits)(params, batch, KEYS[1]))
    without = jax.jit(Model(CONFIGS["relative"]).logits)(params, batch)
    np.testing.assert_array_equal(jax.jit(model.logits)(params, batch), without)


@pytest.mark.parametrize("config", [T5, DECODER], ids=["t5", "decoder"])
def test_bfloat16_stays_near_float32(config):
    batch = pack(Model(config), examples())
    params = random_params(Model(config))
    exact = jax.jit(Model(config).logits)(params, batch)
    coarse = jax.jit(Model(changed(config, dtype="bfloat16")).logits)(params, batch)
    assert coarse.dtype == jnp.float32
    real = batch["decoder_segment_ids"] > 0
    assert np.std((coarse - exact)[real]) < 0.05 * np.std(exact)


def test_gradients_of_a_bfloat16_model_are_float32_and_near():
    config = CONFIGS["relative"]
    batch = pack(Model(config), examples())
    params = random_params(Model(config))

    def gradient(dtype):
        model = Model(changed(config, dtype=dtype))
        return jax.jit(jax.grad(lambda p: jnp.mean(model.logits(p, batch) ** 2)))(params)

    exact, coarse = jax.tree.leaves(gradient("float32")), jax.tree.leaves(gradient("bfloat16"))
    assert {leaf.dtype for leaf in coarse} == {jnp.dtype("float32")}
    for one, other in zip(exact, coarse, strict=True):
        # The biases' gradients are small sums of large terms, hence the rough bound.
        assert np.linalg.norm(one - other) < 0.25 * np.linalg.norm(one)


def test_parameters_abstract_and_axes_are_one_tree(toy):
    model, params, _, _ = toy
    abstract, axes = model.abstract(), model.axes()
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), params)
    assert shapes == jax.tree.map(lambda x: (x.shape, x.dtype), abstract)

    def check(tree, names):
        for name, leaf in tree.items():
            if isinstance(leaf, dict):
                check(leaf, names[name])
            else:
                assert len(leaf.shape) == len(names[name]), name
                assert (names[name][0] == "layers") == (leaf.shape[0] == model.config.layers), name
        assert tree.keys() == names.keys()

    check(abstract, axes)


class TestAdapters:
    @pytest.fixture(params=[T5, DECODER], ids=["t5", "decoder"])
    def pair(self, request):
        wanted = ("query", "key", "value", "out", "wi_0", "wi_1", "wo")
        with_lora = changed(request.param, lora_rank=2, lora_alpha=2.0, lora_targets=wanted)
        return Model(request.param), Model(with_lora)

    def paths(self, tree):
        return {
            tuple(k.key for k in path): leaf
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }

    def test_fresh_ones_change_nothing(self):
        base, lora = Model(DECODER), Model(changed(DECODER, lora_rank=2))
        batch = pack(base, examples())
        key = jax.random.key(3, impl="rbg")
        plain, added = jax.jit(base.init)(key), jax.jit(lora.init)(key)
        kept = {p: x for p, x in self.paths(added).items() if not lora.is_adapter(p)}
        assert kept.keys() == self.paths(plain).keys()
        for path, leaf in self.paths(plain).items():
            np.testing.assert_array_equal(kept[path], leaf, err_msg=str(path))
        found, wanted = jax.jit(lora.logits)(added, batch), jax.jit(base.logits)(plain, batch)
        np.testing.assert_allclose(found, wanted, atol=1e-5)

    def test_merging_keeps_the_logits_and_drops_the_adapters(self, pair):
        base, lora = pair
        batch, params = pack(base, examples()), random_params(lora)
        merged = lora.merge_lora(params)
        assert self.paths(merged).keys() == self.paths(base.abstract()).keys()
        assert self.paths(lora.without_adapters().abstract()).keys() == self.paths(merged).keys()
        found, wanted = jax.jit(base.logits)(merged, batch), jax.jit(lora.logits)(params, batch)
        np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=1e-4)

    def test_only_named_matrices_have_them(self):
        model = Model(changed(T5, lora_rank=2, lora_targets=("wo",)))
        found = {p[-2] for p in self.paths(model.abstract()) if model.is_adapter(p)}
        assert found == {"wo"}


def test_cudnn_without_a_gpu_says_so():
    if jax.default_backend() == "gpu":
        pytest.skip("this machine has a GPU")
    model = Model(changed(T5, dtype="bfloat16", attention="cudnn"))
    with pytest.raises(ModelError, match='needs a GPU and jax runs on cpu; use "xla"'):
        jax.jit(model.logits)(random_params(model), pack(model, examples()))
