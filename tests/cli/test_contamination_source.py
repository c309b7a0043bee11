"""`flan contamination` reads rows where the build's came from, and downloads nothing by itself."""

import json

import pytest
from own_datasets import rows

from flan_tasks.datasets import catalog


def test_the_source_is_that_of_the_build(flan, tmp_path):
    flan("build", "rte", "--source", "samples", "--seed", "3", "--out", tmp_path / "out")
    printed = flan("contamination", tmp_path / "out", "--against", "cb").out
    assert "15 training examples compared with" in printed


def test_the_environment_does_not_speak_for_the_build(flan, tmp_path, monkeypatch):
    flan("build", "rte", "--source", "samples", "--out", tmp_path / "out")
    monkeypatch.setenv("FLAN_TASKS_SOURCE", "tfds")
    flan("contamination", tmp_path / "out", "--against", "cb")


def test_rows_of_own_files_are_read_again(flan, own, tmp_path):
    module = own(rows(40))
    flan("build", "haiku", *module, "--out", tmp_path / "out")
    printed = flan("contamination", tmp_path / "out", *module, "--against", "haiku").out
    assert "38 training examples compared with 2 examples" in printed


def test_a_build_of_a_module_names_it(flan, own, tmp_path):
    module = own(rows(40))
    flan("build", "haiku", *module, "--out", tmp_path / "out")
    catalog.cache_clear()
    printed = flan("contamination", tmp_path / "out", "--against", "cb", code=2).err
    assert f"was built with --module {module[1]}; give it here as well" in printed


@pytest.mark.parametrize("dropped", [(), ("--data-dir", ".")])
def test_what_would_be_downloaded_is_named(flan, tmp_path, monkeypatch, dropped):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("FLAN_TASKS_DATA_DIR", raising=False)
    rte = tmp_path / "data" / "rte"
    rte.mkdir(parents=True)
    row = {"premise": "It rains.", "hypothesis": "It is wet.", "idx": 0, "label": 0}
    (rte / "train.jsonl").write_text((json.dumps(row) + "\n") * 30)
    (rte / "validation.jsonl").write_text((json.dumps(row) + "\n") * 3)
    words = ("--source", "files", "--data-dir", tmp_path / "data")
    flan("build", "rte", *words, "--out", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    # The folder of the build is not in its manifest, and another is not the same.
    printed = flan("contamination", tmp_path / "out", "--against", "rte", *dropped, code=1).err
    assert "rte" in printed and "--data-dir" in printed
    flan("contamination", tmp_path / "out", "--against", "rte", *words[2:], code=1)


def test_nothing_is_fetched_without_being_asked_for(flan, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("FLAN_TASKS_DATA_DIR", raising=False)
    out = tmp_path / "out"
    flan("build", "rte", "--source", "samples", "--out", out)
    from flan_tasks.jobs import contamination

    monkeypatch.setattr(contamination, "source_of", lambda manifest: "tfds")
    printed = flan("contamination", out, "--against", "cb", code=1).err
    assert "the build's rows came from --source tfds, where these are not available" in printed
    assert "rte: needs download" in printed and "cb: needs download" in printed
    assert "--source tfds to fetch them" in printed
