"""Adapters of decoders, and soft prompts, in peft's format: it and we compute the same, both ways.

`tests/fixtures/adapters/make.py` wrote the folders and logits.json with peft.
"""

import dataclasses
import json
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from adapter_folders import (
    DECODERS,
    FIXTURES,
    FOLDERS,
    PYTHON,
    STORED,
    compared_with_peft,
    edited,
    logits,
    opened,
)
from safetensors.numpy import load_file
from toy_models import quickly_compiled
from toy_tokenizers import write_words

from flan_tasks.checkpoints.checkpoint import warm_start
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.open_model import open_model
from flan_tasks.models.adapter_files import export_adapters, read_adapters
from flan_tasks.models.hf import export_hf, import_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.models.soft_prompt import VECTORS
from flan_tasks.trainer.dry_run import check_start
from flan_tasks.vocabulary import open_vocabulary

LORA, PROMPTS = ("llama", "mistral", "qwen", "gemma"), ("t5_prompt", "qwen_prompt", "gemma_prompt")


def all_but_slow(*quick):
    """Names of all folders, most of them for the slow tests."""
    names = (*LORA, *PROMPTS)
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in names]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


@pytest.mark.parametrize("name", all_but_slow("qwen", "t5_prompt", "gemma_prompt"))
def test_logits_are_those_of_peft(name):
    model, params = opened(FOLDERS / name)
    found = logits(model, params)
    np.testing.assert_allclose(found, np.array(STORED[name]), atol=1e-4)


@pytest.mark.parametrize("name", all_but_slow("qwen"))
def test_what_is_exported_is_read_again_bit_for_bit(name, tmp_path):
    model, params = opened(FOLDERS / name)
    adapters = read_adapters(FOLDERS / name)
    folder = export_adapters(model, params, tmp_path / "out", base=str(adapters.base))
    again = read_adapters(folder)
    assert again.config(read_config(adapters.base)) == model.config
    put = again.put(model, import_hf(model, adapters.base))
    jax.tree.map(np.testing.assert_array_equal, put, params)
    config = json.loads((folder / "adapter_config.json").read_text())
    of_peft = json.loads((FOLDERS / name / "adapter_config.json").read_text())
    assert config.keys() <= of_peft.keys() and config["task_type"] == of_peft["task_type"]
    if name in LORA:
        theirs, ours = (
            load_file(one / "adapter_model.safetensors") for one in (FOLDERS / name, folder)
        )
        assert ours.keys() == theirs.keys()
        assert set(config["target_modules"]) == set(of_peft["target_modules"])


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("decoders/qwen3", "self_attn.q_proj.lora_B.weight is [32, 2], wanted [64, 2]"),
        ("hf_folders/v5_t5_1_1", "model.layers.0.mlp.down_proj is no matrix of it"),
    ],
)
def test_adapters_of_another_base_are_refused_in_a_line(base, message, tmp_path):
    adapters = read_adapters(edited(tmp_path, "llama", base=FIXTURES / base))
    with pytest.raises(ModelError, match="is of another base than") as caught:
        adapters.config(read_config(FIXTURES / base))
    assert message in str(caught.value) and "\n" not in str(caught.value)


HEAD = "base_model.model.model.layers.0.self_attn.k_proj"


@pytest.mark.parametrize(
    ("tensors", "settings", "message"),
    [
        ({f"{HEAD}.lora_A.weight": None}, {}, "k_proj.lora_A.weight is missing; adapters must be"),
        ({"base_model.model.lm_head.lora_A.weight": np.ones((2, 32), "f")}, {}, "lm_head has an"),
        ({f"{HEAD}.lora_magnitude_vector": np.ones(2, "f")}, {}, "is no matrix of LoRA"),
        ({}, {"modules_to_save": ["lm_head"]}, 'modules_to_save is ["lm_head"]'),
        ({}, {"rank_pattern": {"q_proj": 4}}, "rank_pattern is"),
        ({}, {"layers_to_transform": [1]}, "layers_to_transform is"),
        ({}, {"use_dora": True}, "use_dora is true"),
        ({}, {"bias": "lora_only"}, 'bias is "lora_only"'),
    ],
)
def test_adapters_that_are_not_ours_are_refused(tensors, settings, message, tmp_path):
    folder = edited(tmp_path, "mistral", tensors=tensors, **settings)
    with pytest.raises(ModelError) as caught:
        read_adapters(folder).config(read_config(DECODERS / "mistral"))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "settings", "message"),
    [
        ({}, {"num_virtual_tokens": 4}, "prompt_embeddings is [5, 32], wanted 4 vectors"),
        ({}, {"num_virtual_tokens": None}, "num_virtual_tokens is None"),
        ({}, {"num_transformer_submodules": 2}, "num_transformer_submodules is 2, with which"),
        ({}, {"modules_to_save": ["x"]}, "modules_to_save is ['x']; a soft prompt alone"),
        ({}, {"task_type": "SEQ_CLS"}, "another base than"),
        ({"x": np.ones(2, "f")}, {}, "x is no soft prompt; wanted prompt_embeddings"),
        ({"prompt_embeddings": None, "x": np.ones(2, "f")}, {}, "prompt_embeddings is missing"),
        ({"prompt_embeddings": np.full((5, 32), np.inf, "f")}, {}, "are not finite"),
        ({"prompt_embeddings": np.ones((5, 31), "f")}, {}, "vectors are 31 wide, the model 32"),
    ],
)
def test_prompts_that_are_not_ours_are_refused(tensors, settings, message, tmp_path):
    folder = edited(tmp_path, "qwen_prompt", tensors=tensors, **settings)
    with pytest.raises(ModelError) as caught:
        read_adapters(folder).config(read_config(DECODERS / "qwen3"))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_prompt_of_another_kind_of_base_is_refused(tmp_path):
    folder = edited(tmp_path, "qwen_prompt", base=FIXTURES / "hf_folders" / "v5_t5_1_1")
    adapters = read_adapters(folder)
    with pytest.raises(ModelError, match=r"v5_t5_1_1: task_type is CAUSAL_LM, wanted SEQ_2_SEQ"):
        adapters.config(read_config(adapters.base))


