"""LoRA adapters of T5 in peft's format: what peft computes with them is what we compute, both ways.

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
    FIXTURES,
    FOLDERS,
    PYTHON,
    STORED,
    compared_with_peft,
    edited,
    logits,
    opened,
    with_random_adapters,
)
from safetensors.numpy import load_file, save_file
from toy_models import quickly_compiled

from flan_tasks.checkpoints.adapter_base import base_of
from flan_tasks.checkpoints.checkpoint import warm_start
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.open_model import open_model
from flan_tasks.models.adapter_files import export_adapters, is_adapters, read_adapters
from flan_tasks.models.hf import import_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.trainer.dry_run import check_start

BOTH = ["gated", pytest.param("plain", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


@pytest.mark.parametrize("name", BOTH)
def test_logits_are_those_of_peft(name):
    model, params = opened(FOLDERS / name)
    found = logits(model, params)
    np.testing.assert_allclose(found, np.array(STORED[name]), atol=1e-4)
    base = Model(dataclasses.replace(model.config, lora_rank=0))
    without = logits(base, import_hf(base, read_adapters(FOLDERS / name).base))
    assert np.abs(without - found).max() > 0.1


@pytest.mark.parametrize("name", BOTH)
def test_what_is_exported_is_read_again_bit_for_bit(name, tmp_path):
    model, params = opened(FOLDERS / name)
    base = read_adapters(FOLDERS / name).base
    folder = export_adapters(model, params, tmp_path / "out", base=str(base))
    assert is_adapters(folder) and not is_adapters(base)
    again = read_adapters(folder)
    assert again.config(read_config(base)) == model.config
    theirs = load_file(FOLDERS / name / "adapter_model.safetensors")
    ours = load_file(folder / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys()
    for tensor in ours:
        np.testing.assert_array_equal(ours[tensor], theirs[tensor], err_msg=tensor)
    config = json.loads((folder / "adapter_config.json").read_text())
    of_peft = json.loads((FOLDERS / name / "adapter_config.json").read_text())
    assert set(config["target_modules"]) == set(of_peft["target_modules"])
    assert config.keys() <= of_peft.keys()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "is PREFIX_TUNING; LORA and PROMPT_TUNING alone are read"),
        ({"use_dora": True}, "use_dora is true, which is not read; merge the adapter"),
        ({"bias": "all"}, 'bias is "all"'),
        ({"rank_pattern": {"q": 4}}, "rank_pattern"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"r": 0}, "r is 0 and lora_alpha 5; want numbers above 0"),
        ({"base_model_name_or_path": "google/none"}, "'google/none', which is no folder of a"),
    ],
)
def test_adapters_that_would_be_another_function_are_refused(settings, message, tmp_path):
    with pytest.raises(ModelError, match="edited: ") as caught:
        read_adapters(edited(tmp_path, "gated", **settings))
    assert message in str(caught.value) and "\n" not in str(caught.value)


HEAD = "base_model.model.encoder.block.0.layer"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({f"{HEAD}.0.SelfAttention.q.lora_A.weight": None}, "q.lora_A.weight is missing; adapters"),
        ({f"{HEAD}.0.SelfAttention.x.lora_A.weight": np.ones((2, 8), "f")}, "is no matrix of it"),
        ({f"{HEAD}.0.SelfAttention.q.lora_A.weight": np.ones((2, 9), "f")}, "wanted [2, 8]"),
        ({f"{HEAD}.0.SelfAttention.q.lora_A.weight": np.full((2, 8), np.nan, "f")}, "not finite"),
        ({"base_model.model.shared.weight": np.ones((2, 8), "f")}, "is no matrix of LoRA"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(tensors, message, tmp_path):
    with pytest.raises(ModelError) as caught:
        opened(edited(tmp_path, "gated", tensors=tensors))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_adapters_of_another_base_are_refused_in_a_line(tmp_path):
    other = str(FIXTURES / "hf_folders" / "v5_t5_1_0")
    with pytest.raises(ModelError, match=r"of another base than .*v5_t5_1_0: .*wi_0 is no matrix"):
        opened(edited(tmp_path, "gated", base_model_name_or_path=other))
    # Of the same shape: what we write says which base it was.
    model, params = opened(FOLDERS / "gated")
    other = FIXTURES / "hf_folders" / "v5_exact_gate"
    folder = export_adapters(model, params, tmp_path / "out", base=str(other))
    changed = tmp_path / "changed"
    shutil.copytree(other, changed)
    weights = load_file(changed / "model.safetensors")
    weights["encoder.final_layer_norm.weight"] += 0.5
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(
        (folder / "adapter_config.json").read_text().replace(str(other), str(changed))
    )
    with pytest.raises(ModelError, match="of another base than .*changed: its norms differ"):
        opened(folder)


def test_training_begins_with_adapters_of_the_same_settings():
    model, params = opened(FOLDERS / "gated")
    fresh = jax.tree.map(jnp.zeros_like, params)
    check_start(str(FOLDERS / "gated"), model)
    started = warm_start(FOLDERS / "gated", model, fresh)
    jax.tree.map(np.testing.assert_array_equal, started, params)
    for changes in ({"lora_rank": 4}, {"lora_rank": 0}, {"lora_targets": ("query",)}):
        other = dataclasses.replace(model.config, **changes)
        with pytest.raises(ModelError, match=r"rank 2, alpha 5, .*give --gin.LORA_RANK=2"):
            read_adapters(FOLDERS / "gated").check(other)


def test_a_folder_of_adapters_is_a_model_that_is_asked_and_exported(flan, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(FIXTURES / "hf_folders" / "v5_bytes_259", base)
    config = dataclasses.replace(
        read_config(base), lora_rank=2, lora_alpha=4.0, lora_targets=("query", "wo")
    )
    model = Model(config)
    params = with_random_adapters(model, base)
    folder = export_adapters(model, params, tmp_path / "own", base="../base")
    asked = open_model(folder, vocab="bytes")
    assert asked.model.config.lora_rank == 2 and asked.identity["model"] == str(folder)
    assert asked.identity["adapters"] != open_model(base, vocab="bytes").identity["files"]
    again = tmp_path / "again"
    printed = flan("export", folder, "--adapters", "--vocab", "bytes", "--out", again).out
    assert f'PeftModel.from_pretrained(base, "{again}")' in printed
    files = [load_file(one / "adapter_model.safetensors") for one in (again, folder)]
    assert files[0].keys() == files[1].keys()
    flan("export", folder, "--vocab", "bytes", "--out", tmp_path / "merged")
    merged = open_model(tmp_path / "merged", vocab="bytes")
    np.testing.assert_allclose(
        logits(merged.model, merged.params), logits(asked.model, asked.params), atol=1e-4
    )
    none = ("--out", tmp_path / "none")
    said = flan("export", tmp_path / "merged", "--adapters", *none, code=1).err
    assert "is a whole model without adapters" in said
    said = flan("export", folder, "--base", "x", *none, code=2).err
    assert "--base belongs to --adapters" in said and not (tmp_path / "none").exists()


def test_a_checkpoint_whose_base_was_trained_gives_no_adapters(tmp_path, monkeypatch):
    from flan_tasks.checkpoints import adapter_base

    record = {"config": {"optimizer": {"adapters_only": False}}}
    monkeypatch.setattr(adapter_base, "newest", lambda path: path)
    monkeypatch.setattr(adapter_base, "read_record", lambda path: record)
    with pytest.raises(ModelError, match="the base was trained as well"):
        base_of(tmp_path, "x")
    record["config"] = {"checkpoint": {"initial_checkpoint_path": "gone"}}
    with pytest.raises(ModelError, match="the run began with gone, .*give --base"):
        base_of(tmp_path, None)
    assert base_of(tmp_path, "google/t5-v1_1-small") == "google/t5-v1_1-small"


@pytest.mark.slow
@pytest.mark.skipif(PYTHON not in os.environ, reason=f"{PYTHON} names no Python with peft")
def test_peft_computes_the_same_with_what_is_exported(tmp_path):
    targets = ("query", "key", "value", "out", "wi_0", "wi_1", "wo")
    settings = {"lora_rank": 3, "lora_alpha": 4.5, "lora_targets": targets}
    base = FIXTURES / "hf_folders" / "v5_t5_1_1"
    for ours, theirs in compared_with_peft(tmp_path, {base: settings}):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
