"""Input of anyone's at the command line: one message and an exit code, never a traceback."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.cli import start
from flan_tasks.cli.main import cli


@pytest.fixture
def flan(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["flan", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            start.main()
        return caught.value.code, capsys.readouterr()

    return run


def shell(script, **environment):
    """Runs a line of bash with `flan` of this tree; returns the finished process."""
    call = f"{sys.executable} -c 'from flan_tasks.cli.start import main; main()'"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'flan() {{ {call} "$@"; }}\n{script}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["list", "rte", "--module", ".."], 1, "wanted the name of a Python module"),
        (["list", "rte", "--module", ""], 1, "wanted the name of a Python module"),
        (["list", "rte", "--module", "broken"], 1, "ZeroDivisionError: division by zero (broken"),
        (["list", "rte", "--module", "leaves"], 1, "SystemExit: 3 (leaves.py, line 1)"),
        (["list", "rte", "--module", "folder"], 1, "a folder without __init__.py"),
        (["list", "rte", "--module", "no_such"], 2, "no such Python module"),
        (["list", "\x1b[31mrte"], 2, '"\\x1b[31mrte"'),
        (["list", "\udcff"], 2, '"\\udcff"'),
        (["\x1b[31mlist"], 2, "No such command"),
        (["list", "--\x1b[31m"], 2, "No such option"),
        (["build", "folder.toml", "--out", "o"], 1, "folder.toml: cannot be read"),
        (["build", "deep.toml", "--out", "o"], 1, "deep.toml: not valid TOML: it is nested"),
        (["build", "a\udcff.toml", "--out", "o"], 1, "a\\udcff.toml: cannot be read"),
        (["build", "rte", "--out", "broken.py", "--source", "samples"], 1, "is a file"),
        (["build", "rte", "--out", "o", "--license-deny", "a\nb"], 1, "wanted one line without"),
        (["build", "rte", "--out", "o", "--vocab", "folder"], 1, "folder holds no vocabulary"),
        (["build", "rte", "--out", "o", "--lengths", "inputs=5,inputs=6"], 2, "has inputs twice"),
        (
            ["eval", "rte", "--model", "m", "--out", "o", "--lengths", "targets=1,targets=2"],
            2,
            "has targets twice",
        ),
        (["report", "broken.py"], 1, "no build directory"),
        (["verify", "folder"], 1, "no build directory"),
        (["train", "--gin_file", "folder"], 2, "folder: no such file"),
        (["train", "--gin_file", "broken.py"], 2, "broken.py:"),
        (["infer", "broken.py", "--model", "folder", "--out", "x"], 1, ""),
    ],
)
def test_it_is_one_message_and_an_exit_code(flan, tmp_path, words, code, message):
    (tmp_path / "broken.py").write_text("x = 1 / 0")
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(3)")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "deep.toml").write_text("x = " + "[" * 5000)
    found, printed = flan(*words)
    for name in ("broken", "leaves", "folder"):
        sys.modules.pop(name, None)
    assert found == code, printed.err
    assert message in printed.err and "Traceback" not in printed.err
    assert "\x1b" not in printed.err
    printed.err.encode()


def test_a_file_that_no_message_foresaw_is_still_one_line(flan, monkeypatch):
    import click

    @click.command()
    def command():
        raise PermissionError(13, "Permission denied", "a\x1b[31m/b")

    monkeypatch.setattr(cli, "get_command", lambda ctx, name: command)
    code, printed = flan("list")
    assert (code, printed.err) == (1, "flan: a\\x1b[31m/b: Permission denied\n")


HOSTILE = "\x1b[31mred\x07 \x9b2J \u202eright"


def test_texts_of_the_data_do_not_steer_a_terminal(flan, tmp_path):
    from flan_tasks.core.escaping import for_line

    own = f"""
import flan_tasks as ft
from conftest import toy_dataset
from flan_tasks.core.origin import Files

HOSTILE = {HOSTILE!r}
ft.add(
    toy_dataset(
        "hostile_birds", source=Files({{"train": "r.jsonl", "test": "r2.jsonl"}}),
        license=HOSTILE, citation=HOSTILE,
    ),
    cluster="hostile", templates="birds.toml",
)
"""
    from conftest import TOY_TEMPLATES

    (tmp_path / "hostile_own.py").write_text(own)
    (tmp_path / "birds.toml").write_text(TOY_TEMPLATES)
    rows = [json.dumps({"animal": f"{HOSTILE} {i}", "bird": i % 2}) for i in range(12)]
    (tmp_path / "r.jsonl").write_text("\n".join(rows))
    (tmp_path / "r2.jsonl").write_text("\n".join(rows))
    module = ("--module", "hostile_own")
    shown = for_line(HOSTILE)
    try:
        _, printed = flan("show", "hostile_birds", *module, "--source", "declared")
        assert shown in printed.out
        outputs = [printed]
        _, printed = flan("list", "hostile_birds", "--wide", *module)
        assert printed.out.count(shown) == 2
        outputs.append(printed)
        _, printed = flan("build", "hostile_birds", *module, "--out", "o", "--no-report")
        outputs += [printed, flan("report", "o", "--text")[1]]
        outputs.append(flan("build", "hostile_birds", *module, "--license-deny", "*", "--out", "p"))
        outputs[-1] = outputs[-1][1]
        for one in outputs:
            assert not set("\x1b\x07\x9b\u202e") & set(one.out + one.err)
    finally:
        from flan_tasks.datasets import catalog

        catalog.cache_clear()
        sys.modules.pop("hostile_own", None)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("flan list | head -1 >/dev/null", 0),
        ("flan env | true", 0),
        ("flan list >&-", 0),
        ("flan list >/dev/full", 1),
        ("flan env >/dev/full", 1),
        ("COLUMNS=0 flan list rte", 0),
        ("COLUMNS=1 flan list --help", 0),
        ("LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 flan show rte -n 1", 0),
        ("PYTHONIOENCODING=ascii flan show wmt16_ruen_from_english -n 1", 0),
    ],
)
def test_streams_that_take_little_or_nothing(script, code):
    done = shell(script)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_json_is_json_in_any_encoding():
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = shell("flan show wmt16_ruen_from_english -n 1 --json", PYTHONIOENCODING=encoding)
        (prompt,) = json.loads(done.stdout)["prompts"]
        assert any(letter > "\u0400" for letter in prompt["inputs"] + prompt["targets"])
