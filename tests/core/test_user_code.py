"""Modules of the user's: what importing them comes to, and where they fail."""

import sys

import pytest

from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.user_code import import_module, told


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_of_the_current_folder_is_imported(tmp_path):
    (tmp_path / "hostile_tasks.py").write_text("x = 3")
    assert import_module("hostile_tasks", "--module").x == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", r"SyntaxError: .* \(hostile_tasks.py, line 1\)"),
        ("\n\nx = 1 / 0", r"ZeroDivisionError: division by zero \(hostile_tasks.py, line 3\)"),
        ("from os import nothing", r"ImportError: cannot import name .*hostile_tasks.py, line 1"),
        ("import no_such_library", r"imports no_such_library, which is missing \(hostile_tasks.py"),
        ("import sys\nsys.exit(3)", r"SystemExit: 3 \(hostile_tasks.py, line 2\)"),
        ("raise RuntimeError('a\\nb')", r"RuntimeError: a b \(hostile_tasks.py, line 1\)"),
        ("import json\njson.loads('{')", r"JSONDecodeError: .*\(hostile_tasks.py, line 2\)"),
        ("x = '\0'", "importing it fails with"),
    ],
)
def test_what_fails_in_it_is_one_line_with_its_place(tmp_path, text, message):
    (tmp_path / "hostile_tasks.py").write_text(text)
    with pytest.raises(DeclarationError, match=message) as caught:
        import_module("hostile_tasks", "--module")
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_declared_wrongly_there_says_where(tmp_path):
    (tmp_path / "hostile_tasks.py").write_text(
        "from flan_tasks.core.mixture import Mixture\nMixture(name=3)"
    )
    with pytest.raises(DeclarationError, match="name is 3") as caught:
        import_module("hostile_tasks", "--module")
    assert caught.value.__notes__ == ["in hostile_tasks.py, line 2, of --module hostile_tasks"]


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a..b", "a/b", "a b", "3a", "a\0", "a;b"])
def test_what_is_no_name_of_a_module_is_refused(name):
    with pytest.raises(DeclarationError, match="wanted the name of a Python module"):
        import_module(name, "--module")


def test_folders_and_parts_of_python_declare_nothing(tmp_path):
    (tmp_path / "hostile_folder").mkdir()
    with pytest.raises(DeclarationError, match="a folder without __init__.py"):
        import_module("hostile_folder", "--module")
    with pytest.raises(DeclarationError, match="part of Python"):
        import_module("sys", "--module")


def test_a_module_whose_name_is_taken_is_not_mistaken_for_another(tmp_path):
    (tmp_path / "json.py").write_text("x = 3")
    with pytest.raises(DeclarationError, match="two modules have this name, json.py and "):
        import_module("json", "--module")


def test_a_missing_module_and_a_file_name_are_told(tmp_path):
    (tmp_path / "hostile_tasks.py").write_text("")
    for name in ("hostile_other", "hostile_tasks.py", "hostile_tasks.more"):
        with pytest.raises(UnknownNameError, match="Write my_tasks, not my_tasks.py"):
            import_module(name, "--module")


def test_an_error_of_ours_alone_has_no_place():
    assert told(ValueError("x")) == "ValueError: x"
