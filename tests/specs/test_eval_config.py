"""Evaluations and inferences as gin files say them."""

import pytest

from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.resources import folder
from flan_tasks.core.variation import Variation
from flan_tasks.specs.eval_config import Decoding, EvalSpec, InferSpec
from flan_tasks.specs.gin_files import load
from flan_tasks.specs.gin_statements import GinError

EVAL = ("runs/eval.gin",)
NEEDED = (
    ("CHECKPOINT_PATH", "run"),
    ("MIXTURE_OR_TASK_NAME", "flan:mix.without.nli"),
    ("EVAL_OUTPUT_DIR", "scores"),
)


def test_eval_gin_makes_an_evaluation():
    more = (("BATCH_SIZE", "8"), ("DECODING", "beam"), ("TEMPLATES", "['rte.hence']"))
    run = load(EVAL, (*NEEDED, *more), root=EvalSpec).run
    assert run.mixture_or_task_name == "flan:mix.without.nli"
    assert (run.batch_size, run.decoding.method) == (8, "beam")
    assert run.task_feature_lengths is None
    assert run.variation.templates == ("rte.hence",)
    more = (("NUM_TEMPLATES", "4"), ("SHOTS", "2"))
    run = load(EVAL, (*NEEDED, *more), root=EvalSpec).run
    assert run.variation == Variation(num_templates=4, shots=2)
    run = load(EVAL, (*NEEDED, ("INSTRUCTIONS", "'inputs_only'")), root=EvalSpec).run
    assert run.variation == Variation(instructions="inputs_only")


def test_eval_gin_says_nothing_that_is_not_the_default():
    held = load(EVAL, NEEDED, root=EvalSpec).run
    plain = EvalSpec(
        checkpoint_path="run", output_dir="scores", mixture_or_task_name="flan:mix.without.nli"
    )
    for name in EvalSpec.__dataclass_fields__:
        assert getattr(held, name) == getattr(plain, name), name


def test_infer_gin_makes_an_inference():
    needed = (("CHECKPOINT_PATH", "run"), ("INPUT_PATH", "a.jsonl"), ("OUTPUT_PATH", "b.jsonl"))
    run = load(("runs/infer.gin",), needed, root=InferSpec).run
    assert (run.input_path, run.output_path, run.decoding.method) == ("a.jsonl", "b.jsonl", "beam")


@pytest.mark.parametrize(
    ("files", "bindings", "message"),
    [
        (EVAL, NEEDED[:2], "EVAL_OUTPUT_DIR is required"),
        (EVAL, (*NEEDED, ("SPLIT", "train")), "--gin.SPLIT: SPLIT: EvalSpec.split is 'train'"),
        (EVAL, (*NEEDED, ("BEAMS", "0")), "--gin.BEAMS: BEAMS: Decoding.beams is 0"),
        (EVAL, (*NEEDED, ("BEAM", "2")), "Did you mean BEAMS"),
        ((*EVAL, "models/t5_1_1_mini.gin"), NEEDED, "leave out the gin file of the model"),
        (("runs/infer.gin",), NEEDED[:1], "EvalSpec.output_dir"),
        (EVAL, (*NEEDED, ("TASK_FEATURE_LENGTHS", "{'input': 3}")), "want inputs and targets"),
    ],
)
def test_mistakes_are_one_line_that_says_where(files, bindings, message):
    with pytest.raises(GinError, match=message):
        load(files, bindings, root=EvalSpec)


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", 0), ("num_examples", 0), ("seed", -1), ("output_dir", "")]
)
def test_values_out_of_range_are_refused(name, value):
    fields = {"checkpoint_path": "a", "output_dir": "b", "mixture_or_task_name": "rte"}
    with pytest.raises(ConfigError, match=f"EvalSpec.{name} is"):
        EvalSpec(**fields | {name: value})


@pytest.mark.parametrize(
    "how",
    [{"method": "best"}, {"beams": 0}, {"temperature": 0.0}, {"top_p": 0.0}, {"alpha": -1.0}],
)
def test_impossible_decoding_is_refused(how):
    with pytest.raises(ConfigError, match=f"Decoding.{next(iter(how))} is"):
        Decoding(**how)


def test_every_run_file_says_what_it_does_with_which_command():
    for path in sorted((folder("gin") / "runs").rglob("*.gin")):
        head = path.read_text(encoding="utf-8").split("\n\n")[0]
        assert all(line.startswith("#") for line in head.splitlines()), path
        if path.name not in ("training.gin", "recipe.gin"):
            assert "#   flan " in head and "easured" in head, path
