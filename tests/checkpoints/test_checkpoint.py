"""What a checkpoint holds, and starting from one; whole runs are in test_train."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from toy_runs import MODELS

from flan_tasks.checkpoints.checkpoint import (
    Checkpoints,
    differences,
    newest,
    warm_start,
    without_nothing,
)
from flan_tasks.core.errors import ModelError
from flan_tasks.models.hf import import_hf
from flan_tasks.models.hf_config import read_config
from flan_tasks.models.model import Model
from flan_tasks.specs.config import CheckpointConfig, TrainingError

HF = ROOT / "tests" / "fixtures" / "hf" / "t5"


def placed(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def test_what_is_saved_comes_back_with_its_holes(tmp_path):
    params = {"a": {"b": jnp.arange(6.0).reshape(2, 3)}, "c": jnp.ones(3)}
    state = {"step": jnp.int32(4), "moments": {"a": {"b": {"full": jnp.ones((2, 3))}}, "c": None}}
    kept = Checkpoints(tmp_path, CheckpointConfig())
    kept.save(4, params, state, {"step": 4, "note": "x"})
    kept.close()
    again = Checkpoints(tmp_path, CheckpointConfig())
    assert again.latest() == 4 and again.record(4)["note"] == "x"
    found, found_state = again.restore(4, placed(params), placed(state))
    jax.tree.map(np.testing.assert_array_equal, found, params)
    assert found_state["moments"]["c"] is None and found_state["step"] == 4
    np.testing.assert_array_equal(found_state["moments"]["a"]["b"]["full"], np.ones((2, 3)))
    with pytest.raises(TrainingError, match="unexpected: c"):
        again.restore(4, placed({"a": params["a"]}), placed(state))
    again.close()


def test_a_model_dir_means_its_newest_checkpoint(tmp_path, caplog):
    model = Model(MODELS["t5"])
    params = [
        jax.tree.map(lambda x, n=n: jnp.full(x.shape, n), model.abstract()) for n in (1.0, 2.0)
    ]
    kept = Checkpoints(tmp_path, CheckpointConfig())
    for step, values in enumerate(params, start=9):
        kept.save(step, values, {"step": jnp.int32(step)}, {"step": step})
    kept.close()
    for path, value in ((tmp_path, 2.0), (tmp_path / "checkpoint_9", 1.0)):
        found = warm_start(path, model, params[0])
        assert all(np.all(np.asarray(leaf) == value) for leaf in jax.tree.leaves(found))
    assert [line.message for line in caplog.records if line.levelname == "WARNING"] == []


def test_differences_are_named_by_kind():
    stored = {("a", "b"): (2, 3), ("old",): (4,)}
    wanted = {"a": {"b": jnp.ones((2, 5))}, "new": jnp.ones(1)}
    assert differences(stored, wanted) == [
        "missing: new (1,)",
        "unexpected: old (4,)",
        "shape: a/b is (2, 3), the model's (2, 5)",
    ]


def test_what_is_frozen_is_not_stored():
    assert without_nothing({"a": None, "b": {"c": None}, "d": {"e": 1}}) == {"d": {"e": 1}}


@pytest.mark.parametrize("rank", [0, 2])
def test_a_hugging_face_folder_gives_all_but_the_adapters(rank):
    config = dataclasses.replace(read_config(HF), lora_rank=rank)
    model = Model(config)
    fresh = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 7.0), model.abstract())
    found = warm_start(HF, model, fresh)
    base = import_hf(model, HF)
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        names = tuple(key.key for key in path)
        wanted = base
        for name in names:
            wanted = wanted[name]
        wanted = np.full(leaf.shape, 7.0) if model.is_adapter(names) else wanted
        np.testing.assert_array_equal(leaf, wanted, err_msg="/".join(names))


def test_a_hugging_face_folder_of_another_size_is_refused():
    model = Model(MODELS["t5"])
    fresh = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), model.abstract())
    with pytest.raises(ModelError):
        warm_start(HF, model, fresh)


def test_the_newest_step_is_that_of_the_highest_number(tmp_path):
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint_{step}" / "params").mkdir(parents=True)
    (tmp_path / "checkpoint_500.orbax-checkpoint-tmp").mkdir()
    assert newest(tmp_path).name == "checkpoint_100"
    assert newest(tmp_path / "checkpoint_9").name == "checkpoint_9"
