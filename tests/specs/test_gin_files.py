"""Gin files become runs; every mistake is one line with its place."""

import dataclasses
import sys

import pytest

from flan_tasks.core.resources import folder
from flan_tasks.specs.gin_files import load
from flan_tasks.specs.gin_statements import GinError
from flan_tasks.specs.model_config import SIZES, sized

MODEL = "models/t5_1_1_mini.gin"
FILES = [MODEL, "runs/finetune.gin"]
NEEDED = {
    "BUILD_DIR": "build",
    "MODEL_DIR": "run",
    "TRAIN_STEPS": "5",
    "INITIAL_CHECKPOINT_PATH": "None",
}


def given(**changes: str) -> list[tuple[str, str]]:
    merged = {**NEEDED, **changes}
    return [(name, value) for name, value in merged.items() if value]


def test_macros_reach_their_fields():
    loaded = load(FILES, given(BATCH_SIZE="8", LEARNING_RATE="1e-2", DROPOUT_RATE="0.25"))
    run = loaded.run
    assert (run.data.build_dir, run.model_dir, run.train_steps) == ("build", "run", 5)
    assert (run.data.batch_size, run.optimizer.learning_rate) == (8, 0.01)
    assert run.model.dropout == 0.25 and run.model.embed == 256
    assert "BATCH_SIZE = 8" in loaded.operative
    assert run.to_json()["model"]["lora_targets"] == ["query", "value"]


def test_finetuning_is_flans_recipe():
    run = load(FILES, given()).run
    assert run.data.task_feature_lengths == {"inputs": 1024, "targets": 256}
    assert (run.optimizer.name, run.optimizer.schedule) == ("adafactor", "constant")
    assert (run.optimizer.learning_rate, run.model.dropout, run.data.batch_size) == (
        5e-4,
        0.05,
        64,
    )


def test_prompt_tuning_is_the_recipe_of_its_paper():
    files = [MODEL, "runs/prompt_tuning.gin"]
    run = load(files, given(INITIAL_CHECKPOINT_PATH="t5", PROMPT_INIT_TEXT="yes no")).run
    assert (run.model.prompt_length, run.checkpoint.prompt_init_text) == (20, "yes no")
    assert (run.optimizer.learning_rate, run.optimizer.weight_decay) == (0.3, 1e-5)
    assert not run.optimizer.multiply_by_parameter_scale
    assert load(files, given(PROMPT_LENGTH="3")).run.model.prompt_length == 3


@pytest.mark.parametrize("value", ["/data/x y", "'/data/x y'", '"/data/x y"'])
def test_strings_need_no_quotes_on_the_command_line(value):
    assert load(FILES, given(MODEL_DIR=value)).run.model_dir == "/data/x y"


def test_a_binding_sets_what_has_no_macro():
    assert load(FILES, [*given(), ("config.TrainSpec.max_skipped", "3")]).run.max_skipped == 3


