"""Against what transformers computed of the same weights (benchmarks/parity_hf.py), without it."""

import dataclasses
import json
import shutil
import signal

import jax
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from toy_models import quickly_compiled, random_params, rows_of

from flan_tasks.core.errors import ModelError
from flan_tasks.core.interrupts import Stopped
from flan_tasks.models import hf
from flan_tasks.models.hf import export_hf, import_hf, read_config
from flan_tasks.models.model import Model, ModelConfig
from flan_tasks.models.trees import nested
from flan_tasks.vocabulary import BytesVocabulary, SentencePieceVocabulary

FIXTURES = ROOT / "tests" / "fixtures" / "hf"
LENGTHS = {"inputs": 160, "targets": 60}
ROWS = [(0,), (1, 2, 3)]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


def equal(one, other):
    same = jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), one, other)
    return jax.tree.all(same)


class ToyBytes(BytesVocabulary):
    """Bytes cut to the size of a toy model."""

    def __init__(self, model):
        self._size = model.config.vocabulary_size

    @property
    def size(self):
        return self._size


@pytest.fixture(scope="module")
def model():
    return Model(read_config(FIXTURES / "t5"))


@pytest.fixture(scope="module")
def params(model):
    return import_hf(model, FIXTURES / "t5")


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FIXTURES / "t5", tmp_path / "t5")
    return tmp_path / "t5"


