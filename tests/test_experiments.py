"""Experiments of the paper: their files, their steps, and what they come to."""

import errno
import json
import shlex
import signal
import sys
from pathlib import Path

import pytest

from flan_tasks.cli import experiment_step, start
from flan_tasks.cli.experiment_step import run_step
from flan_tasks.core import interrupts, whole
from flan_tasks.core.dataset import FLAN_2021
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import read_mixture
from flan_tasks.core.resources import folder
from flan_tasks.datasets import catalog
from flan_tasks.experiments.points import run_experiment, steps
from flan_tasks.experiments.steps import Step
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.experiment import Experiment
from flan_tasks.specs.gin_files import load
from flan_tasks.specs.gin_statements import GinError

FILES = sorted(
    path
    for path in (folder("gin") / "runs" / "experiments").glob("*.gin")
    if path.name != "recipe.gin"
)
FROM = (("INITIAL_CHECKPOINT_PATH", "None"),)


def experiment(name="num_clusters_2", bindings=FROM):
    return load([f"runs/experiments/{name}.gin"], bindings, root=Experiment).run


def build_of(mixture="no_such_mixture", out="", **settings):
    return Step(BuildSpec(mixture=mixture, **settings), "flan build", out)


def training(folder):
    return steps(experiment(), folder)[1]


def run_flan(words, monkeypatch):
    """Runs the command line here, and returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["flan", *words])
    with pytest.raises(SystemExit) as caught:
        start.main()
    return caught.value.code


class Flan:
    """Writes down what it is asked, and scores as if it had been done."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def __call__(self, step):
        self.asked.append(step.name)
        if step.name == "build":
            assert step.spec.mixture == str(next(self.folder.glob("*/*.toml")))
            read = read_mixture(next(self.folder.glob("*/*.toml")))
            self.members = catalog().members(read)
        if step.name == "eval":
            out = self.folder / "num_clusters_2" / "scores"
            out.mkdir(parents=True)
            spreads = [{"split": split, "mean": m} for split, m in (("validation", 9), ("test", 4))]
            held = {"datasets": [{"dataset": "rte", "spreads": spreads}]}
            (out / "scores.json").write_text(json.dumps(held))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_an_experiment_named_after_it(path):
    found = experiment(path.stem)
    assert found.name == path.stem
    assert f"runs/experiments/{path.stem}.gin" in path.read_text()
    if found.mixture:
        assert catalog().mixture(found.mixture).hold_out
    else:
        catalog().expand((*found.include, *found.hold_out))
        # What is scored was not trained on.
        assert set(found.evaluate) == set(found.hold_out)


def test_there_is_an_experiment_for_each_cluster_and_each_variation():
    names = {path.stem for path in FILES}
    clusters = {
        dataset.cluster for dataset in catalog().datasets if dataset.collection == FLAN_2021
    }
    assert {f"leave_out_{cluster}" for cluster in clusters} <= names
    assert len(names) == 12 + 7 + 4 + 3


def test_an_experiment_builds_trains_and_scores(tmp_path):
    flan = Flan(tmp_path)
    point = run_experiment(experiment(), tmp_path, run=flan)
    assert flan.asked == ["build", "train", "eval"]
    assert {dataset.cluster for dataset in flan.members} == {"summarization", "translation"}
    assert (point.point, point.scores) == ("2", {"rte": 4})


def test_steps_say_what_the_experiment_varies(tmp_path):
    build, training, _ = steps(experiment("num_templates_04"), tmp_path)
    assert (build.spec.num_templates, build.spec.kinds) == (4, ("forward",))
    assert training.spec.data.build_dir == build.out
    build, _, scores = steps(experiment("instructions_inputs_only"), tmp_path)
    assert build.spec.instructions == "inputs_only"
    assert scores.spec.instructions == "full"
    more = (*FROM, ("SOURCE", "samples"), ("TRAIN_STEPS", "7"), ("EVAL_EXAMPLES", "3"))
    build, training, scores = steps(experiment("leave_out_nli", more), tmp_path)
    assert (build.spec.mixture, build.spec.source) == ("without.nli", "samples")
    assert training.spec.train_steps == 7 and "TRAIN_STEPS = 7" in training.gin_text
    assert (scores.spec.num_examples, scores.spec.source) == (3, "samples")
    assert scores.spec.checkpoint_path == training.spec.model_dir


