"""The examples of the README, run as they stand."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

BLOCK = re.compile(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", re.S)
BLOCKS = dict(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")))


def run(words, folder, **env):
    found = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}"} | env,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


@pytest.fixture
def folder(tmp_path):
    for name in ("my_tasks.py", "haiku.toml", "haiku.jsonl"):
        (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    return tmp_path


def test_seqio_example(tmp_path):
    assert run([sys.executable, "-c", BLOCKS["seqio"]], tmp_path).strip().endswith("(1024,)")


def test_commands_of_the_own_dataset_example(folder):
    printed = []
    for line in BLOCKS["commands"].strip().splitlines():
        words = shlex.split(line)
        words[:1] = [sys.executable, "-m", "flan_tasks.cli.main"]
        # The README's reader has a network; here rte comes from the samples or is missing.
        printed.append(run(words, folder, TFDS_DATA_DIR=str(folder), HF_HUB_OFFLINE="1"))
    assert "0 findings" in printed[0]
    assert "At what time" in printed[1] or "Write a haiku" in printed[1]
    assert "haiku" in printed[2] and "Realized" in printed[2]
    assert (folder / "out" / "my_mix" / "manifest.json").exists()


def test_own_dataset_is_known_to_seqio_by_name(folder):
    code = """
import my_tasks, flan_tasks as ft, flan_tasks.registration, seqio
ft.configure(vocab="bytes")
task = seqio.get_mixture_or_task("flan:haiku")
mixtures = seqio.MixtureRegistry.names()
print(sum(1 for _ in task.get_dataset(None, "train")), "flan:mix.my_mix" in mixtures)
"""
    assert run([sys.executable, "-c", code], folder).strip() == "4 True"