@pytest.mark.parametrize("name", [pytest.param("qwen", marks=pytest.mark.slow), "t5_prompt"])
def test_training_begins_with_adapters_of_the_same_settings(name):
    model, params = opened(FOLDERS / name)
    check_start(str(FOLDERS / name), model)
    started = warm_start(FOLDERS / name, model, jax.tree.map(jnp.zeros_like, params))
    jax.tree.map(np.testing.assert_array_equal, started, params)
    for changes in ({"lora_rank": 4, "prompt_length": 0}, {"lora_rank": 0, "prompt_length": 3}):
        other = dataclasses.replace(model.config, **changes)
        with pytest.raises(ModelError, match=r"give --gin.(LORA_RANK=3|PROMPT_LENGTH=5)"):
            read_adapters(FOLDERS / name).check(other)


def test_a_decoders_adapters_are_a_model_that_is_asked_and_exported(flan, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(DECODERS / "qwen2", base)
    write_words(base, 100, begins=False)
    for name in ("qwen", "qwen_prompt"):
        kind = "qwen2" if name == "qwen" else "qwen3"
        shutil.copytree(DECODERS / kind, base, dirs_exist_ok=True)
        folder = edited(tmp_path / name, name, base=base)
        again = tmp_path / f"again_{name}"
        printed = flan("export", folder, "--adapters", "--out", again).out
        assert "base = AutoModelForCausalLM.from_pretrained(" in printed
        assert f'PeftModel.from_pretrained(base, "{again}")' in printed
        files = [load_file(one / "adapter_model.safetensors") for one in (again, folder)]
        assert files[0].keys() == files[1].keys()
    asked = open_model(folder)
    assert asked.model.config.prompt_length == 5 and asked.identity["model"] == str(folder)
    said = flan("export", folder, "--out", tmp_path / "none", code=1).err
    assert "has a soft prompt, which no folder of transformers holds; with --adapters" in said
    assert not (tmp_path / "none").exists()


def test_a_soft_prompt_is_of_no_whole_model(tmp_path):
    model, params = opened(FOLDERS / "t5_prompt")
    with pytest.raises(ModelError, match="soft prompt"):
        export_hf(model, params, tmp_path / "out", vocabulary=open_vocabulary("bytes"))
    assert not (tmp_path / "out").exists()
    base = Model(dataclasses.replace(model.config, prompt_length=0))
    with pytest.raises(ModelError, match="no adapters; train it with"):
        export_adapters(base, params, tmp_path / "out", base="x")
    assert params[VECTORS[0]][VECTORS[1]].shape == (5, model.config.embed)


@pytest.mark.slow
@pytest.mark.skipif(PYTHON not in os.environ, reason=f"{PYTHON} names no Python with peft")
def test_peft_computes_the_same_with_what_is_exported(tmp_path):
    targets = ("query", "key", "value", "out", "wi_0", "wi_1", "wo")
    lora = {"lora_rank": 3, "lora_alpha": 4.5, "lora_targets": targets}
    cases = {
        DECODERS / "llama2": lora,
        DECODERS / "qwen3": lora,
        DECODERS / "gemma2": lora,
        DECODERS / "gemma3": {"prompt_length": 7},
        DECODERS / "mistral": {"prompt_length": 3},
        DECODERS / "qwen2": {"prompt_length": 2},
        FIXTURES / "hf_folders" / "v5_t5_1_1": {"prompt_length": 4},
    }
    for ours, theirs in compared_with_peft(tmp_path, cases):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
