"""The README, followed from top to bottom."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", re.S)
BLOCKS = dict(BLOCK.findall(TEXT))
# The reader has a network, a GPU and days; here every other word of a command is as it stands.
INSTEAD = {
    "--source tfds --data-dir ~/tensorflow_datasets": "--source samples",
    "--vocab t5": "--vocab bytes --lengths inputs=128,targets=32",
    "models/t5_1_1_base.gin": "models/t5_1_1_tiny.gin",
    "--gin.TRAIN_STEPS=30000": (
        "--gin.TRAIN_STEPS=2 --gin.BATCH_SIZE=1 "
        "--gin.TASK_FEATURE_LENGTHS=\"{'inputs': 128, 'targets': 32}\""
    ),
    "--gin.INITIAL_CHECKPOINT_PATH=t5-v1_1-base": "--gin.INITIAL_CHECKPOINT_PATH=None",
    "flan build without.nli --format": "flan build without.nli --source samples --format",
    "flan show rte -n": "flan show rte --source samples -n",
    # One of the eleven that it holds out; all of them take an hour on a busy machine.
    "flan eval without.nli": "flan eval rte --source samples --examples 1 --split test",
    "--against without.nli": "--against without.nli --source samples",
}


def story():
    """Returns the README's commands, and its lines of Python on a build, in their order."""
    parts = re.split(r"<!-- tested: [^>]* -->\n```\w+\n.*?```", TEXT, flags=re.S)
    text = parts[0] + "".join(part for part in parts[1:])
    steps = []
    for language, block in re.findall(r"```(bash|console|python)\n(.*?)```", text, re.S):
        if language == "python":
            steps.append(block)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            command = " ".join(line.removeprefix("$ ").split("#")[0].split())
            if command.startswith("flan "):
                steps.append(command)
    return steps


def follow(step, folder):
    """Runs a step of the story on small rows."""
    if not step.startswith("flan "):
        return run([sys.executable, "-c", step], folder)
    for words, others in INSTEAD.items():
        step = step.replace(words, others)
    return run([sys.executable, "-m", "flan_tasks", *shlex.split(step)[1:]], folder)


def test_substitutions_are_all_needed():
    commands = "\n".join(step for step in story() if step.startswith("flan "))
    assert [words for words in INSTEAD if words not in commands] == []


def test_builds_of_the_readme_fit_what_comes_after(tmp_path):
    steps = story()
    assert len(steps) == 17
    (train,) = [step for step in steps if step.startswith("flan train ")]
    for step in steps:
        if step.startswith(("flan build without.nli", "flan verify")):
            follow(step, tmp_path)
    assert "parameters" in follow(f"{train} --dry_run", tmp_path)


@pytest.mark.slow
def test_the_readme_can_be_followed_from_top_to_bottom(tmp_path):
    for step in story():
        printed = follow(step, tmp_path)
        assert printed or not step.startswith("flan "), step
    assert (tmp_path / "out" / "scores" / "scores.json").exists()
    assert (tmp_path / "out" / "hf" / "model.safetensors").exists()


def test_the_row_of_the_first_screen_is_the_first_of_its_build(tmp_path):
    import json

    before = TEXT.split("\n## ")[0]
    assert before.count("\n") <= 25 and len(before.split()) < 250  # one screen
    (command,) = [line for line in before.splitlines() if line.startswith("flan ")]
    (row,) = re.findall(r"```json\n(.*?)\n```", before, re.S)
    follow(command.split("#")[0].strip(), tmp_path)
    (path,) = (tmp_path / "out" / "first" / "data").iterdir()
    built = json.loads(path.read_text(encoding="utf-8").split("\n")[0])
    shown = json.loads(row)
    assert {name: built[name] for name in shown} == shown


BUILD = re.compile(r"^\$? ?flan build (.*?)(?: +#.*)?$", re.M)


def test_no_two_pages_build_different_things_in_one_folder():
    commands = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for found in BUILD.findall(page.read_text(encoding="utf-8").replace("\\\n", " ")):
            words = " ".join(found.split())
            folder = re.search(r"--out (\S+)", words)
            if folder:
                commands.setdefault(folder.group(1), set()).add(words)
    assert len(commands) > 12
    assert {folder: said for folder, said in commands.items() if len(said) > 1} == {}


def run(words, folder, **env):
    found = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}"} | env,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


@pytest.fixture
def folder(tmp_path):
    for name in ("my_tasks.py", "haiku.toml", "haiku.jsonl"):
        (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_seqio_example(tmp_path):
    assert run([sys.executable, "-c", BLOCKS["seqio"]], tmp_path).strip().endswith("(1024,)")


def test_commands_of_the_own_dataset_example(folder):
    printed = []
    for line in BLOCKS["commands"].strip().splitlines():
        words = shlex.split(line)
        words[:1] = [sys.executable, "-m", "flan_tasks"]
        # The README's reader has a network; here rte comes from the samples or is missing.
        printed.append(run(words, folder, TFDS_DATA_DIR=str(folder), HF_HUB_OFFLINE="1"))
    assert "0 findings" in printed[0]
    assert "At what time" in printed[1] or "Write a haiku" in printed[1]
    assert "haiku" in printed[2] and "Realized" in printed[2]
    assert (folder / "out" / "my_mix" / "manifest.json").exists()


@pytest.mark.slow
def test_own_dataset_is_known_to_seqio_by_name(folder):
    code = """
import my_tasks, flan_tasks as ft, flan_tasks.registration, seqio
ft.configure(vocab="bytes")
task = seqio.get_mixture_or_task("flan:haiku")
mixtures = seqio.MixtureRegistry.names()
print(sum(1 for _ in task.get_dataset(None, "train")), "flan:mix.my_mix" in mixtures)
"""
    assert run([sys.executable, "-c", code], folder).strip() == "4 True"
