import pickle
import threading

import numpy as np
import pytest
from addresses import lying_at
from packed_build import make_rows, write_build

import flan_tasks
from flan_tasks.core.errors import BuildError
from flan_tasks.storage.storage import Storage


@pytest.fixture
def local(tmp_path):
    return write_build(tmp_path / "b", make_rows(23), shards=3)


@pytest.fixture
def there(memory, local):
    """The same build at an address."""
    storage = Storage(memory)
    for path in local.iterdir():
        storage.put(path, path.name)
    return memory


def here(tmp_path):
    """What of it was fetched."""
    return {path.name for path in (tmp_path / "cache").rglob("*.npy")}


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_batches_are_those_of_the_directory(local, there):
    ours, theirs = flan_tasks.open(str(there)), flan_tasks.open(local)
    for step in (0, 5):
        same(ours.batch(step, 8, seed=1), theirs.batch(step, 8, seed=1))
    assert repr(ours) == repr(theirs) and ours.num_examples == theirs.num_examples


@pytest.mark.parametrize("check", ["use", "open", "never"])
def test_only_files_that_are_used_are_fetched(there, tmp_path, check):
    reader = flan_tasks.open(str(there), check=check)
    assert len(here(tmp_path)) == (0 if check != "open" else 3 * 7)
    reader[0]
    if check != "open":
        assert {name.split(".")[0] for name in here(tmp_path)} == {"train-00000-of-00003"}
    reader.unpack(22), reader.example(3), reader.most_examples


def test_what_was_fetched_is_not_fetched_again(there, monkeypatch):
    flan_tasks.open(str(there)).batch(0, 23)
    asked = []
    fetch = Storage.fetch
    monkeypatch.setattr(
        Storage, "fetch", lambda self, name, *rest: (asked.append(name), fetch(self, name, *rest))
    )
    flan_tasks.open(str(there)).batch(0, 23)
    assert asked == []


def test_another_build_at_the_address_has_a_copy_of_its_own(there, tmp_path, monkeypatch):
    first = flan_tasks.open(str(there)).batch(0, 23, shuffle=False)
    other = write_build(tmp_path / "c", make_rows(23, seed=5), shards=3)
    for path in other.iterdir():
        Storage(there).put(path, path.name)
    second = flan_tasks.open(str(there)).batch(0, 23, shuffle=False)
    assert not (first["encoder_input_tokens"] == second["encoder_input_tokens"]).all()
    same(second, flan_tasks.open(other).batch(0, 23, shuffle=False))


def test_files_are_fetched_ahead(there, tmp_path):
    reader = flan_tasks.open(str(there))
    reader.prefetch()
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join()
    assert len(here(tmp_path)) == 3 * 7


def test_a_reader_is_sent_to_other_processes(local, there):
    reader = flan_tasks.open(str(there))
    reader[3]
    same(pickle.loads(pickle.dumps(reader))[20], flan_tasks.open(local)[20])


@pytest.mark.parametrize("content", [b"short", None])
def test_a_changed_or_missing_file_is_named_and_nothing_of_it_stays(there, tmp_path, content):
    name = "train-00001-of-00003.inputs.npy"
    if content is None:
        Storage(there).remove([name])
    else:
        Storage(there).write(name, content)
    reader = flan_tasks.open(str(there))
    reader[0]  # of another shard
    with pytest.raises(BuildError, match=f"memory://bucket/builds/m/{name}"):
        reader.batch(0, 23)
    assert name not in here(tmp_path)


def test_a_file_with_one_other_byte_is_named(there, tmp_path):
    name = "train-00001-of-00003.inputs.npy"
    content = bytearray(lying_at(there)[name])
    content[-1] ^= 1
    Storage(there).write(name, bytes(content))
    with pytest.raises(BuildError, match=f"memory://bucket/builds/m/{name} was changed"):
        flan_tasks.open(str(there)).batch(0, 23)
    assert name not in here(tmp_path)


def test_where_no_build_is_it_says_so(memory):
    with pytest.raises(BuildError, match="memory://bucket/builds/m is no build directory"):
        flan_tasks.open(str(memory))


def test_a_damaged_manifest_is_named_by_its_address(there):
    Storage(there).write("manifest.json", b"{")
    with pytest.raises(BuildError, match="^memory://bucket/builds/m/manifest.json is damaged"):
        flan_tasks.open(str(there))


def test_another_format_names_what_opens_it(there, local, memory):
    changed = lying_at(there)["manifest.json"].replace(b"arrays", b"jsonl ")
    Storage(memory).write("manifest.json", changed)
    with pytest.raises(BuildError, match="memory://"):
        flan_tasks.open(str(there))
