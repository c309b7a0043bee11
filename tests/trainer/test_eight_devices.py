"""Every kind of run on eight devices, as on one: trained, judged on the way, and asked.

The processes of these tests have eight virtual devices. Sums have another order there than on one
device, so numbers are equal but for rounding, and texts are the same.
"""

import dataclasses

import jax
import numpy as np
import pytest
from test_data import flan_bytes
from toy_models import CONFIGS, quickly_compiled, random_params
from toy_runs import MODELS, compiled_once, losses, saved, toy_build, toy_train

from flan_tasks.evaluation.records import GENERATE, RANK, Asked, Prompt, Unit
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.open_model import OpenModel
from flan_tasks.metrics.gold import Gold
from flan_tasks.models import partition
from flan_tasks.models.model import Model
from flan_tasks.specs.config import MeshConfig
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.vocabulary import BytesVocabulary

__all__ = ["compiled_once", "flan_bytes"]  # fixtures of these tests
pytestmark = pytest.mark.slow

MESH = MeshConfig(data=2, fsdp=2, model=2)
LORA = {"lora_rank": 2}
PROMPT = {"prompt_length": 3}
SEQIO = {
    "mixture_or_task_name": "flan:rte",
    "task_feature_lengths": {"inputs": 320, "targets": 16},
    "batch_size": 8,
    "build_dir": None,
}
# What is trained: the architecture, what of the model differs, and what of the data.
KINDS = {
    "decoder": ("decoder", {}, {}),
    "lora-t5": ("t5", LORA, {}),
    "lora-decoder": ("decoder", LORA, {}),
    "prompt-t5": ("t5", PROMPT, {}),
    "prompt-decoder": ("decoder", PROMPT, {}),
    "seqio-t5-packed": ("t5", {}, SEQIO),
    "seqio-t5-unpacked": ("t5", PROMPT, SEQIO),
    "seqio-decoder-packed": ("decoder", {}, SEQIO),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_on_eight_devices_is_that_on_one(kind, flan_bytes, tmp_path):
    architecture, model, data = KINDS[kind]
    how = {
        "architecture": architecture,
        "model": dataclasses.replace(MODELS[architecture], dropout=0.1, **model),
        "data": data,
        "train_steps": 3,
    }
    if not data:  # one more row than batches of eight hold
        rows = toy_build(tmp_path / "rows", architecture=architecture, rows=9, seed=7)
        how["data"] = {"eval_build_dir": str(rows), "eval_batch_size": 8}
    one = toy_train(tmp_path, name="one", **how)
    eight = toy_train(tmp_path, name="eight", devices=8, mesh=MESH, **how)
    np.testing.assert_allclose(losses(tmp_path / "eight"), losses(tmp_path / "one"), rtol=1e-5)
    assert bool(one.evaluation) == (not data)
    for name, value in one.evaluation.items():
        if isinstance(value, float) and "per_second" not in name:
            assert eight.evaluation[name] == pytest.approx(value, rel=1e-4), name
    wanted, found = saved(one), saved(eight)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, atol=5e-5, rtol=0, err_msg=name)


ASKED = {
    "t5": CONFIGS["t5"],
    "decoder": CONFIGS["rope"],
    "causal-decoder": CONFIGS["rope-causal"],
    "lora": dataclasses.replace(CONFIGS["t5"], **LORA),
    "prompt": dataclasses.replace(CONFIGS["rope"], **PROMPT),
}
OPTIONS = ("yes", "it is not possible to tell", "no")
# More than a batch of eight holds, of several lengths.
QUESTIONS = [f"Is animal number {7**place} a bird?" for place in range(11)]


def opened(config, devices):
    """A model on so many devices, its parameters split as `open_model` splits them."""
    model = Model(dataclasses.replace(config, vocabulary_size=259))
    mesh = partition.make_mesh(MeshConfig(data=1, fsdp=-1), jax.devices()[:devices])
    on = partition.shardings(model.axes(), model.abstract(), mesh)
    params = jax.tree.map(jax.device_put, random_params(model), on)
    lengths = {"inputs": 64, "targets": 12}
    return OpenModel(model, params, BytesVocabulary(), mesh, lengths, {})


def answers(model, method, decoding):
    """The records of the questions, in their order."""
    unit = Unit("birds", "plain", "test", method)
    answerer = ModelAnswers(model, batch_size=8, decoding=decoding)
    golds = [Gold("yes", ("yes",), OPTIONS, {}, str(place)) for place in range(len(QUESTIONS))]
    prompts = map(Prompt, QUESTIONS, golds)
    stream = [Asked(unit, place, prompt) for place, prompt in enumerate(prompts)]
    records = {one.place: record for one, record in answerer.answer(stream)}
    return [records[place] for place in range(len(QUESTIONS))]


@pytest.mark.parametrize("name", ASKED)
def test_answers_of_eight_devices_are_those_of_one(name):
    with quickly_compiled():
        one, eight = (opened(ASKED[name], devices) for devices in (1, 8))
        ranked = [answers(model, RANK, Decoding()) for model in (one, eight)]
        for ours, theirs in zip(*ranked, strict=True):
            np.testing.assert_allclose(theirs.sums, ours.sums, atol=1e-4)
        for decoding in (
            Decoding(),
            Decoding(method="sample", seed=3),
            Decoding(method="beam", beams=3),
        ):
            texts = [
                [record.text for record in answers(model, GENERATE, decoding)]
                for model in (one, eight)
            ]
            assert texts[0] == texts[1], decoding
            assert len(set(texts[0])) > 1