def configure(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(directory, change):
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


@pytest.fixture(scope="module")
def stored():
    return np.load(FIXTURES / "t5.npz")


@pytest.fixture(scope="module")
def pairs(stored):
    return [(stored[f"x_{i}"], stored[f"y_{i}"]) for i in range(4)]


@pytest.fixture(scope="module")
def computed(model, params, pairs):
    """Logits of each example, those of a row computed together: [targets, V] by example."""
    batch = rows_of("t5", [[pairs[i] for i in row] for row in ROWS], **LENGTHS)
    logits = np.asarray(jax.jit(model.logits)(params, batch))
    segments = batch["decoder_segment_ids"]
    return {
        i: logits[r][segments[r] == s]
        for r, row in enumerate(ROWS)
        for s, i in enumerate(row, start=1)
    }


def test_logits_are_those_of_transformers(computed, stored):
    for number in range(4):
        np.testing.assert_allclose(computed[number], stored[f"logits_{number}"], atol=1e-4)


def test_losses_are_those_of_transformers(computed, stored, pairs):
    for number, (_, targets) in enumerate(pairs):
        logs = np.asarray(jax.nn.log_softmax(computed[number]))
        loss = -np.take_along_axis(logs, targets[:, None], axis=1).sum()
        np.testing.assert_allclose(loss, stored["losses"][number], rtol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gemma"])
def test_decoder_logits_are_those_of_transformers(kind):
    stored = np.load(FIXTURES / f"{kind}.npz")
    model = Model(ModelConfig.from_json(json.loads(str(stored["config"]))))
    params = nested({tuple(n.split("/")): stored[n] for n in stored.files if "/" in n})
    assert jax.tree.map(np.shape, params) == jax.tree.map(lambda x: x.shape, model.abstract())
    pairs = [(stored[f"x_{i}"], stored[f"y_{i}"]) for i in (1, 2, 3)]
    batch = rows_of("decoder", [pairs], inputs=60, targets=4)
    logits = np.asarray(jax.jit(model.logits)(params, batch))[0]
    for number in range(3):
        found = logits[batch["decoder_segment_ids"][0] == number + 1]
        np.testing.assert_allclose(found, stored[f"logits_{number}"], atol=1e-4)


def test_export_and_import_keep_every_bit(model, params, tmp_path):
    written = export_hf(model, params, tmp_path / "out", vocabulary=ToyBytes(model))
    assert equal(import_hf(Model(read_config(written)), written), params)
    assert read_config(written) == model.config
    assert sorted(p.name for p in written.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer_config.json",
    ]


def test_shards_hold_the_same(model, params, tmp_path):
    vocabulary = ToyBytes(model)
    written = export_hf(model, params, tmp_path / "out", vocabulary=vocabulary, shard_bytes=60_000)
    shards = sorted(written.glob("model-*-of-*.safetensors"))
    assert len(shards) == 5
    assert shards[0].name == "model-00001-of-00005.safetensors"
    assert max(s.stat().st_size for s in shards) < 70_000
    assert equal(import_hf(model, written), params)


def test_bfloat16_files_are_read_and_written(model, params, tmp_path):
    vocabulary = ToyBytes(model)
    half = export_hf(model, params, tmp_path / "half", vocabulary=vocabulary, dtype="bfloat16")
    assert json.loads((half / "config.json").read_text())["torch_dtype"] == "bfloat16"
    rounded = jax.tree.map(
        lambda x: np.asarray(jax.numpy.asarray(x, "bfloat16"), np.float32), params
    )
    assert equal(import_hf(model, half), rounded)


def test_adapters_are_merged_on_export_and_fresh_on_import(model, tmp_path):
    lora = Model(dataclasses.replace(model.config, lora_rank=2))
    params = random_params(lora)
    written = export_hf(lora, params, tmp_path / "out", vocabulary=ToyBytes(model))
    assert equal(import_hf(model, written), lora.merge_lora(params))
    key = jax.random.key(4, impl="rbg")
    found, fresh = import_hf(lora, written, key=key), jax.jit(lora.init)(key)
    query = ("encoder", "stack", "layers", "attention", "query")
    for name in query:
        found, fresh = found[name], fresh[name]
    np.testing.assert_array_equal(found["lora_a"], fresh["lora_a"])
    assert not found["lora_b"].any()


def test_everything_that_does_not_fit_is_listed_at_once(model, copy):
    def spoil(tensors):
        del tensors["encoder.final_layer_norm.weight"]
        tensors["encoder.more.weight"] = np.zeros(2, np.float32)
        tensors["lm_head.weight"] = np.zeros((128, 16), np.float32)

    rewrite(copy, spoil)
    with pytest.raises(ModelError) as caught:
        import_hf(model, copy)
    lines = str(caught.value).splitlines()
    assert lines[1:4] == [
        "  1 missing: encoder.final_layer_norm.weight",
        "  1 unexpected: encoder.more.weight",
        "  1 of another shape: lm_head.weight [128, 16], the model has [128, 32]",
    ]


def test_a_model_of_another_size_is_refused(copy, model):
    larger = Model(dataclasses.replace(model.config, layers=3, mlp=64))
    with pytest.raises(ModelError, match=r"missing: encoder.block.2.*; \.\.\.\n.*another shape"):
        import_hf(larger, copy)


def test_copies_of_the_embedding_are_taken_for_it(model, params, copy):
    def rename(tensors):
        tensors["encoder.embed_tokens.weight"] = tensors.pop("shared.weight")

    rewrite(copy, rename)
    assert equal(import_hf(model, copy), params)


def test_a_shorter_vocabulary_is_padded_with_zeros_that_are_no_outputs(params, copy):
    def cut(tensors):
        for name in ("shared.weight", "lm_head.weight"):
            tensors[name] = tensors[name][:100].copy()

    rewrite(copy, cut)
    with pytest.raises(ModelError, match=r"shared.weight \[100, 32\], the model has \[128, 32\]"):
        import_hf(Model(read_config(copy)), copy)
    configure(copy, vocab_size=100)
    model = Model(read_config(copy))
    assert model.config.outputs == 100
    read = import_hf(model, copy)
    table = read["embedding"]["embedding"]
    np.testing.assert_array_equal(table[:100], params["embedding"]["embedding"][:100])
    assert table.shape == (128, 32) and not table[100:].any()
    assert model.logits(read, rows_of("t5", [[]])).shape[-1] == 100
    padded = Model(dataclasses.replace(model.config, head_rows=0))
    with pytest.raises(ModelError, match="head_rows is 0, the folder's 100"):
        import_hf(padded, copy)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "model.safetensors").unlink(), "has no model.safetensors and no"),
        (lambda d: (d / "model.safetensors").write_bytes(b"x" * 50), "cannot be read"),
        (
            lambda d: (d / "model.safetensors.index.json").write_text("{}"),
            "is no index of safetensors",
        ),
        (
            lambda d: (d / "model.safetensors.index.json").write_text(
                '{"weight_map": {"shared.weight": "gone.safetensors"}}'
            ),
            "gone.safetensors cannot be read",
        ),
    ],
)
def test_files_that_cannot_be_read_are_named(spoil, message, copy, model):
    spoil(copy)
    with pytest.raises(ModelError, match=message):
        import_hf(model, copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feed_forward_proj": "tanh"}, 'the MLP is "tanh"'),
        ({"feed_forward_proj": "gelu-gated"}, 'the MLP is "gelu-gated"'),
        ({"model_type": "bart"}, 'describes a "bart"; models of type "t5" and "mt5" are read'),
        ({"model_type": "umt5"}, 'describes a "umt5"'),
        ({"architectures": ["T5EncoderModel"]}, "of a T5EncoderModel, an encoder alone"),
        ({"architectures": ["T5ForTokenClassification"]}, "another head or network"),
        ({"is_encoder_decoder": False}, "wanted an encoder and a decoder"),
        ({"quantization_config": {"bits": 4}}, "its weights are quantized"),
        ({"tie_encoder_decoder": True}, "whose stacks share weights"),
        ({"decoder_start_token_id": 2}, "decoder_start_token_id is 2; wanted 0"),
        ({"pad_token_id": 1, "is_gated_act": 1}, "pad_token_id is 1.*the MLP is"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no'; wanted true or false"),
        ({"d_model": None}, r"embed is None \(NoneType\); want int"),
    ],
)
def test_other_kinds_of_model_are_refused(change, message, copy):
    configure(copy, **change)
    with pytest.raises(ModelError, match=message):
        read_config(copy)


