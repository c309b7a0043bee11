"""Mixtures whose parts name files of other mixtures."""

import json

import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.part_tree import part_tree
from flan_tasks.core.parts import Part
from flan_tasks.datasets import catalog

WHOLE = """
[parts.own]
weight = 0.7
mixture = "more/mine.toml"
exclude = ["cb"]

[parts.rest.parts.a]
include = ["sst2"]

[parts.rest.parts.b]
mixture = "more/flat.toml"
"""
MINE = """
cap = 500
[parts.one]
mixture = "flat.toml"
[parts.two]
include = ["rte", "cb"]
"""
FLAT = 'include = ["wnli"]\ncap = 7\n'


def write(folder, **files):
    (folder / "more").mkdir(exist_ok=True)
    for name, text in files.items():
        place = folder if name == "whole" else folder / "more"
        (place / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / "whole.toml"


def test_files_are_read_from_the_folder_of_the_file_that_names_them(tmp_path, monkeypatch):
    path = write(tmp_path, whole=WHOLE, mine=MINE, flat=FLAT)
    mixture = read_mixture(path)
    leaves = {leaf.path: leaf.mixture for leaf in part_tree(mixture, catalog()).leaves}
    assert {name: flat.include for name, flat in leaves.items()} == {
        "own/one": ("wnli",),
        "own/two": ("rte", "cb"),
        "rest/a": ("sst2",),
        "rest/b": ("wnli",),
    }
    assert [leaves[name].cap for name in ("own/one", "own/two", "rest/b")] == [7, 500, 7]
    assert {one.name for one in catalog().members(mixture)} == {"rte", "wnli", "sst2"}
    monkeypatch.chdir(tmp_path / "more")
    assert read_mixture(path) == mixture


def test_a_record_has_what_the_files_say_and_no_path(tmp_path):
    mixture = read_mixture(write(tmp_path, whole=WHOLE, mine=MINE, flat=FLAT))
    text = json.dumps(mixture.to_json())
    assert "more" not in text and str(tmp_path) not in text
    values = json.loads(text)
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    assert Mixture(**{**values, **lists}) == mixture


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"mine": MINE},
            "whole.toml: parts.own: .*mine.toml: parts.one: .*flat.toml: cannot be read",
        ),
        ({"mine": MINE, "flat": FLAT + "capp = 3"}, 'flat.toml: unknown key "capp"'),
        (
            {"mine": MINE, "flat": '[parts.x]\nmixture = "mine.toml"'},
            "name each other, mine.toml - flat.toml - mine.toml; take one",
        ),
        (
            {"mine": '[parts.x]\nmixture = "../whole.toml"', "flat": FLAT},
            "name each other, whole.toml - mine.toml - whole.toml",
        ),
        ({"mine": "include = []", "flat": FLAT}, 'mine.toml: mixture "mine": include is empty'),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_the_parts_that_lead_there(
    tmp_path, files, problem
):
    path = write(tmp_path, whole=WHOLE, **files)
    with pytest.raises(DeclarationError, match=problem):
        read_mixture(path)


def test_two_files_of_one_name_are_refused(tmp_path):
    whole = WHOLE + '[parts.c]\nmixture = "flat.toml"\n'
    path = write(tmp_path, whole=whole, mine=MINE, flat=FLAT)
    (tmp_path / "flat.toml").write_text(FLAT, encoding="utf-8")
    with pytest.raises(DeclarationError, match="parts.c: two files are called flat.toml; rename"):
        read_mixture(path)


def test_in_python_what_a_file_says_is_given():
    flat = Mixture(name="flat", include=("rte",))
    parts = (Part(name="a", mixture="flat.toml"),)
    mixture = Mixture(name="m", parts=parts, mixtures={"flat.toml": flat})
    assert [one.name for one in catalog().members(mixture)] == ["rte"]
    with pytest.raises(DeclarationError, match="the file flat.toml is not read here"):
        catalog().members(Mixture(name="m", parts=parts))
    with pytest.raises(DeclarationError, match="mixtures has odd.toml, which no part names"):
        Mixture(name="m", parts=parts, mixtures={"odd.toml": flat})
    with pytest.raises(DeclarationError, match="mixtures"):
        Mixture(name="m", parts=parts, mixtures={"flat.toml": "flat"})
