import json
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows.base import State
from flan_tasks.raw_rows.prepared_tree import SplitInfo
from flan_tasks.raw_rows.tfds import TfdsSource


def rte(real_tree, **changes):
    columns = changes.pop("columns", ("premise", "hypothesis", "label"))
    return TfdsSource(Tfds("super_glue/rte:1.0.2"), columns=columns, data_dir=real_tree)


def test_tfds_reads_a_prepared_tree(real_tree):
    source = rte(real_tree)
    assert source.status().state is State.AVAILABLE
    assert source.splits() == {"test": 1000, "train": 2000, "validation": 207}
    rows = list(source.rows("train", range(3, 6)))
    assert len(rows) == 3
    assert {type(rows[0][name]) for name in ("premise", "hypothesis")} == {str}
    assert rows[0]["label"] in (0, 1)


def test_tfds_rows_come_in_the_order_they_are_stored_in(real_tree):
    source = rte(real_tree)
    whole = list(source.rows("train", range(0, 50)))
    assert list(source.rows("train", range(20, 30))) == whole[20:30]


def test_tfds_decodes_only_the_columns_asked_for(real_tree):
    (row,) = rte(real_tree, columns=("label",)).rows("train", range(1))
    assert list(row) == ["label"]


def test_tfds_states_its_own_label_names(real_tree):
    assert rte(real_tree).labels() == {"label": ("entailment", "not_entailment")}


def test_tfds_identity_is_that_of_the_builder(real_tree):
    read, asked = rte(real_tree), rte(real_tree)
    info = asked._builder.info.splits
    asked._infos = {
        name: SplitInfo(list(info[name].shard_lengths), int(info[name].num_bytes)) for name in info
    }
    assert asked.splits() == read.splits()
    for split in info:
        assert asked.identity(split) == read.identity(split)


def test_tfds_splits_and_identity_import_no_tfds(tmp_path):
    folder = tmp_path / "a" / "1.0.0"
    folder.mkdir(parents=True)
    stated = [{"name": "train", "shardLengths": ["3", "4"], "numBytes": "70"}]
    (folder / "dataset_info.json").write_text(json.dumps({"splits": stated}))
    code = """
import sys
from pathlib import Path
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows.tfds import TfdsSource
source = TfdsSource(Tfds("a:1.0.0"), columns=(), data_dir=Path(sys.argv[1]))
assert source.splits() == {"train": 7} and source.identity("train")["rows"] == 7
assert "tensorflow_datasets" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True)


@pytest.mark.parametrize("text", ["{", "{}", '{"splits": [{"name": "train"}]}', "[]"])
def test_tfds_itself_judges_an_info_of_another_form(tmp_path, text):
    folder = tmp_path / "a" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(text)
    source = TfdsSource(Tfds("a:1.0.0"), columns=(), data_dir=tmp_path)
    with pytest.raises(SourceUnavailableError, match="its prepared folder cannot be read|no split"):
        source.num_rows("train")


def test_tfds_with_a_data_dir_downloads_nothing(tmp_path):
    source = TfdsSource(Tfds("glue/rte:2.0.0"), columns=(), data_dir=tmp_path)
    with pytest.raises(SourceUnavailableError, match=r"expected the folder glue/rte/2.0.0 there"):
        source.splits()


@pytest.mark.parametrize(
    ("origin", "state", "detail"),
    [
        (Tfds("a:1.0.0", download_mib=12), State.NEEDS_DOWNLOAD, "TFDS a:1.0.0, about 12 MiB"),
        (Tfds("a:1.0.0", manual="put b.zip in c"), State.NEEDS_MANUAL, "put b.zip in c"),
        (Tfds("a:1.0.0", gone="its host is down"), State.GONE, "its host is down"),
    ],
)
def test_tfds_says_what_it_takes(tmp_path, monkeypatch, origin, state, detail):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    status = TfdsSource(origin, columns=()).status()
    assert (status.state, status.detail) == (state, detail)


@pytest.mark.parametrize("origin", [Tfds("a:1.0.0", manual="put b"), Tfds("a:1.0.0", gone="down")])
def test_tfds_that_cannot_be_had_says_why(tmp_path, monkeypatch, origin):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(SourceUnavailableError, match="TFDS a:1.0.0: (needs manual|gone)"):
        TfdsSource(origin, columns=()).splits()


def test_a_damaged_tree_is_named(tmp_path):
    folder = tmp_path / "a" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(SourceUnavailableError, match="TFDS a:1.0.0: its prepared folder cannot be"):
        TfdsSource(Tfds("a:1.0.0"), columns=(), data_dir=tmp_path).splits()
