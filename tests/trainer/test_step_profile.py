"""Profiles of steps: what a run writes, and how times are told apart."""

import json

import jax
import numpy as np
import pytest
from toy_runs import compiled_once, losses, toy_run, toy_train

from flan_tasks.core.field_checks import ConfigError
from flan_tasks.trainer import train as train_module
from flan_tasks.trainer.step_profile import (
    OTHER,
    PARTS,
    Operation,
    part_of,
    parts_of_operations,
    shares,
    sizes,
)

__all__ = ["compiled_once"]  # a fixture of these tests
TEXT = """\
HloModule jit_step, is_scheduled=true

%body (p: (s32[], f32[4])) -> (s32[], f32[4]) {
  %dot.1 = f32[4]{0} dot(%a, %b), metadata={op_name="jit(step)/jvp()/while/body/mlp/dot_general"}
  ROOT %add.2 = f32[4]{0} add(%dot.1, %c), metadata={op_name="jit(step)/while/body/add"}
}
  %while.3 = (s32[], /*index=1*/f32[4]{0}) while(%t), metadata={op_name="jit(step)/mlp/while"}
  %norm.4 = f32[] fusion(%x), metadata={op_name="jit(step)/transpose(jvp(attention))/norm/mul"}
  %copy.5 = f32[4]{0:T(8,128)} copy(%x)
"""


def test_operations_are_of_the_outermost_part_that_is_named():
    parts = parts_of_operations(TEXT)
    assert parts == {"dot.1": "MLP", "add.2": OTHER, "norm.4": "attention", "copy.5": OTHER}
    assert part_of("jit(step)/optimizer/norm/sub") == "optimizer"


def test_time_of_several_operations_is_split_among_them():
    ran = [Operation("MLP", 0, 10), Operation("MLP", 4, 6), Operation("norms", 8, 14)]
    assert shares(ran) == {"MLP": 9.0, "norms": 5.0}
    # A hole between two is nobody's.
    assert shares([Operation("MLP", 0, 1), Operation("MLP", 5, 7)]) == {"MLP": 3.0}


def test_memory_is_told_apart_by_the_names_of_leaves():
    leaf = np.zeros(2, np.float32)
    tree = {
        "embedding": {"embedding": leaf},
        "encoder": {
            "relative_bias": {"embedding": leaf},
            "stack": {
                "layers": {
                    "attention": {"query_norm": {"scale": leaf}, "key": {"kernel": leaf}},
                    "attention_norm": {"scale": leaf},
                    "mlp": {"wo": {"kernel": leaf}},
                }
            },
        },
        "head": {"kernel": leaf},
        "step": leaf,
    }
    of_part = {"embedding": 8, "attention": 24, "norms": 8, "MLP": 8, "head and loss": 8, OTHER: 8}
    assert sizes(tree) == of_part


def test_a_profiled_run_says_where_time_and_memory_go_and_trains_as_any(tmp_path, capsys):
    profiled = toy_train(tmp_path, name="profiled", train_steps=4, profile=2)
    toy_train(tmp_path, name="plain", train_steps=4)
    assert losses(tmp_path / "profiled") == losses(tmp_path / "plain")
    folder = profiled.checkpoint.parent / "profile"
    found = json.loads((folder / "step.json").read_text())
    assert found["steps"] == 2
    assert sum(found["time"].values()) == pytest.approx(found["seconds"], rel=0.01)
    assert set(PARTS.values()) <= {part for part, seconds in found["time"].items() if seconds > 0}
    whole = sum(np.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(model_of(tmp_path)))
    assert sum(found["parameters"].values()) == whole and found["working"] > 0
    assert list(folder.rglob("*.xplane.pb"))
    table = (folder / "step.txt").read_text()
    assert table in capsys.readouterr().err and "head and loss" in table


def model_of(tmp_path):
    return train_module.Model(toy_run(tmp_path).model).abstract()


def test_a_profile_that_would_not_end_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="profile is 5 and begins after 2 steps"):
        toy_run(tmp_path, train_steps=6, profile=5)


def test_a_run_that_ends_before_says_that_there_is_no_profile(tmp_path, capsys):
    toy_train(tmp_path, train_steps=3)
    toy_train(tmp_path, train_steps=6, profile=4)
    assert "no profile" in capsys.readouterr().err
    assert not (tmp_path / "run" / "profile" / "step.txt").exists()
    jax.profiler.start_trace(tmp_path / "another")  # none is left running
    jax.profiler.stop_trace()