def test_rows_lie_where_the_environment_says_if_the_experiment_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_DATA_DIR", str(tmp_path / "rows"))
    build, _, scores = steps(experiment(), tmp_path)
    assert build.spec.data_dir == scores.spec.data_dir == str(tmp_path / "rows")
    build, _, _ = steps(experiment(bindings=(*FROM, ("DATA_DIR", "others"))), tmp_path)
    assert build.spec.data_dir == "others"


@pytest.mark.parametrize(
    "name", ["num_clusters_2", "num_templates_04", "instructions_dataset_name"]
)
def test_a_step_is_the_same_after_json(name, tmp_path):
    for step in steps(experiment(name), tmp_path):
        assert Step.from_json(json.loads(json.dumps(step.to_json()))) == step


def test_a_macro_that_training_lacks_is_told_before_anything_is_built(tmp_path):
    wrong = experiment(bindings=(*FROM, ("RUN_GIN", "runs/no_such.gin")))
    flan = Flan(tmp_path)
    with pytest.raises(GinError, match="runs/no_such.gin: no such file"):
        run_experiment(wrong, tmp_path, run=flan)
    assert flan.asked == [] and not list(tmp_path.iterdir())


def test_commands_of_a_dry_run_are_those_that_do_the_same(tmp_path, monkeypatch, capsys):
    out = tmp_path / "x y"
    words = ["experiment", "instructions", "--out", str(out), "--dry_run"]
    words += ["--gin.INITIAL_CHECKPOINT_PATH=None", "--gin.DATA_DIR=r s"]
    assert run_flan(words, monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and not out.exists()
    asked = []

    def ask(spec, **more):
        asked.append((spec, more.get("gin_text", "")))
        raise EvaluationError("that is all")

    for place in ("build.plan_build", "evaluate.evaluate"):
        monkeypatch.setattr(f"flan_tasks.jobs.{place}", ask)
    monkeypatch.setattr("flan_tasks.trainer.train.train", ask)
    planned = []
    for path in FILES:
        if path.stem.startswith("instructions"):
            bindings = (*FROM, ("DATA_DIR", "r s"))
            planned += steps(experiment(path.stem, bindings), out)
    # Mixtures that the experiments would write.
    for step in planned[::3]:
        mixture = Path(step.spec.mixture)
        mixture.parent.mkdir(parents=True)
        mixture.write_text('include = ["nli"]\n')
    for line in lines:
        assert run_flan(shlex.split(line)[1:], monkeypatch) == 1, capsys.readouterr().err
    assert asked == [(step.spec, step.gin_text) for step in planned]


def test_a_file_may_lie_anywhere(tmp_path, monkeypatch, capsys):
    file = tmp_path / "[mine]*.gin"
    file.write_text(FILES[0].read_text())
    words = ["experiment", str(file), "--out", "x", "--dry_run"]
    assert run_flan([*words, "--gin.INITIAL_CHECKPOINT_PATH=None"], monkeypatch) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_step_that_fails_ends_the_experiment(capfd):
    with pytest.raises(EvaluationError, match="flan build failed with 2"):
        run_step(build_of())
    assert capfd.readouterr().err.startswith("flan: unknown mixture")


def test_a_build_whose_settings_do_not_fit_fails_in_a_line(tmp_path, capfd):
    wrong = build_of("rte", str(tmp_path / "b"), source="samples", lengths="auto")
    with pytest.raises(EvaluationError, match="flan build failed with 2"):
        run_step(wrong)
    assert capfd.readouterr().err == "Error: --lengths auto counts tokens; give a vocabulary\n"


def test_a_step_builds_in_a_process_of_its_own_and_prints_to_stderr(tmp_path, capfd):
    step = build_of("rte", str(tmp_path / "b"), source="samples", examples=4, format="jsonl")
    run_step(step)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "rte, train: 4 examples planned" in printed.err
    assert len((tmp_path / "b" / "manifest.json").read_text()) > 0
    run_step(step)  # as a build that is there
    assert "holds this build already" in capfd.readouterr().err


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Stands in for Python: what runs instead of a step, given as lines of a shell."""

    def stands_in(lines):
        script = tmp_path / "python"
        script.write_text(f"#!/bin/sh\ncd {tmp_path}\n{lines}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return stands_in


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_a_signal_waits_for_the_step_and_says_so(name, step, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(interrupts, "SAME", 600)
    again = "kill -TERM $PPID"  # as a terminal and a scheduler send more than one
    step(f"""trap '{again}; echo saved > saved; exit 143' TERM
kill -{name} $PPID
while :; do sleep 0.05; done""")
    with pytest.raises(interrupts.Stopped, match=f"stopped by SIG{name}"):
        run_step(training(tmp_path))
    assert (tmp_path / "saved").exists()
    line = f"SIG{name}: waiting for flan train to stop; another signal kills it"
    assert capfd.readouterr().err.strip() == line


def test_a_second_signal_kills_a_step_that_does_not_stop(step, tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(interrupts, "SAME", -1)
    monkeypatch.setattr(interrupts, "end_at_once", ended.append)
    step("trap '' TERM; while kill -HUP $PPID; do sleep 0.05; done")
    with pytest.raises(interrupts.Stopped):
        run_step(training(tmp_path))
    assert set(ended) == {signal.SIGHUP}


def test_a_step_that_ends_well_as_a_signal_comes_is_the_last_one(step):
    step("trap '' TERM; kill -TERM $PPID; exit 0")
    with pytest.raises(interrupts.Stopped):
        run_step(build_of())


def run_in(out, monkeypatch, capsys):
    words = ["experiment", "runs/experiments/num_clusters_2.gin", "--out", str(out)]
    code = run_flan([*words, "--gin.INITIAL_CHECKPOINT_PATH=None"], monkeypatch)
    return code, capsys.readouterr().err.strip().splitlines()


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_experiment_on_a_full_disk_ends_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(whole, "write_text", full)
    code, said = run_in(tmp_path, monkeypatch, capsys)
    file = tmp_path / "num_clusters_2" / "num_clusters_2.toml"
    assert code == 1
    assert said[-1].startswith(f"flan: no space left on the disk while writing {file}. What is")


def test_results_on_a_full_disk_end_in_a_line(tmp_path, monkeypatch, capsys):
    flan = Flan(tmp_path)

    def run(step):
        flan(step)
        if step.name == "eval":
            monkeypatch.setattr(whole, "write_text", full)

    monkeypatch.setattr(experiment_step, "run_step", run)
    code, said = run_in(tmp_path, monkeypatch, capsys)
    assert code == 1
    assert f"no space left on the disk while writing {tmp_path / 'experiments.csv'}" in said[-1]


def test_an_experiment_where_nothing_can_be_written_ends_in_a_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "out").write_text("a file")
    code, said = run_in(tmp_path / "out", monkeypatch, capsys)
    file = tmp_path / "out" / "num_clusters_2" / "num_clusters_2.toml"
    assert (code, said[-1]) == (1, f"flan: {file} cannot be written: Not a directory")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Upper"}, "Experiment.name"),
        ({"mixture": "without.nli"}, "give one of them"),
        ({"evaluate": ()}, "Experiment.evaluate"),
        ({"task_feature_lengths": 3}, "Experiment.task_feature_lengths"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    fields = {
        "name": "a",
        "series": "s",
        "point": "1",
        "include": ("nli",),
        "evaluate": ("nli",),
        "gin_files": (),
        "macros": {},
        "task_feature_lengths": {"inputs": 8},
    }
    with pytest.raises(ConfigError, match=message):
        Experiment(**fields | changes)
