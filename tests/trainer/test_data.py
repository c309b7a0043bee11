"""Batches by step, read ahead; and the second path, through SeqIO."""

import dataclasses
import threading

import jax
import numpy as np
import pytest
from toy_runs import MODELS, toy_run

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.models.partition import make_mesh
from flan_tasks.specs.config import DataConfig, MeshConfig, TrainingError
from flan_tasks.storage.storage import Storage
from flan_tasks.trainer.data import PassSource, batches, open_source


def mesh():
    return make_mesh(MeshConfig(), jax.devices()[:1])


def test_batches_begin_anywhere(tmp_path):
    run = toy_run(tmp_path)
    source = open_source(run.data, run.model)
    whole = {step: batch for step, batch in batches(source, mesh(), 0, 7)}
    later = {step: batch for step, batch in batches(source, mesh(), 4, 7)}
    assert list(whole) == list(range(7)) and list(later) == [4, 5, 6]
    for step, batch in later.items():
        for name, values in batch.items():
            np.testing.assert_array_equal(values, whole[step][name])


def test_reading_ahead_ends_with_the_loop(tmp_path):
    run = toy_run(tmp_path)
    source = open_source(run.data, run.model)
    before = threading.active_count()
    found = batches(source, mesh(), 0, 1000)
    next(found)
    assert threading.active_count() == before + 1
    found.close()
    assert threading.active_count() == before


def test_an_error_while_reading_reaches_the_loop(tmp_path):
    run = toy_run(tmp_path)
    source = open_source(run.data, run.model)
    next((tmp_path / "build-t5").glob("*.targets.npy")).unlink()
    with pytest.raises(Exception, match="targets.npy"):
        list(batches(source, mesh(), 0, 9))


def test_a_build_at_an_address_gives_the_same_batches(tmp_path, memory):
    run = toy_run(tmp_path)
    storage = Storage(memory)
    for path in (tmp_path / "build-t5").iterdir():
        storage.put(path, path.name)
    there = dataclasses.replace(run.data, build_dir=str(memory))
    ours, theirs = open_source(there, run.model), open_source(run.data, run.model)
    assert ours.identity == theirs.identity
    for name, values in theirs.read(3, 0, 1).items():
        np.testing.assert_array_equal(ours.read(3, 0, 1)[name], values)


def test_a_pass_weighs_each_row_once(tmp_path):
    run = toy_run(tmp_path)
    reader = open_source(run.data, run.model).reader
    source = PassSource(reader, 16)
    assert source.steps == 2
    for blocks in (1, 2, 8):
        weight = sum(
            source.read(step, block, blocks)["decoder_loss_weights"].sum()
            for step in range(source.steps)
            for block in range(blocks)
        )
        rows = reader.rows(np.arange(len(reader)))
        assert weight == rows["decoder_loss_weights"].sum()


@pytest.mark.parametrize(
    ("size", "fits"), [(259, True), (384, True), (257, True), (256, False), (385, False)]
)
def test_vocabularies_fit_if_they_pad_to_the_same(size, fits):
    assert MODELS["t5"].fits_vocabulary(size) is fits


@pytest.fixture
def flan_bytes(monkeypatch):
    """Registered names read the embedded rows, as bytes."""
    import flan_tasks.core.configuration as configuration

    monkeypatch.setattr(configuration, "_in_use", [])
    monkeypatch.setattr(configuration, "_chosen", {})
    monkeypatch.setenv("FLAN_TASKS_SOURCE", "samples")
    monkeypatch.setenv("FLAN_TASKS_VOCAB", "bytes")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", MODELS)
def test_a_seqio_name_trains_and_resumes(architecture, flan_bytes, tmp_path):
    from toy_runs import saved, toy_train

    data = DataConfig(
        mixture_or_task_name="flan:rte",
        task_feature_lengths={"inputs": 512, "targets": 32},
        batch_size=2,
    )
    changes = {"architecture": architecture, "data": data, "train_steps": 4}
    whole = saved(toy_train(tmp_path, name="whole", **changes))
    toy_train(tmp_path, name="parts", **{**changes, "train_steps": 2})
    parts = saved(toy_train(tmp_path, name="parts", **changes))
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values, err_msg=name)


@pytest.mark.slow
def test_an_encoder_with_a_soft_prompt_reads_a_seqio_name_one_example_a_row(flan_bytes):
    import dataclasses

    lengths = {"inputs": 2048, "targets": 64}
    data = DataConfig(
        mixture_or_task_name="flan:rte", task_feature_lengths=lengths, batch_size=4, shuffle=False
    )
    packed = open_source(data, MODELS["t5"])
    source = open_source(data, dataclasses.replace(MODELS["t5"], prompt_length=3))
    rows, several = source.read(0, 0, 1), packed.read(0, 0, 1)
    for side, tokens in (("encoder", "input"), ("decoder", "target")):
        segments = rows[f"{side}_segment_ids"]
        assert segments.max() == 1 < several[f"{side}_segment_ids"].max()
        np.testing.assert_array_equal(segments > 0, rows[f"{side}_{tokens}_tokens"] > 0)
    assert source.identity == {**packed.identity, "packed": False}


@pytest.mark.slow
def test_what_does_not_fit_a_seqio_name_is_said(flan_bytes):
    import dataclasses

    def data(name: str) -> DataConfig:
        lengths = {"inputs": 64, "targets": 8}
        return DataConfig(mixture_or_task_name=name, task_feature_lengths=lengths)

    with pytest.raises(UnknownNameError, match="Did you mean rte"):
        open_source(data("flan:rtee"), MODELS["t5"])
    wide = dataclasses.replace(MODELS["t5"], vocabulary_size=32100)
    with pytest.raises(TrainingError, match="VOCABULARY_SIZE=259"):
        open_source(data("flan:rte"), wide)
    module = dataclasses.replace(data("mine:x"), mixture_or_task_module="no_such_module")
    with pytest.raises(UnknownNameError, match="MIXTURE_OR_TASK_MODULE no_such_module"):
        open_source(module, MODELS["t5"])


OWN_MODULE = """
import seqio

def rate(task):
    return 1 / 0

seqio.MixtureRegistry.add("hostile:broken", [("flan:rte", rate)])
seqio.MixtureRegistry.add("hostile:sound", ["flan:rte", "flan:cb"], default_rate=1)
"""


@pytest.mark.slow
def test_a_module_of_the_users_stands_beside_ours(flan_bytes, tmp_path, monkeypatch):
    import sys

    (tmp_path / "hostile_mixtures.py").write_text(OWN_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    lengths = {"inputs": 64, "targets": 8}

    def opened(name):
        return open_source(
            DataConfig(
                mixture_or_task_name=name,
                mixture_or_task_module="hostile_mixtures",
                task_feature_lengths=lengths,
                batch_size=2,
            ),
            MODELS["t5"],
        )

    for name in ("flan:rte", "hostile:sound"):
        assert opened(name).about["lengths"] == lengths
    with pytest.raises(TrainingError, match="ZeroDivisionError") as caught:
        opened("hostile:broken").read(0, 0, 1)
    message = str(caught.value)
    assert message.startswith("hostile:broken: ")
    assert message.endswith("(hostile_mixtures.py, line 5)") and "\n" not in message
