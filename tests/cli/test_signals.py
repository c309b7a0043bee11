"""Long commands end in one line, with the exit code a shell gives, whatever signal comes."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from processes import Held, members

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Command -> its words, and a point inside its work.
COMMANDS = {
    "lint": ("lint rte", "open rte.toml"),
    "verify": ("verify {build}", "open train-00000-of-00001.jsonl"),
    "report": ("report {build} --text", "open manifest.json"),
    "diff": ("diff {build} {build}", "open manifest.json"),
    "contamination": ("contamination {build} --against rte --source samples", "open manifest.json"),
    "eval": ("eval rte --source samples --write-prompts {place}/prompts", "open rte.jsonl"),
    "show": ("show rte", "open rte.toml"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place = tmp_path_factory.mktemp("built")
    words = "build rte --source samples --examples 20 --vocab bytes --out".split()
    store = {"FLAN_TASKS_STORE": str(place / "store"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flan_tasks", *words, str(place / "out")]
    subprocess.run(command, env=os.environ | store, check=True, capture_output=True)
    return place / "out"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_ends_a_command_in_one_line(tmp_path, built, name):
    words, at = COMMANDS[name]
    number = SIGNALS[list(COMMANDS).index(name) % len(SIGNALS)]
    words = words.format(build=built, place=tmp_path)
    with Held(at, *words.split(), place=tmp_path) as held:
        held.signal(number, group=True)
        code, said = held.ended()
        assert members(held.process.pid) == {}
    assert code == 128 + number, said
    what = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    rest = "; what is complete is kept, and the same command goes on" if name == "eval" else ""
    assert said.splitlines()[-1] == f"flan: {what}{rest}"
    assert "Traceback" not in said and "ignored in" not in said
