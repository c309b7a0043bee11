"""The commands of docs/chat.md, run as they stand, on the small tokenizers of the tests."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import shape  # noqa: E402

from flan_tasks.datasets import catalog  # noqa: E402

PAGE = (ROOT / "docs" / "chat.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.S))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copytree(shape("qwen3"), tmp_path / "qwen3")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(name: str) -> list[list[str]]:
    lines = BLOCKS[name].replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("flan ")]


def test_the_proofs_of_the_page_are_those_of_the_command(folder, flan):
    ((*words,),) = commands("check")
    printed = flan(*words).out
    section = PAGE.split("| proof |")[1].split("\n\n")[0]
    for name in re.findall(r"^\| (\S+) \|", section, re.M):
        assert name.strip("-") in printed
    assert "⟦" in printed


def test_the_build_of_the_page_says_what_is_trained(folder, flan):
    build, verify, report = commands("build")
    assert "turns with 0 trained tokens" in " ".join(flan(*build).out.split())
    assert "are what the manifest says" in flan(*verify).out
    assert "Answers that end with <|im_end|>" in " ".join(flan(*report).out.split())


def test_the_dataset_of_the_page_builds_with_every_turn(folder, flan, monkeypatch):
    from own_chats import ROWS, messages

    monkeypatch.syspath_prepend(str(folder))
    (folder / "chats.py").write_text(BLOCKS["module"])
    (folder / "talks.toml").write_text(BLOCKS["template"])
    rows = [json.dumps({"messages": messages(turns)}) + "\n" for turns in ROWS]
    (folder / "chats.jsonl").write_text("".join(rows))
    catalog.cache_clear()
    try:
        arrays, text = commands("own")
        flan(*arrays)
        about = json.loads((folder / "out/talks/manifest.json").read_text())["chat"]
        assert about["roles"]["assistant"]["turns"] == about["stop_tokens"] > 5
        flan(*text)
        assert '"role": "system"' in "".join(
            path.read_text() for path in (folder / "out/talks_text/data").iterdir()
        )
    finally:
        catalog.cache_clear()
        sys.modules.pop("chats", None)


@pytest.mark.slow
def test_the_model_of_the_page_is_trained_scored_and_handed_back(folder, flan, tmp_path_factory):
    """Its last block runs where an environment with transformers is named."""
    from toy_models import CONFIGS, quickly_compiled, random_params

    from flan_tasks.models.hf import export_hf, read_config
    from flan_tasks.models.model import Model
    from flan_tasks.vocabulary import open_vocabulary

    vocabulary = open_vocabulary(str(shape("qwen3")))
    config = dataclasses.replace(
        CONFIGS["rope-causal"],
        **{"vocabulary_size": vocabulary.size, "query_key_norms": True, "start_token": -1},
    )
    model = Model(config)
    shutil.rmtree(folder / "qwen3")
    export_hf(model, random_params(model), folder / "qwen3", vocabulary=vocabulary)
    build, *_ = commands("build")
    flan(*build, "--lengths", "inputs=300,targets=60")
    gin, train, score, ask, export = commands("train")
    *words, arrow, file = gin
    assert arrow == ">"
    (folder / file).write_text(flan(*words).out)
    quick = ["--gin.TRAIN_STEPS=2", "--gin.BATCH_SIZE=8", "--gin.DTYPE=float32"]
    with quickly_compiled():
        printed = flan(*train[:-1], *quick)
        (folder / "questions.txt").write_text("Does it follow that nobody was there?\n")
        short = ("--lengths", "inputs=300,targets=4")
        assert "accuracy" in flan(*score, *short, "--templates", "last_word", "--examples", "2").out
        flan(*ask, *short)
    assert "loss" in printed.out + printed.err
    settings = json.loads((folder / "out/scores/settings.json").read_text())
    about = json.loads((folder / "out/chat/manifest.json").read_text())["chat"]
    assert settings["chat"]["template"] == about["template"]
    assert "prediction" in json.loads((folder / "out/answers.jsonl").read_text())
    flan(*export)
    assert read_config(folder / "out/hf") == read_config(folder / "qwen3")
    assert (folder / "out/hf/chat_template.jinja").exists()
    if python := os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON"):
        ran = subprocess.run(
            [python, "-c", BLOCKS["generate"]], cwd=folder, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.strip()
