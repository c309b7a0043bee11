"""Runs that train a soft prompt: what it begins with and learns, and that nothing else moves."""

import dataclasses

import jax
import numpy as np
import pytest
from toy_runs import MODELS, compiled_once, losses, saved, toy_run, toy_train

from flan_tasks.core.errors import ModelError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.inference.open_model import open_model
from flan_tasks.models.adapter_files import export_adapters, read_adapters
from flan_tasks.models.hf import export_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.specs.config import TrainingError
from flan_tasks.trainer.data import open_source
from flan_tasks.trainer.dry_run import describe
from flan_tasks.trainer.prompt_start import FREQUENT, first_ids
from flan_tasks.vocabulary import open_vocabulary

__all__ = ["compiled_once"]  # a fixture of these tests
LENGTH = 5
VECTORS = "params/prompt/vectors"


def prompted(architecture="t5", *, start=None, text=None, **changes):
    """What a toy run that trains a soft prompt has besides, from random weights or others."""
    model = dataclasses.replace(MODELS[architecture], prompt_length=LENGTH)
    checkpoint = {"initial_checkpoint_path": start and str(start), "prompt_init_text": text}
    checkpoint["keep_initial"] = start is None
    how = {"learning_rate": 0.3, "multiply_by_parameter_scale": False}
    return {
        "architecture": architecture,
        "model": model,
        "checkpoint": checkpoint,
        "optimizer": how,
        **changes,
    }


@pytest.mark.parametrize("architecture", ["t5", pytest.param("decoder", marks=pytest.mark.slow)])
def test_the_prompt_alone_learns(architecture, tmp_path):
    how = prompted(architecture, train_steps=12)
    whole = toy_train(tmp_path, name="whole", **how)
    found = saved(whole)
    # Nothing of the base moved, by a bit, and nothing of it has moments.
    first = dataclasses.replace(whole, checkpoint=tmp_path / "whole" / "checkpoint_0")
    before = {n: x for n, x in saved(first).items() if n.startswith("params/") and n != VECTORS}
    for name, values in before.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert {n for n in found if n.startswith("params/")} - before.keys() == {VECTORS}
    moments = {name for name in found if name.startswith("optimizer/moments")}
    assert moments and all("prompt/vectors" in name for name in moments)
    assert found[VECTORS].shape == (LENGTH, 32)
    of_whole = losses(tmp_path / "whole")
    assert np.mean(of_whole[-3:]) < np.mean(of_whole[:3]) - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["t5", "decoder"])
def test_a_stop_changes_nothing(architecture, tmp_path):
    how = prompted(architecture, train_steps=6)
    found = saved(toy_train(tmp_path, name="whole", **how))
    toy_train(tmp_path, name="parts", **{**how, "train_steps": 4})
    again = saved(toy_train(tmp_path, name="parts", **how))
    assert found.keys() == again.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


def test_a_prompt_begins_with_a_text_and_drawn_tokens(tmp_path):
    run = toy_run(tmp_path, **prompted(text="yes"))
    about = open_source(run.data, run.model).about
    ids = first_ids(run, about)
    assert ids[:3].tolist() == open_vocabulary("bytes").encode(["yes"])[0].tolist()
    drawn = first_ids(toy_run(tmp_path, **prompted()), about)
    assert len(set(drawn.tolist())) == LENGTH and (drawn >= 3).all() and (drawn < FREQUENT).all()
    other = first_ids(toy_run(tmp_path, **prompted(), seed=1), about)
    assert other.tolist() != drawn.tolist()


@pytest.mark.slow
def test_a_prompt_begins_with_embeddings_or_where_another_run_ended(tmp_path):
    still = {"learning_rate": 0.0, "min_learning_rate": 0.0}
    how = prompted(train_steps=1, text="yes", optimizer=still)
    run = toy_run(tmp_path, **how)
    ids = first_ids(run, open_source(run.data, run.model).about)
    first = saved(toy_train(tmp_path, name="first", **how))
    np.testing.assert_array_equal(first[VECTORS], first["params/embedding/embedding"][ids])
    more = prompted(start=tmp_path / "first", train_steps=1, optimizer=still)
    second = toy_train(tmp_path, name="second", **more)
    np.testing.assert_array_equal(saved(second)[VECTORS], first[VECTORS])
    both = toy_run(tmp_path, **prompted(start=tmp_path / "first", text="yes"))
    with pytest.raises(TrainingError, match="has a soft prompt, which is trained further"):
        first_ids(both, {"vocabulary": "bytes"})


def test_a_text_that_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    run = toy_run(tmp_path, **prompted(text="yes or no"))
    with pytest.raises(TrainingError, match=r"has 9 tokens and the soft prompt 5 vectors; give"):
        describe(run)
    about = {**open_source(run.data, run.model).about, "vocabulary": "0123"}
    with pytest.raises(TrainingError, match="PROMPT_INIT_TEXT: the vocabulary of the rows, 0123"):
        first_ids(run, about)
    with pytest.raises(ConfigError, match="prompt_init_text, and the model no soft prompt"):
        toy_run(tmp_path, checkpoint={"prompt_init_text": "x"})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_dry_run_says_how_many_places_a_prompt_takes(tmp_path):
    lines = describe(toy_run(tmp_path, **prompted()))
    (line,) = [one for one in lines if "soft" in one]
    assert line == "soft prompt: 5 vectors before each example; a row has room for 3 examples"


@pytest.mark.slow
def test_a_trained_prompt_is_opened_exported_and_trained_further(tmp_path):
    model = Model(dataclasses.replace(MODELS["t5"], tied_head=True))
    params = jax.jit(model.init)(jax.random.key(0))
    base = export_hf(model, params, tmp_path / "hf", vocabulary=open_vocabulary("bytes"))
    config = dataclasses.replace(read_config(base), prompt_length=LENGTH)
    how = {**prompted(start=base, train_steps=2), "model": config}
    trained = toy_train(tmp_path, name="run", **how)
    opened = open_model(tmp_path / "run", vocab="bytes")
    folder = export_adapters(opened.model, opened.params, tmp_path / "prompt", base=str(base))
    vectors = read_adapters(folder).vectors
    np.testing.assert_array_equal(vectors, saved(trained)[VECTORS])
    again = open_model(folder, vocab="bytes")
    assert again.model.config.prompt_length == LENGTH
    still = {"learning_rate": 0.0, "min_learning_rate": 0.0}
    further = {**how, "checkpoint": {"initial_checkpoint_path": str(folder)}, "optimizer": still}
    on = saved(toy_train(tmp_path, name="on", **further))
    np.testing.assert_array_equal(on[VECTORS], vectors)
    other = {**further, "model": dataclasses.replace(config, prompt_length=4)}
    with pytest.raises(ModelError, match="soft prompt of 5 vectors; give --gin.PROMPT_LENGTH=5"):
        toy_train(tmp_path, name="other", **other)
