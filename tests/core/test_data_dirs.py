"""Directories for all and for some, in one text, a mapping, or one by one."""

import os
from pathlib import Path

import pytest

from flan_tasks.core.data_dirs import DataDirs, joined
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.datasets import catalog

SEVERAL = DataDirs(Path("/tree"), {"rte": Path("/a"), "nli": Path("/b=c"), "hf": Path("/h")})


def test_one_text_a_mapping_and_a_list_say_the_same():
    text = os.pathsep.join(("/tree", "rte=/a", "nli=/b=c", "hf=/h"))
    assert DataDirs.of(text) == DataDirs.of(Path(text)) == SEVERAL
    assert DataDirs.of({"all": "/tree", "rte": Path("/a"), "nli": "/b=c", "hf": "/h"}) == SEVERAL
    assert DataDirs.of(joined(["nli=/b=c", "/tree", "hf=/h", "rte=/a"])) == SEVERAL
    assert DataDirs.of(SEVERAL.to_text()) == SEVERAL
    assert DataDirs.of("niv2:task_1=/m:/tree").named == {"niv2:task_1": Path("/m")}


def test_a_path_without_names_is_the_whole_text():
    assert DataDirs.of(None) == DataDirs() and joined([]) is None
    assert DataDirs.of("/a:b") == DataDirs(Path("/a:b"))
    assert joined(["gs://bucket/x"]) == "gs:/bucket/x" == str(Path("gs://bucket/x"))
    assert DataDirs.of("/data/v=1") == DataDirs(Path("/data/v=1"))


def test_a_folder_that_looks_like_a_name_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rte=1").mkdir()
    assert DataDirs.of("rte=1") == DataDirs(Path("rte=1"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["rte="], "wanted DIR, or NAME=DIR"),
        (["rte=/a", "rte=/b"], "for rte is given twice, /a and /b"),
        (["/a", "/b"], "for all is given twice"),
        (["rte=/a", "/x:y"], "stands between several directories"),
    ],
)
def test_what_cannot_be_is_refused(values, words):
    with pytest.raises(DeclarationError) as raised:
        joined(values)
    assert words in str(raised.value)


def test_unknown_names_are_named_with_the_nearest():
    SEVERAL.check(catalog().expand)
    DataDirs.of("anli=/a:tfds=/b:all=/c").check(catalog().expand)
    with pytest.raises(UnknownNameError, match="--data-dir ret=/a: .*rte.*tfds, files, hf"):
        DataDirs.of("ret=/a").check(catalog().expand)
