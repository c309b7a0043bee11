"""docs/families.md: its module, index and commands, run as they stand."""

import json
import os
import re
import shlex
import sys

import pytest
from click.testing import CliRunner
from conftest import ROOT
from processes import start

from flan_tasks.cli.main import cli
from flan_tasks.datasets import catalog

KILLED = {"KILL_FOLDER": "out", "KILL_STEPS": "steps"}
PAGE = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    (text,) = re.findall(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", PAGE, re.S)
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    catalog.cache_clear()
    (tmp_path / "tasks").mkdir()
    task = json.loads(block("task"))
    (tmp_path / "tasks" / "task1_rhymes.json").write_text(json.dumps(task))
    task["Definition"] = ["Repeat the word."]
    task["Instances"] = [{"input": f"w{n}", "output": f"w{n}"} for n in range(30)]
    (tmp_path / "tasks" / "task2-Echo.json").write_text(json.dumps(task))
    (tmp_path / "my_puzzles.py").write_text(block("module"))
    (tmp_path / "puzzles.toml").write_text(block("templates"))
    exec(block("index"), {})
    yield tmp_path
    catalog.cache_clear()
    sys.modules.pop("my_puzzles", None)


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(folder) -> dict[str, bytes]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    paths = [path for shard in manifest["shards"] for path in shard["paths"]]
    return {path: (folder / path).read_bytes() for path in paths}


def test_the_page_runs_as_it_stands(folder):
    printed = [run(*shlex.split(line)[1:]) for line in block("commands").strip().splitlines()]
    listed, shown, built, _ = printed
    assert "task1_rhymes" in listed and "puzzles:task2_echo" in listed
    assert "2 tasks of families" in listed
    assert "Write a word that rhymes" in shown
    assert "puzzles (2 tasks)" in built
    manifest = json.loads((folder / "out/puzzles/manifest.json").read_text())
    assert [task["name"] for task in manifest["tasks"]] == [
        "puzzles:task1_rhymes",
        "puzzles:task2_echo",
    ]
    assert "puzzles (2 tasks)" in (folder / "out/puzzles/README.md").read_text()
    lines = [json.loads(line) for line in open("prompts.jsonl", encoding="utf-8")]
    assert {line["dataset"] for line in lines} == {"puzzles:task1_rhymes", "puzzles:task2_echo"}


def test_a_family_builds_to_the_same_bytes_by_one_worker_and_by_two(folder):
    words = ["build", "puzzles", "--module", "my_puzzles", "--examples", "90", "--shards", "3"]
    run(*words, "--out", "one", "--workers", "1", "--no-report")
    run(*words, "--out", "two", "--workers", "2", "--no-report")
    assert rows_of(folder / "one") == rows_of(folder / "two") and len(rows_of(folder / "one")) == 3


def test_a_family_build_that_is_killed_ends_as_if_it_had_not_been(folder):
    words = ["build", "puzzles", "--module", "my_puzzles", "--examples", "90", "--shards", "3"]
    run(*words, "--out", "whole", "--no-report")
    places = [str(ROOT / "tests" / "fixtures" / "killer"), str(ROOT), str(folder)]
    killing = {
        "KILL_FOLDER": str(folder / "out"),
        "KILL_STEPS": str(folder / "steps"),
        "KILL_WHO": "all",
    }
    for at in ("5", "manifest.json", ""):
        more = {**killing, "KILL_AT": at} if at else {}
        out = str(folder / "out")
        command = [sys.executable, "-m", "flan_tasks", *words, "--out", out, "--no-report"]
        path = os.pathsep.join(places if at else places[1:])
        with start(*command, "--workers", "2", cwd=folder, PYTHONPATH=path, **more) as process:
            process.communicate(timeout=300)
        assert (folder / "out" / "manifest.json").exists() == (not at)
    assert rows_of(folder / "whole") == rows_of(folder / "out")


def test_packed_rows_of_a_family_name_each_task(folder):
    words = ["build", "puzzles", "--module", "my_puzzles", "--format", "arrays", "--vocab", "bytes"]
    run(*words, "--lengths", "inputs=128,targets=32", "--out", "packed", "--no-report")
    run("verify", "packed")


def test_a_family_is_listed_in_one_line(folder):
    printed = run("list", "--module", "my_puzzles")
    (line,) = [line for line in printed.splitlines() if "puzzles" in line and "flan" not in line]
    assert line.split()[:3] == ["puzzles", "2", "1"]
    about = json.loads(run("list", "--module", "my_puzzles", "--json"))["families"]
    assert ("puzzles", 2) in [(one["name"], one["tasks"]) for one in about]


def test_the_sources_own_name_is_taken(folder):
    printed = run(
        *("build", "puzzles:task2-Echo", "--module", "my_puzzles", "--out", "x", "--no-report")
    )
    assert "puzzles:task2_echo" in printed


def test_a_family_is_linted_once_with_rows_of_its_members(folder):
    printed = run("lint", "puzzles", "--module", "my_puzzles")
    assert "0 findings" in printed and "in 1 template of" in printed and "1 family" in printed
    assert "24 embedded" in printed  # 4 of one task and 20 of the other
    (folder / "puzzles.toml").write_text(block("templates").replace("{input}", "{inptu}"))
    catalog.cache_clear()
    sys.modules.pop("my_puzzles")
    result = CliRunner().invoke(cli, ["lint", "puzzles", "--module", "my_puzzles"])
    assert "uses {inptu}" in result.output and "0 findings" not in result.output


def test_the_place_of_a_family_is_said_once(folder):
    printed = run("sources", "--module", "my_puzzles", "--json")
    about = {one["name"]: one for one in json.loads(printed)["sources"]}
    assert about["puzzles (2 tasks)"]["detail"] == "files of 2 of 2 tasks"
    assert "1 available" in run("sources", "puzzles", "--module", "my_puzzles")
