"""The curves of a run are those of its metrics.jsonl."""

import json

import pytest
from constructed_results import block, scored
from without_model import right

import flan_tasks as ft
from flan_tasks.results_page.training_curves import MOST_OF_TASKS, MOST_POINTS, thinned
from flan_tasks.specs.config import TrainingError


def line(step, kind="train", **more):
    tasks = {"rte": 2 / step, "a <b>name</b>": 3 / step} if step % 2 else {"rte": 2 / step}
    numbers = {"loss": 5 / step, "accuracy": step / 4000, "learning_rate": 1e-3, "skipped": 0}
    return {"kind": kind, "step": step, **numbers, "task_loss": tasks, **more}


def run(folder, lines, *, more=""):
    folder.mkdir()
    text = "".join(json.dumps(one) + "\n" for one in lines) + more
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_curves_are_the_lines_of_the_run(tmp_path):
    lines = [line(step) for step in range(1, 11)] + [line(10, "eval", loss=0.75)]
    folder = run(tmp_path / "run", lines, more='{"kind": "train", "st')
    (folder / "operative_config.gin").write_text("X = '</script>'\n", encoding="utf-8")
    (shown,) = block(ft.results(folder).read_text(encoding="utf-8"), "summary")["runs"]
    assert shown["train"]["steps"] == list(range(1, 11))
    for name in ("loss", "accuracy", "learning_rate"):
        values = [float(f"{one[name]:.7g}") for one in lines[:10]]
        assert shown["train"]["numbers"][name] == values
    assert shown["eval"]["numbers"]["loss"] == [0.75]
    tasks = shown["train"]["tasks"]
    assert tasks["rte"] == [float(f"{2 / step:.7g}") for step in range(1, 11)]
    assert [value is None for value in tasks["a <b>name</b>"]] == [False, True] * 5
    assert (shown["lines"], shown["unreadable"], shown["last"]) == (11, 1, 10)
    assert shown["config"] == "X = '</script>'\n"


def test_numbers_that_are_none_leave_gaps(tmp_path):
    lines = [line(1), line(2, loss=None, grad_norm=float("nan")), line(3, task_loss=None)]
    (shown,) = block(ft.results(run(tmp_path / "r", lines)).read_text(), "summary")["runs"]
    assert shown["train"]["numbers"]["loss"][1] is None
    assert "grad_norm" not in shown["train"]["numbers"]
    assert shown["train"]["tasks"]["rte"][2] is None


def test_long_runs_are_thinned_and_keep_their_ends(tmp_path):
    lines = [line(step) for step in range(1, 3001)]
    (shown,) = block(ft.results(run(tmp_path / "r", lines)).read_text(), "summary")["runs"]
    assert len(shown["train"]["steps"]) == MOST_POINTS and shown["train"]["count"] == 3000
    assert len(shown["train"]["task_steps"]) == MOST_OF_TASKS
    for steps in (shown["train"]["steps"], shown["train"]["task_steps"]):
        assert (steps[0], steps[-1]) == (1, 3000) and sorted(set(steps)) == steps
    assert thinned([1, 2, 3], 3) == [1, 2, 3]


def test_a_run_stands_beside_an_evaluation(tmp_path):
    folder = scored(tmp_path / "scores", "rte", rule=right)
    path = ft.results(folder, run(tmp_path / "run", [line(1), line(2)]), out=tmp_path / "x.html")
    summary = block(path.read_text(encoding="utf-8"), "summary")
    names = [name for name, _ in summary["sections"]]
    assert names == ["overview", "answers", "training", "settings"]


def test_a_run_without_a_line_is_refused(tmp_path):
    folder = run(tmp_path / "run", [])
    with pytest.raises(TrainingError, match="holds no line of metrics"):
        ft.results(folder)
