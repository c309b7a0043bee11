"""Specifications of evaluations, inferences, reports and training: one declaration for all ways."""

import dataclasses
import json
import shlex

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import flan_tasks as ft
from flan_tasks.cli.eval import command as eval_command
from flan_tasks.cli.infer import command as infer_command
from flan_tasks.cli.main import COMMANDS, cli
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.spec import ON_OFF, JobSpec, said
from flan_tasks.specs import config
from flan_tasks.specs.eval_config import Decoding, EvalSpec, InferSpec
from flan_tasks.specs.model_config import sized
from flan_tasks.specs.report_spec import ReportSpec

LENGTHS = st.sampled_from([None, {"inputs": 512}, {"inputs": 512, "targets": 64}])
DECODINGS = st.builds(
    Decoding,
    method=st.sampled_from(["greedy", "sample", "beam"]),
    max_tokens=st.integers(1, 300),
    temperature=st.floats(0.1, 9),
    top_k=st.integers(0, 99),
    top_p=st.floats(0.1, 1),
    beams=st.integers(1, 9),
    alpha=st.floats(0, 2),
)
OF_A_MODEL = {
    "task_feature_lengths": LENGTHS,
    "batch_tokens": st.none() | st.integers(1, 9999),
    "batch_size": st.none() | st.integers(1, 99),
    "decoding": DECODINGS,
    "dtype": st.sampled_from([None, "float32", "bfloat16"]),
    "vocab": st.sampled_from(["bytes", "it's a model"]),
    "eos": st.sampled_from([None, "</s>"]),
    "control_tokens": st.sampled_from([None, "text"]),
    "chat_date": st.sampled_from([None, "2030-02-03"]),
    "system": st.sampled_from([None, "Don't guess."]),
    "reasoning": st.sampled_from([None, "field"]),
}
EVALS = st.builds(
    EvalSpec,
    mixture_or_task_name=st.sampled_from(["rte", "flan:rte.hence.rank,copa", "without.nli"]),
    checkpoint_path=st.sampled_from(["run", "a folder/checkpoint_5"]),
    output_dir=st.just("scores"),
    results=st.booleans(),
    split=st.sampled_from(["validation", "test", "both"]),
    method=st.sampled_from(["auto", "rank", "generate", "both"]),
    num_examples=st.none() | st.integers(1, 99),
    seed=st.integers(0, 2**32 - 1),
    source=st.sampled_from(["declared", "samples"]),
    data_dir=st.sampled_from([None, "/data"]),
    allow_missing=st.booleans(),
    shots=st.integers(0, 64),
    options=st.booleans(),
    option_order=st.sampled_from(["fixed", "shuffled"]),
    templates=st.sampled_from([None, ("hence",), ("rte.hence", "cb.plain")]),
    **OF_A_MODEL,
)
INFERS = st.builds(
    InferSpec,
    input_path=st.sampled_from(["prompts.jsonl", "my prompts.txt"]),
    checkpoint_path=st.just("run"),
    output_path=st.just("answers.jsonl"),
    **OF_A_MODEL,
)
REPORTS = st.builds(
    ReportSpec,
    folder=st.sampled_from(["out", "an out"]),
    out=st.none() | st.just("page.html"),
    examples=st.integers(1, 9999),
    vocab=st.none() | st.just("bytes"),
)
RUNS = st.builds(
    config.TrainSpec,
    model=st.sampled_from(["t5", "decoder"]).map(lambda n: sized(n, "mini", vocabulary_size=384)),
    model_dir=st.just("run"),
    train_steps=st.integers(1, 9999),
    data=st.builds(
        config.DataConfig,
        build_dir=st.just("out"),
        task_feature_lengths=st.sampled_from([None, {"inputs": 64, "targets": 32}]),
        batch_size=st.integers(1, 64),
    ),
    optimizer=st.builds(config.OptimizerConfig, learning_rate=st.floats(0, 1)),
    loss=st.builds(config.LossConfig, label_smoothing=st.floats(0, 0.5)),
    hosts=st.builds(config.HostsConfig, num_processes=st.just(2), process_id=st.just(1)),
    on_nonfinite=st.sampled_from(["stop", "skip"]),
    tensorboard=st.booleans(),
)


@given(EVALS | INFERS | REPORTS | RUNS)
@settings(max_examples=40)
def test_json_in_and_out(spec):
    again = type(spec).from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec and hash(type(again)) == hash(type(spec))


