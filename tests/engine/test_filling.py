"""The store is filled by several processes with the bytes that one writes."""

import pytest
from prepared_trees import write_rte

from flan_tasks.core.errors import RowError
from flan_tasks.datasets import catalog
from flan_tasks.engine import filling
from flan_tasks.engine.filling import fill
from flan_tasks.engine.workers import LocalProcesses
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.store import Store


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(filling, "_WORTH", 1)
    monkeypatch.setattr(filling, "_PART_ROWS", 300)


def filled(root, tree, *, name="rte", runner=None):
    told = []
    fill(
        catalog().mixture(name),
        catalog(),
        source=SourceChoice("tfds", tree),
        store=Store(root),
        split="train",
        runner=runner or LocalProcesses(2),
        progress=told.append,
    )
    return told


def starts_none(*_, **__):
    raise AssertionError("a process is started")


def files(root):
    return {path.name: path.read_bytes() for path in sorted(root.iterdir())}


def alone(root, tree, name="rte"):
    source = SourceChoice("tfds", tree)
    prepare(catalog().mixture(name), catalog(), source=source, store=Store(root))
    return files(root)


def test_two_processes_write_what_one_writes(tmp_path, small):
    write_rte(tmp_path / "tree", count=1_500)
    told = filled(tmp_path / "two", tmp_path / "tree")
    # The 1,300 rows that are not carved for validation, in equal parts of at most 300.
    assert told == ["read rte, one of 1 dataset"] * 6
    assert files(tmp_path / "two") == alone(tmp_path / "one", tmp_path / "tree")


def test_what_is_stored_starts_no_process(tmp_path, small):
    write_rte(tmp_path / "tree", count=1_500)
    before = alone(tmp_path / "store", tmp_path / "tree")
    assert filled(tmp_path / "store", tmp_path / "tree", runner=starts_none) == []
    assert files(tmp_path / "store") == before


def test_few_rows_start_no_process(tmp_path):
    write_rte(tmp_path / "tree", count=1_500)
    assert filled(tmp_path / "store", tmp_path / "tree", runner=starts_none) == []


def test_bad_rows_are_left_to_one_process_which_names_them(tmp_path, small):
    folder = write_rte(tmp_path / "tree", count=1_500)
    path = folder / "super_glue-train.tfrecord-00000-of-00002"
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    filled(tmp_path / "two", tmp_path / "tree")
    assert not files(tmp_path / "two")
    with pytest.raises(RowError, match="record 0: its data is not what its checksum says"):
        alone(tmp_path / "two", tmp_path / "tree")
