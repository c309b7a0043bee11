"""Families of decoders against what transformers computed (tests/fixtures/decoders), without it."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from toy_models import CONFIGS, quickly_compiled, random_params
from toy_tokenizers import write_words

from flan_tasks.core.errors import ModelError
from flan_tasks.inference.decode import generate
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.models.hf import check_hf, export_hf, import_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.models.partition import RULES
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.vocabulary import open_vocabulary

FIXTURES = ROOT / "tests" / "fixtures" / "decoders"
FAMILIES = ("llama2", "llama3", "mistral", "qwen2", "qwen3", "gemma2", "gemma3")
IDS = [np.random.default_rng(n).integers(3, 100, size) for n, size in ((1, 22), (2, 9))]
END = 1


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


@pytest.fixture
def copy(tmp_path, request):
    name = getattr(request, "param", "gemma3")
    return shutil.copytree(FIXTURES / name, tmp_path / name)


def configured(directory, **changes):
    """Changes config.json; None takes a key out."""
    path = directory / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({n: v for n, v in settings.items() if v is not None}))
    return directory


def rows_of(starts):
    """A row of the first text, and one of both, packed."""
    texts = [[*starts, *ids.tolist()] for ids in IDS]
    batch = {n: np.zeros((2, 36), np.int32) for n in ("input_tokens", "segment_ids", "positions")}
    for row, numbers in enumerate([(0,), (1, 0)]):
        begin = 0
        for segment, number in enumerate(numbers, start=1):
            place = (row, slice(begin, begin + len(texts[number])))
            batch["input_tokens"][place] = texts[number]
            batch["segment_ids"][place] = segment
            batch["positions"][place] = np.arange(len(texts[number]))
            begin += len(texts[number])
    return {f"decoder_{name}": values for name, values in batch.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_those_of_transformers_packed_or_not(name):
    model = Model(read_config(FIXTURES / name))
    params = import_hf(model, FIXTURES / name)
    stored = np.load(FIXTURES / name / "computed.npz")
    batch = rows_of(model.config.starts)
    logits = np.asarray(jax.jit(model.logits)(params, batch))
    segments = batch["decoder_segment_ids"]
    for row, segment, number in ((0, 1, 0), (1, 1, 1), (1, 2, 0)):
        found = logits[row][segments[row] == segment]
        np.testing.assert_allclose(found, stored[f"logits_{number}"], atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("qwen2", "gemma3") else pytest.mark.slow)
        for name in FAMILIES
    ],
)
def test_what_is_written_is_what_transformers_generates(name):
    model = Model(read_config(FIXTURES / name))
    params = import_hf(model, FIXTURES / name)
    stored = np.load(FIXTURES / name / "computed.npz")
    answers = generate(
        model,
        params,
        [whole_prompt(model.config, ids) for ids in IDS],
        Decoding(max_tokens=8),
        eos_id=END,
        batch_size=2,
        programs=Programs(),
    )
    for number, answer in enumerate(answers):
        wanted = [n for n in stored[f"written_{number}"].tolist() if n != END]
        assert answer.tokens.tolist() == wanted


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_exported_has_every_bit_and_reads_as_the_same_model(name, tmp_path):
    write_words(tmp_path / "words", 100, begins=not name.startswith("qwen"))
    vocabulary = open_vocabulary(str(tmp_path / "words"))
    model = Model(read_config(FIXTURES / name))
    params = import_hf(model, FIXTURES / name)
    written = export_hf(model, params, tmp_path / "out", vocabulary=vocabulary, dtype="bfloat16")
    before = load_file(FIXTURES / name / "model.safetensors")
    after = load_file(written / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(
        np.array_equal(before[n], after[n]) and before[n].dtype == after[n].dtype for n in before
    )
    assert read_config(written) == model.config
    old, new = (json.loads((d / "config.json").read_text()) for d in (FIXTURES / name, written))
    # Types too: version 5 takes no float for a whole number.
    free = {"bos_token_id", "pad_token_id", "max_window_layers"}
    for key in (old.keys() & new.keys()) - free:
        ours, theirs = (json.dumps(one[key], sort_keys=True) for one in (new, old))
        assert ours == theirs, key
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (written / file).read_bytes() == (tmp_path / "words" / file).read_bytes()


@pytest.mark.parametrize("copy", ["llama3", "gemma3"], indirect=True)
def test_both_versions_spellings_are_read(copy):
    wanted = read_config(copy)
    parameters = json.loads((copy / "config.json").read_text())["rope_parameters"]
    full = dict(parameters.get("full_attention", parameters))
    changes = {"rope_parameters": None, "rope_theta": full.pop("rope_theta")}
    changes["rope_scaling"] = {"type": full.pop("rope_type"), **full}
    changes |= {"dtype": None, "torch_dtype": "bfloat16"}
    if "sliding_attention" in parameters:
        changes["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        changes |= {"layer_types": None, "sliding_window_pattern": 3}
    assert read_config(configured(copy, **changes)) == wanted


def test_a_tokenizer_says_how_many_ids_there_are_and_how_texts_begin(copy):
    assert (read_config(copy).start_token, read_config(copy).vocabulary_size) == (2, 100)
    write_words(copy, 90, begins=False)
    config = read_config(copy)
    assert (config.start_token, config.vocabulary_size, config.outputs) == (-1, 90, 100)
    model = Model(config)
    table = import_hf(model, copy)["embedding"]["embedding"]
    assert table.shape == (128, 32) and table[99].all() and not table[100:].any()


def test_a_tokenizer_with_more_ids_than_rows_is_refused(copy):
    write_words(copy, 101, begins=True)
    message = r"ids up to 100 and the embedding 100 rows \(vocab_size\); call resize_token_embed"
    with pytest.raises(ModelError, match=message):
        read_config(copy)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("llama3", {"model_type": "mixtral"}, 'a "mixtral"; .*"llama".*`flan eval --write-prompts'),
        ("llama3", {"model_type": "gemma3"}, 'describes a "gemma3"; .*"gemma3_text"'),
        ("llama3", {"architectures": ["LlamaForTokenClassification"]}, "wanted a head of vocab"),
        ("llama3", {"attention_bias": True}, "attention_bias is True, which is not computed"),
        ("llama3", {"mlp_bias": True}, "mlp_bias is True, which .*export-lm-eval"),
        ("llama3", {"quantization_config": {"bits": 4}}, "quantization_config is set"),
        ("llama3", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"),
        ("llama3", {"hidden_act": "tanh"}, 'hidden_act is "tanh"; wanted'),
        ("llama3", {"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no'"),
        ("llama3", {"hidden_size": None}, "it has no hidden_size"),
        (
            "llama3",
            {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0, "factor": 2.0}},
            'the scaling of RoPE is "yarn"; computed are "default", "linear", "llama3"',
        ),
        ("gemma3", {"layer_types": ["chunked_attention"] * 3}, "layer_types has chunked_att"),
        ("gemma3", {"layer_types": ["full_attention"]}, "layer_types has 1 layers, num_hidden"),
        ("gemma3", {"use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
        ("gemma3", {"rms_norm_eps": "small"}, "norm_epsilon is 'small'"),
    ],
)
def test_what_is_not_computed_is_named(name, change, message, tmp_path):
    copy = shutil.copytree(FIXTURES / name, tmp_path / name)
    with pytest.raises(ModelError, match=message) as caught:
        read_config(configured(copy, **change))
    assert "\n" not in str(caught.value)


def test_tensors_that_are_missing_or_too_many_are_named(copy):
    model = Model(read_config(copy))
    tensors = load_file(copy / "model.safetensors")
    norm = tensors.pop("model.layers.1.self_attn.q_norm.weight")
    more = {"model.layers.1.self_attn.q_proj.bias": norm, "lm_head.weight": np.zeros((9, 32))}
    # Waves that early files hold are no weights.
    more["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.zeros(8, np.float32)
    save_file(tensors | more, copy / "model.safetensors")
    with pytest.raises(ModelError, match="true and lm_head.weight differs from model.embed_tok"):
        check_hf(model, copy)
    del more["lm_head.weight"]
    save_file(tensors | more, copy / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        check_hf(model, copy)
    assert str(caught.value).splitlines()[1:3] == [
        "  1 missing: model.layers.1.self_attn.q_norm.weight",
        "  1 unexpected: model.layers.1.self_attn.q_proj.bias",
    ]


def test_another_function_of_the_same_weights_is_refused(copy):
    config = read_config(copy)
    other = Model(dataclasses.replace(config, windows=(5, 0), attention_cap=2.0))
    with pytest.raises(ModelError, match=r"(?s)windows is \(5, 0\), .*attention_cap is 2.0, "):
        check_hf(other, copy)
    with pytest.raises(ModelError, match='architecture "decoder", and the model is "t5"'):
        check_hf(Model(read_config(ROOT / "tests/fixtures/hf/t5")), copy)


def test_a_decoder_that_transformers_has_not_is_refused(tmp_path):
    config = dataclasses.replace(read_config(FIXTURES / "llama3"), inputs_attention="prefix")
    write_words(tmp_path / "words", 100, begins=True)
    vocabulary = open_vocabulary(str(tmp_path / "words"))
    with pytest.raises(ModelError, match="no decoder .* has inputs_attention = 'prefix'"):
        export_hf(Model(config), {}, tmp_path / "out", vocabulary=vocabulary)
    assert not (tmp_path / "out").exists()


def test_adapters_and_axes_know_every_parameter_of_every_switch():
    everything = dataclasses.replace(
        CONFIGS["switches"], lora_rank=2, lora_targets=("query", "key", "value", "out", "wi_0")
    )
    model = Model(everything)
    axes = jax.tree.leaves(model.axes(), is_leaf=lambda value: isinstance(value, tuple))
    assert {name for names in axes for name in names} <= RULES.keys()
    merged = model.merge_lora(random_params(model))
    shapes = jax.tree.map(lambda leaf: leaf.shape, model.without_adapters().abstract())
    assert jax.tree.map(np.shape, merged) == shapes
