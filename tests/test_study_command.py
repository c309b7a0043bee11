"""`flan experiment` with a study: a tiny one, whole, and what is asked wrongly."""

import json

import pytest
from toy_tokenizers import sentencepiece_model

from flan_tasks.cli.experiment import Budget
from flan_tasks.vocabulary import open_vocabulary

MODEL = """
from __gin__ import dynamic_registration
from flan_tasks.specs import model_config
DROPOUT_RATE = %gin.REQUIRED
model_config.ModelConfig:
    architecture = "t5"
    vocabulary_size = 259
    embed = 16
    layers = 1
    heads = 2
    head_dim = 8
    mlp = 16
    dropout = %DROPOUT_RATE
"""
TINY = """
question = "Does it run?"
seeds = 1
mixture = "rte"
evaluate = ["rte"]
gin_files = ["model.gin", "runs/pretrain.gin"]
factors.wordings = { 2 = { wordings = 2 }MORE }

[build]
vocab = "bytes"
source = "samples"
examples = 60
lengths = { inputs = 1024, targets = 8 }

[train]
TRAIN_STEPS = 2
BATCH_SIZE = 8
TENSORBOARD = false

[eval]
split = "validation"
num_examples = 3
"""


def tiny(tmp_path, monkeypatch, more="", seeds=1):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.gin").write_text(MODEL)
    text = TINY.replace("MORE", more).replace("seeds = 1", f"seeds = {seeds}")
    (tmp_path / "tiny.toml").write_text(text)


def test_the_command_builds_trains_scores_and_says_what_it_came_to(tmp_path, monkeypatch, flan):
    tiny(tmp_path, monkeypatch)
    words = ("experiment", "tiny.toml", "--out", "o")
    printed = flan(*words, "--dry_run")
    lines = printed.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["flan", n] for n in ("build", "train", "eval")]
    assert not (tmp_path / "o").exists()
    assert "waiting" in flan(*words, "--status").out
    printed = flan(*words)
    assert "wordings_2-seed_0 (1 of 1)" in printed.err and "step 2/2" in printed.err
    assert "Does it run?" in printed.out and "results in o: results.md" in printed.out
    (home,) = (tmp_path / "o" / "runs").iterdir()
    result = json.loads((home / "result.json").read_text())
    assert [len(ids) for ids in result["wordings"].values()] == [2]
    assert {one["dataset"] for one in result["scores"]} == {"rte"} and len(result["scores"]) == 10
    page = (tmp_path / "o" / "results.md").read_text()
    assert page.startswith("# tiny\n\nDoes it run?\n")
    again = flan(*words)
    assert "step" not in again.err and "done" in again.out
    assert flan(*words, "--status").out.splitlines()[1].startswith("wordings_2-seed_0  done")


PRETRAINED = """
pretrain.mixture = "nli"
pretrain.train = { TRAIN_STEPS = 2, BATCH_SIZE = 8, TENSORBOARD = false }
[pretrain.build]
objective = "span_corruption"
vocab = "toy.model"
source = "samples"
examples = 60
lengths = { inputs = 64, targets = 24 }
report = false
"""


def test_a_study_begins_from_texts_with_hidden_spans(tmp_path, monkeypatch, flan):
    tiny(tmp_path, monkeypatch, ", none = { tuned = false }")
    path = sentencepiece_model(tmp_path / "toy.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    size = open_vocabulary(str(path)).size
    (tmp_path / "model.gin").write_text(MODEL.replace("259", str(size)))
    text = (tmp_path / "tiny.toml").read_text().replace('"bytes"', '"toy.model"')
    (tmp_path / "tiny.toml").write_text(text.replace("factors.wordings", "factors.tuning"))
    head, tables = (tmp_path / "tiny.toml").read_text().split("\n[build]", 1)
    (tmp_path / "tiny.toml").write_text(f"{head}\n{PRETRAINED}\n[build]{tables}")
    vocab = ("--set", "eval.vocab = 'toy.model'")
    words = ("experiment", "tiny.toml", *vocab, "--out", "o", "--set", "eval.num_examples = 2")
    lines = flan(*words, "--dry_run").out.splitlines()
    verbs = [line.split()[1] for line in lines]
    assert verbs == ["build", "train", "build", "train", "eval", "eval"]
    assert "--objective span_corruption" in lines[0]
    printed = flan(*words)
    assert "pretrain-seed_0 (1 of 3)" in printed.err and "changes from the first" in printed.out
    (before,) = (tmp_path / "o" / "pretrained").iterdir()
    assert {"build", "model", "result.json"} <= {path.name for path in before.iterdir()}
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert results["done"] == {"tuning_2": [0], "tuning_none": [0]}
    assert set(results["examples"]) == {"rte"}
    # Another study finds it there.
    again = flan(*words[:-1], "eval.num_examples = 1", "--out", "p", "--pretrained", "o/pretrained")
    assert "step 2/2" in again.err and again.err.count("step 2/2") == 1


@pytest.mark.slow
def test_a_study_comes_to_the_same_again_stopped_or_not(tmp_path, monkeypatch, flan):
    tiny(tmp_path, monkeypatch, ", 3 = { wordings = 3 }", seeds=2)
    flan("experiment", "tiny.toml", "--out", "one")
    flan("experiment", "tiny.toml", "--out", "two", "--budget", "1s")
    assert "begun" not in flan("experiment", "tiny.toml", "--out", "two", "--status").out
    flan("experiment", "tiny.toml", "--out", "two")
    one, two = (tmp_path / name / "results.json" for name in ("one", "two"))
    assert one.read_text() == two.read_text()
    assert len(json.loads(one.read_text())["lines"]) > 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tiny.toml", "--budget", "soon"], "'soon' is no time; write 90s, 6m or 1h30m"),
        (["tiny.toml", "leave_out"], "tiny.toml is a study, which is run by itself"),
        (["leave_out", "--status"], "--status, --budget, --set and --pretrained are of studies"),
        (["--gin.A=1"], "give a study, gin files of experiments, or the name of a series"),
        (["none.toml"], "none.toml: cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_a_line(words, message, tmp_path, monkeypatch, flan):
    tiny(tmp_path, monkeypatch)
    code = 1 if words == ["none.toml"] else 2
    printed = flan("experiment", *words, "--out", "o", code=code)
    assert message in " ".join(printed.err.split()) and not (tmp_path / "o").exists()


def test_a_budget_is_a_time():
    read = Budget().convert
    assert [read(text, None, None) for text in ("90s", "90", "6m", "1h30m", "2h")] == [
        *(90.0, 90.0, 360.0, 5400.0, 7200.0)
    ]
