"""A store at an address, by fsspec's memory."""

import logging

import fsspec
import pytest
from addresses import lying_at
from conftest import make_catalog

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.jobs.verify import verify_store
from flan_tasks.raw_rows import open_source
from flan_tasks.storage.storage import Storage
from flan_tasks.store.store import Store, open_store


@pytest.fixture
def birds(tmp_path):
    dataset = make_catalog(tmp_path, {"birds": 44})["birds"]
    return dataset, open_source(dataset, samples=None)


@pytest.fixture
def on_machine(memory, birds, tmp_path, monkeypatch):
    """Opens the examples as a machine of that name does, which keeps copies of its own."""

    def opened(name):
        monkeypatch.setenv("FLAN_TASKS_CACHE", str(tmp_path / name))
        dataset, source = birds
        return Store(memory).open(dataset, source, "train", limit=None)

    return opened


def only_name(memory) -> str:
    (name,) = (name for name in lying_at(memory) if name.endswith(".arrow"))
    return name


def change(memory, name, content):
    fsspec.filesystem("memory").pipe_file(f"/{str(memory).partition('://')[2]}/{name}", content)


def test_one_machine_reads_rows_and_others_fetch_them(
    on_machine, birds, memory, tmp_path, monkeypatch
):
    first = on_machine("one")
    name = only_name(memory)
    assert lying_at(memory) == {
        one.name: one.read_bytes() for one in (first.path, first.path.with_name(name + ".sha256"))
    }
    monkeypatch.setattr(type(birds[1]), "rows", None)
    second = on_machine("two")
    assert second.path.is_relative_to(tmp_path / "two") and second.path != first.path
    assert second.take(range(40)) == first.take(range(40))
    assert second.path.read_bytes() == first.path.read_bytes()


def test_what_is_here_is_not_fetched_again_and_what_is_missing_there_is_put(
    on_machine, memory, monkeypatch
):
    kept = on_machine("one").path.read_bytes()
    fsspec.filesystem("memory").store.clear()
    on_machine("one")
    assert lying_at(memory)[only_name(memory)] == kept
    monkeypatch.setattr(Storage, "fetch", None)
    on_machine("one")


@pytest.mark.parametrize("what", ["the file", "the checksum"])
def test_what_is_damaged_there_is_made_anew_here_and_there(on_machine, memory, caplog, what):
    sound = on_machine("one")
    before = lying_at(memory)
    name = only_name(memory) + (".sha256" if what == "the checksum" else "")
    change(memory, name, before[name][:-9] + b"123456789")
    with caplog.at_level(logging.WARNING):
        found = on_machine("two")
    assert found.take(range(40)) == sound.take(range(40))
    assert lying_at(memory) == before
    assert f"{memory / only_name(memory)} are damaged" in caplog.text


def test_what_is_damaged_here_is_fetched(on_machine, birds, monkeypatch):
    path = on_machine("one").path
    sound = path.read_bytes()
    path.write_bytes(sound[:-9] + b"123456789")
    monkeypatch.setattr(type(birds[1]), "rows", None)
    assert on_machine("one").path.read_bytes() == sound


def test_a_file_without_a_checksum_is_not_there_yet(on_machine, memory):
    on_machine("one")
    before, name = lying_at(memory), only_name(memory)
    Storage(memory).remove([name + ".sha256"])
    on_machine("two")
    assert lying_at(memory) == before


def test_who_may_not_write_there_is_warned_once(birds, memory, tmp_path, monkeypatch, caplog):
    def refused(self, path, name):
        raise BuildError(f"{self.address / name} cannot be written: access is refused")

    monkeypatch.setattr(Storage, "put", refused)
    dataset, source = birds
    store = Store(memory)
    with caplog.at_level(logging.WARNING):
        for split in ("train", "validation"):
            found = store.open(dataset, source, split, limit=None)
            assert found.path.is_relative_to(tmp_path / "cache")
    (line,) = [one.getMessage() for one in caplog.records]
    assert "access is refused. Stored examples stay in" in line
    assert not lying_at(memory)


def test_the_usual_store_may_be_an_address(memory, birds, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_STORE", str(memory))
    dataset, source = birds
    open_store().open(dataset, source, "train", limit=None)
    kept = verify_store()
    assert (kept.folder, kept.files, kept.without_checksum) == (memory, 1, ())


def test_a_damaged_file_there_is_named(on_machine, memory):
    on_machine("one")
    name = only_name(memory)
    change(memory, name, b"123456789")
    with pytest.raises(
        BuildError, match=f"{memory} is not what was stored(.|\n)*{name} was changed"
    ):
        verify_store(memory)
    with pytest.raises(BuildError, match="memory://none is no store"):
        verify_store(Address("memory://none"))


def test_commands_take_an_address_for_the_store(flan, memory, tmp_path, monkeypatch):
    store = f"{memory}/store"
    words = ("build", "rte", "--source", "samples", "--format", "jsonl", "--no-report")
    flan(*words, "--store", store, "--out", tmp_path / "one")
    monkeypatch.setenv("FLAN_TASKS_CACHE", str(tmp_path / "other"))
    flan(*words, "--store", store, "--out", tmp_path / "two")
    assert (tmp_path / "one" / "manifest.json").read_bytes() == (
        tmp_path / "two" / "manifest.json"
    ).read_bytes()
    kept = len([name for name in lying_at(memory) if name.endswith(".arrow")])
    checked = flan("verify", "--store", store).out
    assert f"{store}: of its files {kept} are what was stored" in checked
    assert "credentials" in flan(*words, "--store", "memory://a@b/x", "--out", "o", code=2).err


def test_a_build_grows_from_one_at_an_address(flan, memory, tmp_path):
    words = ("build", "rte", "--source", "samples", "--format", "jsonl", "--no-report")
    flan(*words, "--examples", "40", "--out", memory)
    grown = flan(*words, "--examples", "60", "--grow-from", memory, "--out", tmp_path / "here")
    flan(*words, "--examples", "60", "--grow-from", memory, "--out", f"{memory}-grown")
    assert "0 of 1 shard" in grown.err  # the other is taken over
    there = {name: data for name, data in lying_at(Address(f"{memory}-grown")).items()}
    assert there == {
        path.relative_to(tmp_path / "here").as_posix(): path.read_bytes()
        for path in (tmp_path / "here").rglob("*")
        if path.is_file()
    }
