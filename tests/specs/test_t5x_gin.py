"""Gin files of T5X's users run here: translated, or refused line by line with what to write."""

import re

import pytest
from conftest import ROOT

from flan_tasks.specs.eval_config import EvalSpec, InferSpec
from flan_tasks.specs.gin_files import load
from flan_tasks.specs.gin_statements import GinError
from flan_tasks.specs.t5x_gin import UntranslatedError
from flan_tasks.specs.t5x_names import CONFIGURABLES, MACROS, RUNS

FILES = ROOT / "tests" / "fixtures" / "t5x"
OWN = str(FILES / "finetune_own.gin")
GIVEN = [("MODEL_DIR", "run"), ("INITIAL_CHECKPOINT_PATH", "hf")]
HEAD = """\
from __gin__ import dynamic_registration
import __main__ as train_script
include "t5x/examples/t5/t5_1_1/small.gin"
include "t5x/configs/runs/finetune.gin"
BUILD_DIR = "build"
"""
LENGTHS = ("TASK_FEATURE_LENGTHS", "{'inputs': 8, 'targets': 8}")


def own_file(tmp_path, text, head=HEAD):
    path = tmp_path / "mine.gin"
    path.write_text(head + text)
    return str(path)


def loaded(tmp_path, text, *given):
    return load([own_file(tmp_path, text)], [*GIVEN, LENGTHS, ("TRAIN_STEPS", "5"), *given])


def test_a_file_of_a_user_of_t5x_is_a_run_here():
    run = load([OWN], GIVEN).run
    assert (run.model.embed, run.model.dropout, run.model.dtype) == (512, 0.05, "float32")
    assert (run.train_steps, run.seed, run.num_microbatches, run.log_period) == (6, 7, 2, 2)
    data = run.data
    assert (data.mixture_or_task_name, data.mixture_or_task_module) == ("own_mixture", "own_tasks")
    assert (data.batch_size, data.seed, data.use_cached_tasks) == (4, 3, False)
    assert data.task_feature_lengths == {"inputs": 64, "targets": 16}
    optimizer = run.optimizer
    assert (optimizer.name, optimizer.schedule) == ("adafactor", "constant * linear_warmup")
    assert (optimizer.learning_rate, optimizer.warmup_steps, optimizer.step_offset) == (0.01, 2, 0)
    assert (run.loss.z_loss, run.loss.loss_normalizing_factor) == (0.0, "AVERAGE_PER_SEQUENCE")
    assert (run.checkpoint.period, run.checkpoint.keep, run.eval_period) == (3, 2, 3)


def test_the_printed_file_is_the_same_run(flan, tmp_path):
    printed = flan("gin-from-t5x", OWN)
    (tmp_path / "ours.gin").write_text(printed.out)
    found, wanted = load([str(tmp_path / "ours.gin")], GIVEN), load([OWN], GIVEN)
    assert found.run == wanted.run
    lines = printed.out.splitlines()
    assert 'include "models/t5_1_1_small.gin"' in lines
    assert "CHECKPOINT_PERIOD = %PERIOD  # T5X's utils.SaveCheckpointConfig.period" in lines
    why = "only lines that are left out use it"
    assert f"# left out: RESULTS = 5: {why}" in lines
    assert "# Often enough for so short a run." in lines and '    "targets": 16,' in lines
    assert "google/t5-v1_1-small" in printed.err


def test_a_checkpoint_of_t5xs_is_asked_for_with_its_name_on_the_hub():
    with pytest.raises(GinError) as caught:
        load([OWN], GIVEN[:1])
    assert re.fullmatch(
        r".*finetune_own\.gin:23: INITIAL_CHECKPOINT_PATH is required; give "
        r"--gin\.INITIAL_CHECKPOINT_PATH=VALUE; gs://.*google/t5-v1_1-small",
        str(caught.value),
    )


def test_every_line_without_a_counterpart_is_named_at_once(flan):
    printed = flan("gin-from-t5x", FILES / "refused.gin", code=1)
    assert printed.out == ""
    lines = printed.err.strip().splitlines()
    places = [int(re.search(r"refused\.gin:(\d+): ", line)[1]) for line in lines]
    assert places == [8, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22]
    assert "t5_1_0/tiny.gin: models/t5_1_0_*.gin has small, base, large, 3B, 11B" in lines[0]
    assert "pack = True and a smaller BATCH_SIZE" in lines[3]
    assert "write SCHEDULE and DECAY_STEPS" in lines[5]
    assert "of which nothing is called here" in lines[6]
    with pytest.raises(UntranslatedError) as caught:
        load([str(FILES / "refused.gin")])
    assert str(caught.value).splitlines() == [line.removeprefix("flan: ") for line in lines]


