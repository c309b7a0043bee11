"""Experiments of the paper: their files, their commands, and what they come to."""

import errno
import json
import signal
import sys

import pytest

from flan_tasks import experiments as experiment_module
from flan_tasks.cli import start
from flan_tasks.core import interrupts, whole
from flan_tasks.core.dataset import FLAN_2021
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import read_mixture
from flan_tasks.core.resources import folder
from flan_tasks.datasets import catalog
from flan_tasks.experiments import commands, run_experiment, run_flan
from flan_tasks.specs.experiment import Experiment
from flan_tasks.specs.gin_files import load

FILES = sorted(
    path
    for path in (folder("gin") / "runs" / "experiments").glob("*.gin")
    if path.name != "recipe.gin"
)
FROM = (("INITIAL_CHECKPOINT_PATH", "None"),)


def experiment(name="num_clusters_2", bindings=FROM):
    return load([f"runs/experiments/{name}.gin"], bindings, root=Experiment).run


class Flan:
    """Writes down what it is asked, and scores as if it had been done."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def __call__(self, arguments):
        self.asked.append(arguments[0])
        if arguments[0] == "build":
            read = read_mixture(next(self.folder.glob("*/*.toml")))
            self.members = catalog().members(read)
        if arguments[0] == "eval":
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


def test_commands_say_what_the_experiment_varies(tmp_path):
    build = commands(experiment("num_templates_04"), tmp_path)["build"]
    assert build[build.index("--num-templates") + 1] == "4"
    assert build[build.index("--kinds") + 1] == "forward"
    bare = commands(experiment("instructions_inputs_only"), tmp_path)
    assert bare["build"][bare["build"].index("--instructions") + 1] == "inputs_only"
    assert "--instructions" not in bare["eval"]
    more = (*FROM, ("SOURCE", "samples"), ("TRAIN_STEPS", "7"), ("EVAL_EXAMPLES", "3"))
    found = commands(experiment("leave_out_nli", more), tmp_path)
    assert found["build"][1] == "without.nli"
    assert "--gin.TRAIN_STEPS=7" in found["train"]
    assert found["eval"][found["eval"].index("--examples") + 1] == "3"


def test_commands_are_those_that_flan_has(tmp_path, monkeypatch, capsys):
    out = str(tmp_path / "x")
    words = ["experiment", "instructions", "--out", out, "--dry_run"]
    words += ["--gin.INITIAL_CHECKPOINT_PATH=None"]
    monkeypatch.setattr(sys, "argv", ["flan", *words])
    with pytest.raises(SystemExit) as caught:
        start.main()
    printed = capsys.readouterr()
    assert caught.value.code == 0, printed.err
    lines = printed.out.splitlines()
    assert len(lines) == 9 and all(line.startswith("flan ") for line in lines)
    assert not (tmp_path / "x").exists()


def test_a_step_that_fails_ends_the_experiment(tmp_path):
    with pytest.raises(EvaluationError, match="flan build failed with 2"):
        run_flan(["build", "no_such_mixture", "--dry-run"])


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Stands in for Python: what runs instead of a `flan` command, given as lines of a shell."""

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
        run_flan(["train"])
    assert (tmp_path / "saved").exists()
    line = f"SIG{name}: waiting for flan train to stop; another signal kills it"
    assert capfd.readouterr().err.strip() == line


def test_a_second_signal_kills_a_step_that_does_not_stop(step, monkeypatch):
    ended = []
    monkeypatch.setattr(interrupts, "SAME", -1)
    monkeypatch.setattr(interrupts, "end_at_once", ended.append)
    step("trap '' TERM; while kill -HUP $PPID; do sleep 0.05; done")
    with pytest.raises(interrupts.Stopped):
        run_flan(["train"])
    assert set(ended) == {signal.SIGHUP}


def test_a_step_that_ends_well_as_a_signal_comes_is_the_last_one(step):
    step("trap '' TERM; kill -TERM $PPID; exit 0")
    with pytest.raises(interrupts.Stopped):
        run_flan(["build"])


def run_in(out, monkeypatch, capsys):
    words = ["experiment", "runs/experiments/num_clusters_2.gin", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["flan", *words, "--gin.INITIAL_CHECKPOINT_PATH=None"])
    with pytest.raises(SystemExit) as caught:
        start.main()
    return caught.value.code, capsys.readouterr().err.strip().splitlines()


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

    def run(arguments):
        flan(arguments)
        if arguments[0] == "eval":
            monkeypatch.setattr(whole, "write_text", full)

    monkeypatch.setattr(experiment_module, "run_flan", run)
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