def test_a_load_leaves_nothing_for_the_next():
    load(FILES, given(BATCH_SIZE="8"))
    assert load(FILES, given()).run.data.batch_size == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LERNING_RATE": "1"}, "--gin.LERNING_RATE: nothing uses the macro LERNING_RATE. Did you"),
        ({"LEARNING_RATE": "many"}, "LEARNING_RATE: OptimizerConfig.learning_rate is 'many'"),
        ({"BATCH_SIZE": "8.5"}, "DataConfig.batch_size is 8.5 (float); want int"),
        ({"BATCH_SIZE": "True"}, "DataConfig.batch_size is True (bool); want int"),
        ({"BATCH_SIZE": "0"}, "DataConfig.batch_size is 0; want 1 or more"),
        ({"LEARNING_RATE": "1e999"}, "want a finite number"),
        ({"TRAIN_STEPS": ""}, "gin:11: TRAIN_STEPS is required; give --gin.TRAIN_STEPS=VALUE"),
        ({"BUILD_DIR": ""}, "BUILD_DIR: DataConfig.build_dir is missing: give BUILD_DIR"),
        ({"MIXTURE_OR_TASK_NAME": "flan:rte"}, "are both given"),
        ({"OPTIMIZER": "adafactr"}, 'unknown optimizer "adafactr". Did you mean adafactor'),
        ({"SCHEDULE": "constant * rsqrt_deca"}, "Did you mean rsqrt_decay"),
        ({"ON_NONFINITE": "ignore"}, "want 'stop' or 'skip'"),
        ({"NUM_MICROBATCHES": "3"}, "it must divide batch_size 64"),
        ({"TASK_FEATURE_LENGTHS": "{'input': 3}"}, 'wants {"inputs": 1024'),
        ({"DTYPE": "float23"}, '--gin.DTYPE: DTYPE: ModelConfig: dtype is "float23"'),
        ({"DROPOUT_RATE": "2.0"}, "ModelConfig: dropout is 2.0"),
        ({"config.TrainSpec.sed": "3"}, 'Spec.sed: unknown parameter of TrainSpec "sed". Did you'),
        (
            {"config.TrainSpek.seed": "3"},
            'configurable "TrainSpek". Did you mean TrainSpec',
        ),
        ({"config.Run.seed": "3"}, "--gin.config.Run.seed: config.Run is now config.TrainSpec"),
        ({"LEARNING_RATE": "%RATE"}, "%RATE is not set anywhere"),
        ({"MESH_DATA": "-1", "MESH_FSDP": "-1"}, "only one can be what is left"),
        ({"CHECKPOINT_KEEP_BEST": "1"}, "needs an EVAL_BUILD_DIR"),
        ({"config.TrainSpec.seed": "9" * 41}, "TrainSpec.seed is a number of more than 64 bits"),
        (
            {"config.TrainSpec.seed": "4294967296"},
            "TrainSpec.seed is 4,294,967,296; want at most 4,294,967,295",
        ),
        ({"DATA_SEED": "9" * 41}, "DataConfig.seed is a number of more than 64 bits"),
        ({"TRAIN_STEPS": "9" * 18}, "want at most 2,147,483,647"),
        ({"BATCH_SIZE": "9" * 18}, "want at most 2,147,483,647"),
        ({"BATCH_SIZE": "9" * 5000}, "DataConfig.batch_size is"),
        ({"BATCH_SIZE": "[" * 5000}, "--gin.BATCH_SIZE: a value is nested too deeply"),
        ({"DROPOUT_RATE": "nan"}, "dropout is 'nan'"),
        ({"TASK_FEATURE_LENGTHS": "{'inputs': 99999999999, 'targets': 3}"}, "wants"),
        ({"TASK_FEATURE_LENGTHS": "{'inputs': 'a', 'targets': 3}"}, "want a mapping of str to int"),
        ({"MODEL_DIR": "'a\\0b'"}, "TrainSpec.model_dir holds a NUL character"),
        ({"X Y": "3"}, "--gin.X Y: wanted --gin.NAME=VALUE"),
        ({"BATCH_SIZE": "[8]\nimport no_such"}, "--gin.BATCH_SIZE: Expected newline"),
        ({"config.TrainSpec.model": "3"}, "TrainSpec.model is 3 (int); want ModelConfig"),
        ({"config.TrainSpec.data": "'x'"}, "TrainSpec.data is 'x' (str); want DataConfig"),
    ],
)
def test_mistakes_are_one_line_each(changes, message):
    with pytest.raises(GinError) as caught:
        load(FILES, given(**changes))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X = = 3\n", "mine.gin:1: "),
        # Python's tokenizer names the last line, and that behind it until 3.11.
        ("\nX = (3\n", "mine.gin:2: " if sys.version_info >= (3, 12) else "mine.gin:3: "),
        ("import no.such\n", "mine.gin:1: No module named 'no'"),
        ('include "no.gin"\n', "no.gin: no such file"),
        ('include "mine.gin"\n', "includes itself"),
        ("BATCH_SIZE = 'x'\n", "mine.gin:1: BATCH_SIZE: DataConfig.batch_size is 'x'"),
    ],
)
def test_mistakes_in_files_name_file_and_line(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gin").write_text(text)
    with pytest.raises(GinError) as caught:
        load([*FILES, "mine.gin"], given())
    assert message in str(caught.value) and len(str(caught.value).splitlines()) == 1
    # The place is beside the message too, as the message has it.
    where = caught.value.where
    assert str(caught.value).startswith(f"{where}: ") and where.split(":")[0].endswith(".gin")


SECRETS = (
    "hunter2:x:0:0:root:/root\n",
    "password = hunter2\n",
    "X = [hunter2\n",
    "X = {hunter2: 'hunter2'}\n",
    "hunter2 hunter2\n",
    "a.b/hunter2 = 3 hunter2\n",
    "X = 'a' hunter2\n",
    "X = 'hunter2\n",
    '"""hunter2\n',
    "\thunter2\n  hunter2\n",
    "X = -hunter2\n",
    "X = hunter2()\n",
    "X = 9hunter2\n",
    "hunter2\x00\n",
)


@pytest.mark.parametrize("text", SECRETS)
def test_no_line_of_an_included_file_is_shown(text, tmp_path):
    (tmp_path / "shadow").write_text(text)
    (tmp_path / "mine.gin").write_text(f"include '{tmp_path / 'shadow'}'\n")
    with pytest.raises(GinError) as caught:
        load([*FILES, str(tmp_path / "mine.gin")], given())
    assert "hunter2" not in str(caught.value)
    assert f"{tmp_path / 'shadow'}:" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_macros_that_are_made_of_themselves_are_refused(tmp_path):
    (tmp_path / "mine.gin").write_text("A = [%B]\nB = %A\nBATCH_SIZE = %A\n")
    with pytest.raises(GinError, match="mine.gin:1: the value of A is made of itself"):
        load([*FILES, str(tmp_path / "mine.gin")], given())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise RuntimeError('a')", "RuntimeError: a"),
    ],
)
def test_a_module_that_fails_is_named_with_its_line(text, message, tmp_path, monkeypatch):
    import sys

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    name = f"hostile_gin_{len(text)}"
    (tmp_path / f"{name}.py").write_text(f"\n{text}\n")
    (tmp_path / "mine.gin").write_text(f"import {name}\n")
    with pytest.raises(GinError, match=message) as caught:
        load([*FILES, "mine.gin"], given())
    assert f"({name}.py, line 2)" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_missing_files_name_the_nearest():
    with pytest.raises(GinError, match="Did you mean .*models/t5_1_1_small.gin"):
        load(["models/t5_small.gin"])
    with pytest.raises(GinError, match="there is no model"):
        load(FILES[1:], given())
    with pytest.raises(GinError, match="give --gin_file runs/finetune.gin"):
        load(FILES[:1])