def test_a_line_that_the_command_line_overrides_is_not_refused(tmp_path):
    path = own_file(tmp_path, "OPTIMIZER = @optimizers.lion()\n")
    given = [*GIVEN, LENGTHS, ("TRAIN_STEPS", "5")]
    with pytest.raises(UntranslatedError, match=r'mine.gin:6: .*write OPTIMIZER = "adafactor"'):
        load([path], given)
    assert load([path], [*given, ("OPTIMIZER", "adamw")]).run.optimizer.name == "adamw"


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("train.eval_period", "5", "eval_period=5"),
        ("train_script.train.random_seed", "None", " seed=0"),
        ("utils.SaveCheckpointConfig.keep", "None", "keep=2147483647"),
        ("utils.RestoreCheckpointConfig.path", "[]", "initial_checkpoint_path=None"),
        ("train/utils.DatasetConfig.shuffle", "False", "shuffle=False"),
        ("train/utils.DatasetConfig.split", "validation", "split='validation'"),
        ("trainer.Trainer.num_microbatches", "2", "num_microbatches=2"),
        ("adafactor.Adafactor.factored", "False", "min_dim_size_to_factor=2147483647"),
        ("adafactor.Adafactor.skip_nan_updates", "True", "on_nonfinite='skip'"),
        ("PjitPartitioner.model_parallel_submesh", "(2,2,1,1)", "model=4"),
        ("network.T5Config.mlp_activations", "('silu','linear')", "activation='silu'"),
        ("network.T5Config.remat_policy", "minimal", "remat='dots'"),
        ("TRAIN_STEPS_RELATIVE", "9", "train_steps=9"),
    ],
)
def test_names_of_t5x_are_understood_on_the_command_line(name, value, place, tmp_path):
    assert place in repr(loaded(tmp_path, "", (name, value)).run)


def test_names_of_t5x_set_a_run_of_our_files():
    files = ["t5x/examples/t5/t5_1_1/base.gin", "runs/finetune.gin"]
    given = [
        *GIVEN,
        ("BUILD_DIR", "build"),
        ("TRAIN_STEPS", "5"),
        ("Trainer.num_microbatches", "4"),
    ]
    run = load(files, given).run
    assert (run.model.embed, run.num_microbatches) == (768, 4)
    with pytest.raises(UntranslatedError, match=r"^--gin.train/utils.DatasetConfig.pack: .*BATCH"):
        load(files, [*given, ("train/utils.DatasetConfig.pack", "False")])


def test_defaults_are_those_of_t5x(tmp_path):
    run = loaded(tmp_path, "").run
    assert (run.data.batch_size, run.model.dropout, run.optimizer.learning_rate) == (128, 0.1, 1e-3)
    assert run.data.use_cached_tasks and run.checkpoint.period == 5000


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        # embed, layers, decoder_layers, heads, head_dim, mlp, ids, outputs of the MLP's gate
        ("mt5/xl", (2048, 24, 24, 32, 64, 5120, 250112, True)),
        ("byt5/small", (1472, 12, 4, 6, 64, 3584, 384, True)),
        ("byt5/xxl", (4672, 36, 12, 64, 64, 12352, 384, True)),
        ("t5_1_0/small", (512, 6, 6, 8, 64, 2048, 32100, False)),
        ("t5_1_0/11B", (1024, 24, 24, 128, 128, 65536, 32100, False)),
    ],
)
def test_models_of_t5x_have_their_sizes(name, sizes, tmp_path):
    head = HEAD.replace("t5_1_1/small", name)
    given = [*GIVEN, LENGTHS, ("TRAIN_STEPS", "5")]
    model = load([own_file(tmp_path, "", head)], given).run.model
    found = (model.embed, model.layers, model.decoder_layers, model.heads, model.head_dim)
    assert (*found, model.mlp, model.vocabulary_size, model.gated) == sizes
    assert model.tied_head is not model.gated and model.activation == (
        "gelu" if model.gated else "relu"
    )


def test_what_is_bound_is_not_changed_by_a_macro_as_in_gin(tmp_path):
    text = "train/utils.DatasetConfig.batch_size = 4\nBATCH_SIZE = 16\n"
    assert loaded(tmp_path, text).run.data.batch_size == 4


