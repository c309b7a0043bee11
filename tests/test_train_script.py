"""What train_t5x.sh asks of `flan`, whose place a script takes that writes down its arguments."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

# Lays down what the next steps look for, as the commands do.
FLAN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$(dirname "$0")/asked"
for word in "$@"; do
  case "$word" in
    --gin.MODEL_DIR=*) mkdir -p "${word#*=}"/checkpoint_{0,500,1000,2000.tmp} ;;
  esac
done
if [[ "$1" == build ]]; then
  mkdir -p "${@: -1}"
  echo '{"vocabulary_size": 384}' >"${@: -1}/manifest.json"
fi
"""


@pytest.fixture
def asked(tmp_path):
    """Returns what runs the script with some settings: the commands of `flan`, or the refusal."""
    shutil.copy(ROOT / "train_t5x.sh", tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "bin").mkdir()
    setup = f'echo "$1" >"{tmp_path}/extras"\nPYTHON="{tmp_path}/bin/python"\n'
    (tmp_path / "tests" / "setup.sh").write_text(setup)
    programs = {"flan": FLAN, "python": f'#!/usr/bin/env bash\nexec "{sys.executable}" "$@"\n'}
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def run(*settings, code=0):
        command = ["bash", "train_t5x.sh", *settings]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == code, ran.stderr
        if code:
            return ran.stderr
        return [line.split() for line in (tmp_path / "bin" / "asked").read_text().splitlines()]

    return run


def test_settings_reach_the_commands_they_are_of(asked, tmp_path):
    settings = ("--held-out", "rte cb", "--data-dir", "rows here", "--source", "tfds")
    commands = asked(*settings, "--lengths", "64,32", "--steps", "3", "--gin.REMAT=full")
    by_name = {words[0]: " ".join(words) for words in commands}
    assert [words[0] for words in commands] == [
        *("build", "verify", "show", "train", "eval", "eval", "compare", "export")
    ]
    assert "--data-dir rows here" in by_name["build"] and "--allow-missing" in by_name["build"]
    assert "--lengths inputs=64,targets=32" in by_name["build"]
    assert "--gin.TRAIN_STEPS=3" in by_name["train"] and by_name["train"].endswith("REMAT=full")
    assert by_name["eval"].startswith("eval rte cb --model ")
    assert by_name["compare"].count("--held-out") == 2
    assert (tmp_path / "extras").read_text() == "train,eval,tfds\n"


@pytest.mark.parametrize("out", ["out/train", "a_1/b_2", "with blank/x"])
def test_what_is_exported_is_the_checkpoint_of_the_last_step(out, asked):
    exported = " ".join(asked("--out", out)[-1])
    assert exported.startswith(f"export {out}/model/checkpoint_1000 ")
    assert exported.endswith(f"--out {out}/huggingface-checkpoint_1000")


def test_what_is_no_setting_is_refused(asked):
    assert "--stepz: no such setting" in asked("--stepz", "3", code=2)
    assert "--steps needs a value" in asked("--steps", code=2)
    assert "wanted two numbers" in asked("--lengths", "64", code=2)
