"""Adapters in peft's format: what peft computes with them is what we compute, both ways.

`tests/fixtures/adapters/make.py` wrote the folders and logits.json with peft.
"""

import dataclasses
import functools
import json
import os
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from toy_models import quickly_compiled

from flan_tasks.checkpoints.checkpoint import warm_start
from flan_tasks.checkpoints.lora_base import base_of
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.model_answers import open_model
from flan_tasks.models.hf import import_hf, read_config
from flan_tasks.models.lora_files import export_lora, is_lora, read_lora
from flan_tasks.models.model import Model
from flan_tasks.trainer.dry_run import check_start

FIXTURES = ROOT / "tests" / "fixtures"
FOLDERS = FIXTURES / "adapters"
STORED = json.loads((FOLDERS / "logits.json").read_text())
INPUTS = [[5, 17, 90, 33, 62, 8, 1], [70, 3, 3, 41, 1, 0, 0]]
TARGETS = [[12, 44, 9, 1], [7, 66, 1, 0]]
BOTH = ["gated", pytest.param("plain", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


@functools.cache
def opened(folder):
    """The model of a folder of adapters, with its parameters, which nobody changes."""
    adapters = read_lora(folder)
    model = Model(adapters.config(read_config(adapters.base)))
    return model, adapters.put(model, import_hf(model, adapters.base))


def logits(model, params):
    inputs = jnp.asarray(INPUTS)
    decoder = jnp.asarray([[0, *row[:-1]] for row in TARGETS])
    batch = {
        "encoder_input_tokens": inputs,
        "encoder_segment_ids": (inputs != 0).astype(jnp.int32),
        "decoder_input_tokens": decoder,
        "decoder_segment_ids": jnp.ones_like(decoder),
    }
    return np.asarray(jax.jit(model.logits)(params, batch))


def edited(tmp_path, name="gated", *, tensors=None, **settings):
    """A copy of adapters with other settings or tensors; None takes a tensor away."""
    folder = tmp_path / "edited"
    shutil.copytree(FOLDERS / name, folder)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = str(read_lora(FOLDERS / name).base)
    path.write_text(json.dumps({**config, **settings}))
    if tensors:
        file = folder / "adapter_model.safetensors"
        values = {**load_file(file), **tensors}
        save_file({n: x for n, x in values.items() if x is not None}, file)
    return folder


@pytest.mark.parametrize("name", BOTH)
def test_logits_are_those_of_peft(name):
    model, params = opened(FOLDERS / name)
    found = logits(model, params)
    np.testing.assert_allclose(found, np.array(STORED[name]), atol=1e-4)
    base = Model(dataclasses.replace(model.config, lora_rank=0))
    assert np.abs(logits(base, import_hf(base, read_lora(FOLDERS / name).base)) - found).max() > 0.1


@pytest.mark.parametrize("name", BOTH)
def test_what_is_exported_is_read_again_bit_for_bit(name, tmp_path):
    model, params = opened(FOLDERS / name)
    base = read_lora(FOLDERS / name).base
    folder = export_lora(model, params, tmp_path / "out", base=str(base))
    assert is_lora(folder) and not is_lora(base)
    again = read_lora(folder)
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
        ({"peft_type": "PROMPT_TUNING"}, "peft_type is PROMPT_TUNING; LORA alone is read"),
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
        read_lora(edited(tmp_path, **settings))
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
        opened(edited(tmp_path, tensors=tensors))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_adapters_of_another_base_are_refused_in_a_line(tmp_path):
    other = str(FIXTURES / "hf_folders" / "v5_t5_1_0")
    with pytest.raises(ModelError, match=r"of another base than .*v5_t5_1_0: .*wi_0 is no matrix"):
        opened(edited(tmp_path, base_model_name_or_path=other))
    # Of the same shape: what we write says which base it was.
    model, params = opened(FOLDERS / "gated")
    other = FIXTURES / "hf_folders" / "v5_exact_gate"
    folder = export_lora(model, params, tmp_path / "out", base=str(other))
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
            read_lora(FOLDERS / "gated").check(other)


def test_a_folder_of_adapters_is_a_model_that_is_asked_and_exported(flan, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(FIXTURES / "hf_folders" / "v5_bytes_259", base)
    config = dataclasses.replace(
        read_config(base), lora_rank=2, lora_alpha=4.0, lora_targets=("query", "wo")
    )
    model = Model(config)
    folder = export_lora(model, with_random_adapters(model, base), tmp_path / "own", base="../base")
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


def with_random_adapters(model, base):
    """Parameters with the base of a folder and adapters that are not zero."""
    draw = np.random.default_rng(0)

    def of(keys, leaf):
        if not model.is_adapter(tuple(key.key for key in keys)):
            return leaf
        return draw.normal(size=leaf.shape).astype("f") * 0.3

    return jax.tree_util.tree_map_with_path(of, import_hf(model, base))


def test_a_checkpoint_whose_base_was_trained_gives_no_adapters(tmp_path, monkeypatch):
    from flan_tasks.checkpoints import lora_base

    record = {"config": {"optimizer": {"adapters_only": False}}}
    monkeypatch.setattr(lora_base, "newest", lambda path: path)
    monkeypatch.setattr(lora_base, "read_record", lambda path: record)
    with pytest.raises(ModelError, match="the base was trained as well"):
        base_of(tmp_path, "x")
    record["config"] = {"checkpoint": {"initial_checkpoint_path": "gone"}}
    with pytest.raises(ModelError, match="the run began with gone, .*give --base"):
        base_of(tmp_path, None)
    assert base_of(tmp_path, "google/t5-v1_1-small") == "google/t5-v1_1-small"


@pytest.mark.slow
def test_peft_computes_the_same_with_what_is_exported(tmp_path):
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python:
        pytest.skip("FLAN_TASKS_LM_EVAL_PYTHON names no Python with peft")
    base = FIXTURES / "hf_folders" / "v5_t5_1_1"
    targets = ("query", "key", "value", "out", "wi_0", "wi_1", "wo")
    config = dataclasses.replace(
        read_config(base), lora_rank=3, lora_alpha=4.5, lora_targets=targets
    )
    model = Model(config)
    params = with_random_adapters(model, base)
    folder = export_lora(model, params, tmp_path / "out", base=str(base))
    ran = subprocess.run(
        [python, FOLDERS / "make.py", "score", folder, base],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    theirs = np.array(json.loads(ran.stdout.splitlines()[-1]))
    np.testing.assert_allclose(logits(model, params), theirs, atol=1e-4)