@pytest.mark.parametrize("architecture", SIZES)
def test_model_files_are_the_sizes_of_their_names(architecture):
    for size in SIZES[architecture]:
        name = {"t5": "t5_1_1", "decoder": "decoder"}[architecture]
        run = load([f"models/{name}_{size}.gin", FILES[1]], given(DROPOUT_RATE="0.0")).run
        wanted = sized(architecture, size, vocabulary_size=run.model.vocabulary_size)
        wanted = dataclasses.replace(wanted, dtype=run.model.dtype, remat=run.model.remat)
        assert run.model == wanted


def test_run_files_say_what_they_train_and_how():
    for path in (folder("gin") / "runs").glob("*.gin"):
        head = path.read_text().split("\n\nfrom ")[0].split("\n\nMODEL_DIR")[0]
        assert head.startswith("# ")
        if path.name != "training.gin":
            assert f"runs/{path.name}" in head and "easured" in head
    assert not list(folder("gin").rglob("*.py"))


def test_a_byte_order_mark_before_a_gin_file_is_no_text(tmp_path):
    (tmp_path / "own.gin").write_text("BATCH_SIZE = 8\n", encoding="utf-8-sig")
    assert load([*FILES, str(tmp_path / "own.gin")], given()).run.data.batch_size == 8


def test_a_byte_order_mark_in_an_included_file_is_no_text(tmp_path):
    (tmp_path / "below.gin").write_text("BATCH_SIZE = 8\n", encoding="utf-8-sig")
    (tmp_path / "own.gin").write_text(f"include '{tmp_path / 'below.gin'}'\n")
    assert load([*FILES, str(tmp_path / "own.gin")], given()).run.data.batch_size == 8


def test_folders_on_the_path_of_python_are_not_taken_for_ours(tmp_path, monkeypatch):
    for name in ("models", "runs"):
        (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    own = tmp_path / "own.gin"
    own.write_text(f"include '{MODEL}'\n\nBATCH_SIZE = 8\ninclude 'runs/finetune.gin'\n")
    assert load([str(own)], given()).run.data.batch_size == 64
    own.write_text(f"include '{MODEL}'\ninclude 'runs/finetune.gin'\n\nBATCH_SIZE = 8\n")
    assert load([str(own)], given()).run.data.batch_size == 8
    own.write_text(f"include '{MODEL}'\ninclude 'runs/finetune.gin'\nBATCH_SIZE = 'x'\n")
    with pytest.raises(GinError, match="own.gin:3"):
        load([str(own)], given())


@pytest.mark.parametrize("name", ["config", "eval_config", "experiment", "model_config"])
def test_a_file_that_imports_where_classes_lay_before_is_told_where_they_are(name, tmp_path):
    file = tmp_path / "mine.gin"
    file.write_text(
        f"from __gin__ import dynamic_registration\nfrom flan_tasks.trainer import {name}\n"
    )
    with pytest.raises(GinError) as error:
        load([*FILES, str(file)], given())
    assert str(error.value) == (
        f"{file}:2: flan_tasks.trainer.{name} is now flan_tasks.specs.{name}; import that"
    )
