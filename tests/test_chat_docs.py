"""The commands of docs/chat.md, run as they stand, on the small tokenizers of the tests."""

import re
import shlex
import shutil

import pytest
from conftest import ROOT

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import shape  # noqa: E402

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