def test_nothing_is_overwritten(model, params, tmp_path):
    vocabulary = ToyBytes(model)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    with pytest.raises(ModelError, match="exists and is not empty"):
        export_hf(model, params, tmp_path / "full", vocabulary=vocabulary)


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (Stopped(signal.SIGTERM), Stopped, "stopped by SIGTERM"),
        (OSError(28, "No space left on device"), ModelError, "out cannot be written: .*No space"),
    ],
)
def test_an_export_that_is_stopped_leaves_nothing(
    error, raised, message, model, params, tmp_path, monkeypatch
):
    def fail(*arguments, **settings):
        raise error

    monkeypatch.setattr(hf, "write_tokenizer", fail)
    with pytest.raises(raised, match=message):
        export_hf(model, params, tmp_path / "out", vocabulary=ToyBytes(model))
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_too_large_for_the_model_is_refused(model, params, tmp_path):
    with pytest.raises(ModelError, match="has 259 ids and the model 128"):
        export_hf(model, params, tmp_path / "out", vocabulary=BytesVocabulary())


def test_a_sentencepiece_model_goes_along(t5_model, tmp_path):
    vocabulary = SentencePieceVocabulary(t5_model)
    config = ModelConfig(
        vocabulary_size=vocabulary.size, embed=8, layers=1, heads=1, head_dim=8, mlp=8
    )
    model = Model(config)
    written = export_hf(model, random_params(model), tmp_path / "out", vocabulary=vocabulary)
    assert (written / "spiece.model").read_bytes() == t5_model.read_bytes()
    held = json.loads((written / "config.json").read_text())
    assert (held["vocab_size"], held["eos_token_id"], held["tie_word_embeddings"]) == (
        32_128,
        1,
        False,
    )
    settings = json.loads((written / "tokenizer_config.json").read_text())
    assert (settings["tokenizer_class"], settings["extra_ids"]) == ("T5Tokenizer", 100)
