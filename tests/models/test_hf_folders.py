"""Folders as transformers 4 and 5 write them: what we compute of each is what they compute.

`tests/fixtures/hf_folders/make.py` wrote the folders and, with both versions, scores.json.
"""

import dataclasses
import functools
import itertools
import json
import shutil

import jax
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from toy_models import quickly_compiled

from flan_tasks.checkpoints.checkpoint import warm_start
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.open_model import open_model
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.score import score_options
from flan_tasks.models.hf import check_hf, export_hf, import_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.specs.config import TrainingError
from flan_tasks.trainer.dry_run import check_start
from flan_tasks.vocabulary import BytesVocabulary

FOLDERS = ROOT / "tests" / "fixtures" / "hf_folders"
STORED = json.loads((FOLDERS / "scores.json").read_text())
NAMES = sorted(path.parent.name for path in FOLDERS.glob("v*/config.json"))
# Folders written by version 4 that version 5 reads otherwise.
READ_IN_TWO_WAYS = {"v4_mt5_tied", "v4_of_version_5"}
GRID = [
    ("t5", "mt5"),
    (True, False, None),
    (True, False, None),
    ("absent", "equal", "other"),
]


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with quickly_compiled():
        yield


@functools.cache
def compiled(config):
    return jax.jit(Model(config).logits)


def batch_of(prompts, options):
    """One option a row, with its prompt."""
    pairs = [(p, o) for p, of_one in zip(prompts, options, strict=True) for o in of_one]
    inputs, targets, begun = np.zeros((3, len(pairs), 8), np.int32)
    for row, (prompt, option) in enumerate(pairs):
        inputs[row, : len(prompt)] = prompt
        targets[row, : len(option)] = option
        begun[row, 1 : len(option)] = option[:-1]
    return {"encoder_input_tokens": inputs, "decoder_input_tokens": begun}, targets


def scores(model, params):
    batch, targets = batch_of(STORED["prompts"], STORED["options"])
    likely = jax.nn.log_softmax(compiled(model.config)(params, batch))
    each = np.take_along_axis(np.asarray(likely), targets[:, :, None], axis=-1)[:, :, 0]
    return (each * (targets > 0)).sum(axis=1)


def fresh(model):
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), model.abstract()
    )


def scores_of(folder):
    model = Model(read_config(folder))
    return scores(model, import_hf(model, folder))


def by_transformers(name, version):
    return STORED[str(version)]["scores"][name]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_means_what_it_means_to_the_version_that_wrote_it(name, capsys):
    computed = scores_of(FOLDERS / name)
    np.testing.assert_allclose(computed, by_transformers(name, name[1]), atol=1e-4)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (name in READ_IN_TWO_WAYS)
    assert all(f"{name}/config.json is read in two ways" in line for line in said)


def from_grid(folder, kind, tied, scaled, head, version=None):
    shutil.copyfile(FOLDERS / "grid" / f"{head}.safetensors", folder / "model.safetensors")
    held = json.loads((FOLDERS / "grid" / "config.json").read_text())
    held |= {"model_type": kind, "tie_word_embeddings": tied, "scale_decoder_outputs": scaled}
    held["transformers_version"] = version
    held = {name: value for name, value in held.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(held))
    return folder


def same(one, other):
    return one is not None and other is not None and np.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("values", itertools.product(*GRID))
def test_every_combination_of_ties_scales_and_heads(values, tmp_path, capsys):
    name = "grid " + " ".join(map(str, values))
    readings = {4: by_transformers(name, 4), 5: by_transformers(name, 5)}
    drops_head = values[3] == "other" and same(
        readings[4], by_transformers("grid t5 True None absent", 4)
    )
    for version, reading in (("4.57.6", 4), ("5.24.0", 5), (None, 5)):
        folder = from_grid(tmp_path, *values, version)
        if reading == 4 and (readings[4] is None or drops_head):
            with pytest.raises(ModelError, match="do not say which head is meant"):
                read_config(folder)
            continue
        computed = scores_of(folder)
        np.testing.assert_allclose(computed, readings[reading], atol=1e-4)
        loud = version != "5.24.0" and not same(readings[4], readings[5])
        assert ("is read in two ways" in capsys.readouterr().err) == loud