def of_command(cls, words):
    """What the options of a command make of words."""
    caught = []

    @click.command()
    @spec_options(cls)
    def job(spec):
        caught.append(spec)

    result = CliRunner().invoke(job, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return caught[0]


@given(EVALS | INFERS | REPORTS)
@settings(max_examples=40)
def test_the_canonical_command_says_the_same(spec):
    flan, verb, *words = shlex.split(spec.command())
    assert (flan, verb) == ("flan", type(spec).verb)
    assert of_command(type(spec), words) == spec


def test_a_job_has_a_command_and_a_part_of_one_has_none():
    for job in (ft.BuildSpec, config.TrainSpec, EvalSpec, InferSpec, ReportSpec):
        assert issubclass(job, JobSpec) and job.verb in COMMANDS
    for part in (ft.PromptSpec, Decoding, config.DataConfig):
        assert not hasattr(part, "command")


@pytest.mark.parametrize(
    ("cls", "fields", "message"),
    [
        (EvalSpec, {"split": "train"}, "EvalSpec.split is 'train'"),
        (EvalSpec, {"shots": 65}, "EvalSpec.shots is 65; want at most 64"),
        (EvalSpec, {"source": "web"}, 'EvalSpec.source has an unknown source "web"'),
        (EvalSpec, {"kinds": ("inverted",)}, "EvalSpec.kinds has inverted: only forward"),
        (EvalSpec, {"eos": "</s>"}, "EvalSpec.eos is of a vocabulary; give one"),
        (EvalSpec, {"chat": "d", "vocab": "v"}, "EvalSpec.vocab is that of the chat tokenizer"),
        (EvalSpec, {"reasoning": "loud"}, 'EvalSpec.reasoning has an unknown reasoning "loud"'),
        (
            EvalSpec,
            {"checkpoint_path": None, "predictions": "p.jsonl", "system": "s"},
            "EvalSpec.system is of a model that is asked",
        ),
        (EvalSpec, {"task_feature_lengths": {"row": 3}}, "want inputs and targets, 1 or more"),
        (EvalSpec, {"predictions": "p.jsonl"}, "checkpoint_path and predictions are both given"),
        (EvalSpec, {"checkpoint_path": None}, "checkpoint_path is missing: a model answers, or"),
        (EvalSpec, {"output_dir": ""}, "EvalSpec.output_dir is empty"),
        (EvalSpec, {"decoding": {"beams": 2}}, r"EvalSpec.decoding is .* want Decoding"),
        (InferSpec, {"batch_size": 0}, "InferSpec.batch_size is 0; want 1 or more"),
        (ReportSpec, {"examples": 0}, "ReportSpec.examples is 0; want 1 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_users_know(cls, fields, message):
    needed = {
        EvalSpec: {"mixture_or_task_name": "rte", "checkpoint_path": "m", "output_dir": "o"},
        InferSpec: {"input_path": "a", "checkpoint_path": "m", "output_path": "b"},
        ReportSpec: {"folder": "out"},
    }
    with pytest.raises(ConfigError, match=message):
        cls(**{**needed[cls], **fields})
    assert cls.__name__ in {"EvalSpec", "InferSpec", "ReportSpec"} and getattr(ft, cls.__name__)


def test_a_setting_that_is_none_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match='unknown field of EvalSpec "num_example". Did you'):
        ft.evaluate("rte", model="m", out=tmp_path, num_example=3)
    with pytest.raises(UnknownNameError, match='unknown field of InferSpec "batch". Did you mean'):
        ft.infer(["a?"], model="m", batch=3)
    with pytest.raises(UnknownNameError, match='unknown field of ReportSpec "example". Did you'):
        ft.report("out", example=3)


@pytest.mark.parametrize(("cls", "verb"), [(EvalSpec, "eval"), (InferSpec, "infer")])
def test_every_field_is_an_option_with_its_explanation(cls, verb):
    shown = CliRunner().invoke(cli, [verb, "-h"]).output
    of_decoding = [part for part in dataclasses.fields(Decoding) if part.name != "seed"]
    for part in (*dataclasses.fields(cls), *of_decoding):
        # What is on has an option that leaves it out.
        is_left_out = part.default is True and not part.metadata[ON_OFF]
        name = said(part).replace("--", "--no-") if is_left_out else said(part)
        assert part.name == "decoding" or name in shown, part.name


def test_wrong_options_are_told_by_their_names():
    def refused(command, *words):
        result = CliRunner().invoke(command, words)
        assert result.exit_code == 2, result.output
        return " ".join(result.output.split())

    model = ("rte", "--model", "m", "--out", "o")
    assert "--top-p is 0.0; want more than 0" in refused(eval_command, *model, "--top-p", "0")
    assert "--eos is of a vocabulary; give one" in refused(eval_command, *model, "--eos", "x")
    assert "give one of --model, --predictions" in refused(eval_command, "rte", "--out", "o")
    assert "give --out, a directory" in refused(eval_command, *model[:3])
    assert "wanted inputs=NUMBER,targets=NUMBER" in refused(
        eval_command, *model, "--lengths", "row=3"
    )
    assert "Missing option '--model'" in refused(infer_command, "a.txt", "--out", "o")


def test_samples_of_an_evaluation_have_its_seed():
    spec = EvalSpec(mixture_or_task_name="rte", checkpoint_path="m", output_dir="o", seed=7)
    assert spec.seeded.seed == 7
    assert dataclasses.replace(spec, decoding=Decoding(seed=3)).seeded.seed == 3
