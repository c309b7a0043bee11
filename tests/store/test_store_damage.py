"""Stored examples that are not what was stored: named, and made anew from the source."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from conftest import ROOT, make_catalog

from flan_tasks.core.errors import BuildError, SourceUnavailableError
from flan_tasks.raw_rows import open_source
from flan_tasks.store import checksum
from flan_tasks.store.store import Store

TESTS = ROOT / "tests"


@pytest.fixture
def toys(tmp_path):
    dataset = make_catalog(tmp_path, {"birds": 44})["birds"]
    return Store(tmp_path / "kept"), dataset, open_source(dataset, samples=None)


def rewrite(path, change):
    """Puts changed bytes in the place of a file, which may be mapped by this process."""
    data = bytearray(path.read_bytes())
    change(data)
    path.unlink()
    path.write_bytes(data)


def flip(data, bit):
    data[bit // 8] ^= 1 << bit % 8


def everything(examples):
    return examples.take(range(len(examples)))


def test_a_flipped_bit_anywhere_is_named_and_mended(toys, caplog):
    store, dataset, source = toys
    examples = store.open(dataset, source, "train", limit=None)
    path, whole, rows = examples.path, examples.path.read_bytes(), everything(examples)
    for bit in np.random.default_rng(0).integers(0, len(whole) * 8, 12).tolist():
        rewrite(path, lambda data, bit=bit: flip(data, bit))
        caplog.clear()
        assert everything(store.open(dataset, source, "train", limit=None)) == rows
        assert path.read_bytes() == whole
        (message,) = caplog.messages
        assert message.startswith(f"stored examples {path} are damaged: its content")


def test_a_flipped_bit_in_the_checksum_is_mended(toys, caplog):
    store, dataset, source = toys
    path = store.open(dataset, source, "train", limit=None).path
    beside = path.with_name(path.name + ".sha256")
    stated = beside.read_bytes()
    for bit in range(0, len(stated) * 8 - 8, 97):  # not the line end, which says nothing
        rewrite(beside, lambda data, bit=bit: flip(data, bit))
        store.open(dataset, source, "train", limit=None)
        assert beside.read_bytes() == stated, bit
    assert checksum.check(store.root).sound == 1


def test_a_file_without_its_checksum_is_made_anew(toys, caplog):
    store, dataset, source = toys
    path = store.open(dataset, source, "train", limit=None).path
    path.with_name(path.name + ".sha256").unlink()
    store.open(dataset, source, "train", limit=None)
    assert f"{path.name}.sha256 is missing" in caplog.text
    assert checksum.check(store.root).sound == 1


def test_a_file_of_other_rows_under_its_name_is_made_anew(toys, caplog):
    store, dataset, source = toys
    examples = store.open(dataset, source, "train", limit=None)
    rows, path = everything(examples), examples.path
    other = store.open(dataset, source, "validation", limit=None).path
    shutil.copy(other, path)
    checksum.write(path, stands_for=path)
    assert everything(store.open(dataset, source, "train", limit=None)) == rows
    assert "it holds other examples than its name says" in caplog.text
    # With its checksum, as two lines of a copy that went wrong.
    shutil.copy(other.with_name(other.name + ".sha256"), path.with_name(path.name + ".sha256"))
    assert everything(store.open(dataset, source, "train", limit=None)) == rows
    assert "is no checksum of it" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"rows": "40"},
        {"rows": -1},
        {"at_hand": None},
        {"skipped": []},
        {"skipped": {"x": 1.5}},
        {"parts": 3},
        {"parts": {}},
        {"key": 7},
        None,
    ],
)
def test_metadata_of_other_types_is_made_anew(toys, caplog, change):
    store, dataset, source = toys
    examples = store.open(dataset, source, "train", limit=None)
    path, whole = examples.path, examples.path.read_bytes()
    with pa.memory_map(str(path)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
    about = json.loads(table.schema.metadata[b"flan_tasks"])
    text = "[]" if change is None else json.dumps(about | change)
    path.unlink()
    with pa.OSFile(str(path), "wb") as out:
        table = table.replace_schema_metadata({"flan_tasks": text})
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    checksum.write(path, stands_for=path)
    store.open(dataset, source, "train", limit=None)
    assert path.read_bytes() == whole
    assert "are damaged" in caplog.text


def test_damaged_examples_without_some_are_made_anew(toys):
    store, dataset, source = toys
    examples = store.open(dataset, source, "train", limit=None)
    less = store.without(examples, np.asarray([3, 5]), reason="seen")
    rows, whole = everything(less), less.path.read_bytes()
    rewrite(less.path, lambda data: flip(data, len(data) * 4))
    less = store.without(examples, np.asarray([3, 5]), reason="seen")
    assert everything(less) == rows and less.path.read_bytes() == whole


def test_damage_without_a_source_is_said(toys, tmp_path, monkeypatch):
    store, dataset, source = toys
    path = store.open(dataset, source, "train", limit=None).path
    rewrite(path, lambda data: flip(data, len(data) * 4))

    def gone(self, *args):
        raise SourceUnavailableError("birds: no network")

    monkeypatch.setattr(type(source), "rows", gone)
    with pytest.raises(SourceUnavailableError, match=f"no network.*{re.escape(str(path))} are dam"):
        store.open(dataset, source, "train", limit=None)


_WRITES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import make_catalog
from flan_tasks.store import split_file
from flan_tasks.store.store import Store
from flan_tasks.raw_rows import open_source
root = Path(sys.argv[1])
dataset = make_catalog(root, {{"birds": 44}})["birds"]
{before}
Store(root.parent / "kept").open(dataset, open_source(dataset, samples=None), "train", limit=None)
"""


def writer(root, before=""):
    root.mkdir(exist_ok=True)
    code = _WRITES.format(tests=str(TESTS), before=before)
    return subprocess.Popen([sys.executable, "-c", code, str(root)], cwd=ROOT)


@pytest.mark.slow
def test_what_a_killed_writer_left_goes_with_the_next_build(tmp_path):
    kill = "split_file.check_unique = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    assert writer(tmp_path / "rows", kill).wait() == -signal.SIGKILL
    assert len(list((tmp_path / "kept").glob("*.tmp"))) == 2
    assert writer(tmp_path / "rows").wait() == 0
    left = sorted(path.suffix for path in (tmp_path / "kept").iterdir())
    assert left == [".arrow", ".sha256"]


def test_threads_that_write_one_file_at_once_leave_it_whole(toys):
    store, dataset, _ = toys

    def write(_):
        source = open_source(dataset, samples=None)  # a file is read at one place at a time
        return everything(Store(store.root).open(dataset, source, "train", limit=None))

    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(write, range(4))
    assert others == [one] * 3
    assert checksum.check(store.root).sound == 1 and len(list(store.root.iterdir())) == 2


@pytest.mark.slow
def test_processes_that_write_one_file_at_once_leave_it_whole(tmp_path):
    processes = [writer(tmp_path / "rows") for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert checksum.check(tmp_path / "kept").sound == 1
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_temporaries_of_older_versions_go_after_an_hour(tmp_path):
    names = ("a-train-0.arrow.4711.tmp", "a-train-0.arrow.4711.rows", "a.arrow.sha256.12.tmp")
    for name in names:
        (tmp_path / name).touch()
    Store(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for name in names:
        os.utime(tmp_path / name, (0, 0))
    Store(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_written_is_said(toys, tmp_path):
    _, dataset, source = toys
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="the store .*file cannot be written"):
        Store(tmp_path / "file").open(dataset, source, "train", limit=None)