@pytest.fixture
def copy(tmp_path):
    def copied(name):
        return shutil.copytree(FOLDERS / name, tmp_path / name)

    return copied


def rewrite(directory, change):
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


def configure(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def spoiled(name, value):
    def change(tensors):
        tensors[name] = tensors[name].copy()
        tensors[name][0, 0] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "v5_copies",
            spoiled("decoder.embed_tokens.weight", 9),
            "decoder.embed_tokens.weight differs from shared.weight",
        ),
        (
            "v4_t5_1_1",
            lambda tensors: tensors.update({"lm_head.bias": np.zeros(140, np.float32)}),
            "1 unexpected: lm_head.bias",
        ),
        (
            "v4_t5_1_1",
            lambda tensors: tensors.pop("shared.weight"),
            "transformers 4 draws a random embedding, as shared.weight is missing",
        ),
        (
            "v4_t5_1_1",
            spoiled("encoder.block.0.layer.0.SelfAttention.q.weight", np.nan),
            "values that are not finite: encoder.block.0.layer.0.SelfAttention.q.weight",
        ),
        (
            "v5_t5_1_0",
            lambda tensors: tensors.update(
                {k: v.astype(np.int8) for k, v in tensors.items() if "DenseReluDense" in k}
            ),
            "is stored as I8; wanted F64, F32, F16, BF16. Quantized weights are not read",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(name, change, message, copy):
    folder = copy(name)
    rewrite(folder, change)
    with pytest.raises(ModelError, match=message):
        scores_of(folder)


def test_an_index_and_its_files_hold_the_same_tensors(copy):
    folder = copy("v5_sharded")
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    listed["weight_map"]["more.weight"] = listed["weight_map"]["shared.weight"]
    index.write_text(json.dumps(listed))
    with pytest.raises(ModelError, match=r"lists more.weight, which is in no file"):
        read_config(folder)
    (folder / "again.safetensors").write_bytes(
        (folder / listed["weight_map"]["shared.weight"]).read_bytes()
    )
    listed["weight_map"]["more.weight"] = "again.safetensors"
    index.write_text(json.dumps(listed))
    with pytest.raises(ModelError, match="two of its files hold"):
        read_config(folder)


@pytest.mark.parametrize("name", ["v5_made", "v5_gelu", "v5_fp16_tied", "v5_t5_1_1", "v5_mt5_tied"])
def test_a_model_with_a_head_of_its_own_takes_any_head(name):
    config = read_config(FOLDERS / name)
    model = Model(dataclasses.replace(config, tied_head=False, scaled_head=True))
    computed = scores(model, import_hf(model, FOLDERS / name))
    np.testing.assert_allclose(computed, by_transformers(name, 5), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("v5_silu", {"activation": "gelu"}, "activation is 'gelu', the folder's 'silu'"),
        ("v5_t5_1_0", {"gated": True}, "gated is True, the folder's False"),
        ("v5_uneven", {"norm_epsilon": 1e-6}, "norm_epsilon is 1e-06, the folder's 0.01"),
        ("v5_uneven", {"relative_distance": 9}, "Set model_config.ModelConfig's relative_distance"),
        ("v5_t5_1_1", {"tied_head": True}, "tied_head is True, the folder's False"),
        ("v5_made", {"scaled_head": True}, "scaled_head is True, the folder's False"),
        ("v5_t5_1_0", {"scaled_head": False}, "scaled_head is False, the folder's True"),
        ("v5_t5_1_1", {"head_rows": 0}, "head_rows is 0, the folder's 140"),
    ],
)
def test_another_function_of_the_same_weights_is_refused(name, changes, message):
    model = Model(dataclasses.replace(read_config(FOLDERS / name), **changes))
    with pytest.raises(ModelError, match=message):
        import_hf(model, FOLDERS / name)
    with pytest.raises(ModelError, match=message):
        check_hf(model, FOLDERS / name)


