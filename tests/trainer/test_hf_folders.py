"""Folders as transformers 4 and 5 write them: what we compute of each is what they compute.

`tests/fixtures/hf_folders/make.py` wrote the folders and, with both versions, scores.json.
"""

import functools
import itertools
import json
import shutil
import warnings

import jax
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from toy_models import quickly_compiled

from flan_tasks.core.errors import ModelError
from flan_tasks.trainer.hf import import_hf, read_config
from flan_tasks.trainer.model import Model

FOLDERS = ROOT / "tests" / "fixtures" / "hf_folders"
STORED = json.loads((FOLDERS / "scores.json").read_text())
NAMES = sorted(path.parent.name for path in FOLDERS.glob("v*/config.json"))
# Folders that mean another model in the version that did not write them, with a word for why.
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


def scores_of(folder):
    model = Model(read_config(folder))
    return scores(model, import_hf(model, folder))


def by_transformers(name, version):
    return STORED[str(version)]["scores"][name]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_means_what_it_means_to_the_version_that_wrote_it(name):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        computed = scores_of(FOLDERS / name)
    np.testing.assert_allclose(computed, by_transformers(name, name[1]), atol=1e-4)
    assert any("is read in two ways" in str(w.message) for w in told) == (name in READ_IN_TWO_WAYS)


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
def test_every_combination_of_ties_scales_and_heads(values, tmp_path):
    name = "grid " + " ".join(map(str, values))
    readings = {4: by_transformers(name, 4), 5: by_transformers(name, 5)}
    drops_head = values[3] == "other" and same(
        readings[4], by_transformers("grid t5 True None absent", 4)
    )
    for version, reading in (("4.57.6", 4), ("5.24.0", 5), (None, 5)):
        folder = from_grid(tmp_path, *values, version)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if reading == 4 and (readings[4] is None or drops_head):
                with pytest.raises(ModelError, match="do not say which head is meant"):
                    read_config(folder)
                continue
            computed = scores_of(folder)
        np.testing.assert_allclose(computed, readings[reading], atol=1e-4)
        loud = version != "5.24.0" and not same(readings[4], readings[5])
        assert any("is read in two ways" in str(w.message) for w in told) == loud


@pytest.fixture
def copy(tmp_path):
    def copied(name):
        return shutil.copytree(FOLDERS / name, tmp_path / name)

    return copied


def rewrite(directory, change):
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")