@pytest.mark.parametrize(
    ("steps", "path", "wanted"),
    [
        ("1_000_010", "gs://x/checkpoint_1000000", 10),
        ("1_000_010", "own/checkpoint_1000000/", 10),
        ("10", "gs://x/checkpoint_1000000", 10),
        ("10", "own", 10),
        ("10", "own/run_5", 10),
    ],
)
def test_steps_are_counted_from_the_checkpoint(steps, path, wanted, tmp_path):
    text = f'TRAIN_STEPS = {steps}\nINITIAL_CHECKPOINT_PATH = "{path}"\n'
    assert load([own_file(tmp_path, text)], [*GIVEN, LENGTHS]).run.train_steps == wanted


def test_steps_that_count_an_unknown_checkpoint_are_spoken_of(tmp_path):
    path = own_file(tmp_path, "TRAIN_STEPS = 1_020_000\n")
    note, _ = load([path], [*GIVEN, LENGTHS]).notes
    assert note.startswith(f"{path}:6: TRAIN_STEPS is 1,020,000; steps are counted from 0")


def test_mistakes_have_the_place_of_the_users_file(tmp_path):
    text = "\n# Longer than it is here.\ntrain_script.train:\n  eval_period = 'x'\n"
    with pytest.raises(GinError, match=r"mine.gin:9: EVAL_PERIOD: TrainSpec.eval_period is 'x'"):
        loaded(tmp_path, text)
    with pytest.raises(GinError, match=r"mine.gin:6: nothing uses the macro BATCH_SIZ. Did you"):
        loaded(tmp_path, "BATCH_SIZ = 3\n")
    with pytest.raises(GinError, match=r"mine.gin:7: "):
        loaded(tmp_path, "\nX = = 3\n")


def test_modules_of_the_user_come_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.gin").write_text("import first.tasks\nfrom second import tasks as others\n")
    text = 'include "more.gin"\nMIXTURE_OR_TASK_MODULE = "third"\n'
    run = loaded(tmp_path, text, ("BATCH_SIZE", "4")).run
    assert run.data.mixture_or_task_module == "first.tasks,second.tasks,third"
    run = loaded(tmp_path, text, ("MIXTURE_OR_TASK_MODULE", "fourth")).run
    assert set(run.data.mixture_or_task_module.split(",")) > {"first.tasks", "fourth"}


def test_files_for_evaluation_and_inference_are_read_by_their_commands(flan):
    spec = load([str(FILES / "eval_own.gin")], root=EvalSpec).run
    assert (spec.checkpoint_path, spec.output_dir, spec.split) == ("run", "scores", "validation")
    assert (spec.batch_size, spec.task_feature_lengths["inputs"]) == (8, 512)
    given = [("INPUT_PATH", "prompts.jsonl")]
    spec = load([str(FILES / "infer_own.gin")], given, root=InferSpec).run
    assert (spec.output_path, spec.batch_size) == ("out/predictions.jsonl", 16)
    assert (spec.decoding.beams, spec.decoding.alpha) == (2, 0.8)
    with pytest.raises(UntranslatedError, match="is for `flan eval --gin_file`"):
        load([str(FILES / "eval_own.gin")], GIVEN)
    assert "for `flan infer --gin_file" in flan("gin-from-t5x", FILES / "infer_own.gin").out


def test_a_module_beside_a_gin_file_of_ours_is_found_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    (tmp_path / "beside_a_gin_file.py").write_text("")
    (tmp_path / "mine.gin").write_text("import beside_a_gin_file\n")
    given = [*GIVEN, ("BUILD_DIR", "build"), ("TRAIN_STEPS", "5")]
    load(["models/t5_1_1_small.gin", "runs/finetune.gin", "mine.gin"], given)


def test_a_file_that_is_not_there_is_a_line(flan):
    assert "no such file" in flan("gin-from-t5x", "no.gin", code=2).err


def test_every_name_is_explained_in_the_docs():
    page = (ROOT / "docs" / "from_t5x.md").read_text(encoding="utf-8")
    names = {name.rpartition("/")[2] for kind in CONFIGURABLES.values() for name in kind}
    named = {name for kind in MACROS.values() for name in kind} | {*RUNS}
    missing = [name for name in sorted(names | named) if f"{name}" not in page]
    assert missing == []