class ToyVocabulary(BytesVocabulary):
    """Bytes cut to the ids of the toy folders."""

    size = 140


EXPORTED = {
    "v5_t5_1_1": (False, False),
    "v5_t5_1_0": (True, True),
    "v5_made": (False, False),
    "v5_exact_gate": (False, False),
    "v5_gelu": (True, True),
    "v5_silu": (False, False),
}


@pytest.mark.parametrize("name", EXPORTED)
def test_an_export_means_the_same_to_both_versions(name, tmp_path, capsys):
    model = Model(read_config(FOLDERS / name))
    params = import_hf(model, FOLDERS / name)
    capsys.readouterr()
    folder = export_hf(model, params, tmp_path / "out", vocabulary=ToyVocabulary())
    held = json.loads((folder / "config.json").read_text())
    assert (held["tie_word_embeddings"], held["scale_decoder_outputs"]) == EXPORTED[name]
    assert held["vocab_size"] == 140
    np.testing.assert_allclose(scores_of(folder), by_transformers(name, 5), atol=1e-4)
    assert capsys.readouterr().err == ""  # it has one reading
    np.testing.assert_array_equal(scores(model, import_hf(model, folder)), scores(model, params))
    tensors = load_file(folder / "model.safetensors")
    untied = not held["tie_word_embeddings"]
    for copied in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        assert (copied in tensors) == untied
        if untied:
            np.testing.assert_array_equal(tensors[copied], tensors["shared.weight"])
    assert ("pretrained=DIR,tie_word" in (folder / "README.md").read_text()) == untied


def test_a_folder_is_opened_and_scored_as_transformers_does(copy):
    for name in ("v5_bytes", "v5_bytes_259"):
        folder = copy(name)
        opened = open_model(folder, vocab="bytes")
        found = score_options(
            opened.model,
            opened.params,
            [np.array(prompt, np.int32) for prompt in STORED["prompts"]],
            [[np.array(o, np.int32) for o in options] for options in STORED["options"]],
            batch_size=2,
            programs=Programs(),
        )
        computed = [score.sum for of_one in found for score in of_one]
        np.testing.assert_allclose(computed, by_transformers(name, 5), atol=1e-4)
    configure(folder, eos_token_id=2)
    with pytest.raises(ModelError, match='ends with token 2 .*the vocabulary "bytes" with 1'):
        open_model(folder, vocab="bytes")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pytorch_model.bin is not read: load the folder"):
        import_hf(opened.model, folder)


def test_a_dry_run_looks_at_what_a_run_would_begin_with(copy):
    folder = copy("v5_sharded")
    model = Model(read_config(folder))
    check_start(str(folder), model)
    with pytest.raises(ModelError, match="activation is 'relu'"):
        check_start(str(folder), Model(dataclasses.replace(model.config, activation="relu")))
    configure(folder, model_type="bart")
    with pytest.raises(ModelError, match='it describes a "bart"'):
        check_start(str(folder), model)
    with pytest.raises(TrainingError, match="no such directory"):
        check_start(str(folder / "missing"), model)


def test_whoever_opens_a_folder_of_two_readings_is_told_once(copy, capsys):
    folder = copy("v4_mt5_tied")
    told = []
    model = Model(read_config(folder, say=told.append))
    warm_start(folder, model, fresh(model), say=told.append)
    assert len(told) == 2 and len(set(told)) == 1 and "is read in two ways" in told[0]
    assert capsys.readouterr().err == ""
    check_start(str(folder), model)
    assert capsys.readouterr().err == f"{told[0]}\n"


@pytest.mark.parametrize("name", ["v5_bf16", "v5_sharded", "v5_t5_1_0"])
def test_training_begins_with_the_model_of_the_folder(name):
    model = Model(read_config(FOLDERS / name))
    params = warm_start(FOLDERS / name, model, fresh(model))
    np.testing.assert_allclose(scores(model, params), by_transformers(name, 5), atol=1e-4)
