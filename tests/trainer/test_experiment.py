"""Experiments of the paper: their files, their commands, and what they come to."""

import json
import sys

import pytest

import flan_tasks.cli.main as cli_main
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.mixture import read_mixture
from flan_tasks.core.resources import folder
from flan_tasks.datasets import catalog
from flan_tasks.trainer.experiment import Experiment, commands, run_experiment, run_flan
from flan_tasks.trainer.field_checks import ConfigError
from flan_tasks.trainer.gin_files import load

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
    assert {f"leave_out_{cluster}" for cluster in catalog().clusters} <= names
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
        cli_main.main()
    printed = capsys.readouterr()
    assert caught.value.code == 0, printed.err
    lines = printed.out.splitlines()
    assert len(lines) == 9 and all(line.startswith("flan ") for line in lines)
    assert not (tmp_path / "x").exists()


def test_a_step_that_fails_ends_the_experiment(tmp_path):
    with pytest.raises(EvaluationError, match="flan build failed with 2"):
        run_flan(["build", "no_such_mixture", "--dry-run"])


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
