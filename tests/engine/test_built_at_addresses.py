import json
import threading
from contextlib import contextmanager

import pytest
from addresses import lying_at
from conftest import make_catalog
from test_directory import SETTINGS, files

import flan_tasks
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.verification import verify
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.storage import lease
from flan_tasks.storage.storage import Storage


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.fixture
def run(prepared):
    def go(out, *, seed=0, **options):
        return build(prepared, make_plan(prepared, seed=seed), SETTINGS, out, **options)

    return go


@contextmanager
def dying(monkeypatch, *, name, after=0):
    """The connection fails for good when a file of that name is written, or after some of them."""
    put, left = Storage.put, [after]

    def fails(self, path, target):
        if name in target:
            if left[0] <= 0:
                raise BuildError(f"{target} cannot be written: the server is gone")
            left[0] -= 1
        put(self, path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "put", fails)
        yield


def test_a_build_at_an_address_has_the_bytes_of_a_local_one(run, memory, tmp_path):
    there, here = run(memory), run(tmp_path / "out")
    assert lying_at(memory) == files(tmp_path / "out")
    assert there.manifest == here.manifest
    assert verify(memory) == here.manifest
    assert not list((tmp_path / "cache").rglob("*.jsonl"))  # nothing of it stays here


def test_workers_and_a_report_change_no_byte(run, memory, tmp_path):
    def report(folder, manifest):
        return "".join(path.name for path in sorted((folder / "data").iterdir()))

    run(memory, workers=2, report=report)
    run(tmp_path / "out", report=report)
    assert lying_at(memory) == files(tmp_path / "out")


def test_a_complete_build_is_recognized(run, memory):
    run(memory)
    before = lying_at(memory)
    assert run(memory).was_there
    assert lying_at(memory) == before


def test_notes_left_beside_a_complete_build_are_cleared_away(run, memory, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "remove", lambda self, names: None)
        run(memory)
    assert any(name.startswith(".progress") for name in lying_at(memory))
    verify(memory)
    monkeypatch.setattr(lease, "STALE", -1.0)
    assert run(memory).was_there
    assert not any(name.startswith(".progress") for name in lying_at(memory))


def test_another_build_at_the_address_is_refused(run, memory):
    run(memory)
    with pytest.raises(BuildError, match="memory://bucket/builds/m holds another build"):
        run(memory, seed=1)


def test_an_address_with_something_else_is_refused(run, memory):
    Storage(memory).write("thesis.txt", b"x")
    with pytest.raises(BuildError, match="no build directory: it holds thesis.txt"):
        run(memory)


def test_a_complete_build_that_lost_a_shard_is_not_called_complete(run, memory):
    run(memory)
    Storage(memory).remove(["data/train-00001-of-00004.jsonl"])
    with pytest.raises(BuildError, match="data/train-00001-of-00004.jsonl is missing"):
        run(memory)


@pytest.mark.parametrize("name", ["data/", "README.md", "manifest.json"])
def test_an_interrupted_build_goes_on(run, memory, tmp_path, monkeypatch, name):
    with dying(monkeypatch, name=name, after=1 if name == "data/" else 0):
        with pytest.raises(BuildError, match="the server is gone"):
            run(memory)
    assert "manifest.json" not in lying_at(memory)
    with pytest.raises(BuildError, match="memory://bucket/builds/m is an unfinished build"):
        verify(memory)
    again = run(memory)
    assert again.kept == (1 if name == "data/" else 4)
    run(tmp_path / "out")
    assert lying_at(memory) == files(tmp_path / "out")


def test_a_shard_without_its_note_or_of_another_size_is_built_again(run, memory, monkeypatch):
    with dying(monkeypatch, name="README.md"), pytest.raises(BuildError):
        run(memory)
    storage = Storage(memory)
    storage.remove([".progress/data--train-00000-of-00004.jsonl.json"])
    storage.write("data/train-00002-of-00004.jsonl", b"half")
    assert run(memory).kept == 2
    verify(memory)


def test_a_begun_build_of_another_recipe_is_refused(run, memory, monkeypatch):
    with dying(monkeypatch, name="data/"), pytest.raises(BuildError):
        run(memory)
    with pytest.raises(BuildError, match="holds an unfinished build.*\n  --seed: 0, now 1"):
        run(memory, seed=1)


def test_a_report_has_shards_that_earlier_runs_put_there(run, memory, tmp_path, monkeypatch):
    def report(folder, manifest):
        shards = sorted((folder / "data").iterdir())
        return f"{len(shards)} shards, {sum(len(p.read_bytes()) for p in shards)} bytes"

    with dying(monkeypatch, name="data/", after=2), pytest.raises(BuildError):
        run(memory, report=report)
    run(memory, report=report)
    run(tmp_path / "out", report=report)
    assert lying_at(memory)["report.html"] == files(tmp_path / "out")["report.html"]


def test_a_second_build_waits_for_nothing_while_the_first_lives(run, memory, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.01)
    monkeypatch.setattr(lease, "_LOOK", 0.03)
    held, go_on = threading.Event(), threading.Event()

    def report(folder, manifest):
        held.set()
        go_on.wait(30)
        return ""

    first = threading.Thread(target=run, args=(memory,), kwargs={"report": report})
    first.start()
    assert held.wait(30)
    with pytest.raises(BuildError, match="another process is building into memory://"):
        run(memory, report=report)
    go_on.set()
    first.join()
    verify(memory)


def test_who_lost_the_lock_writes_no_manifest(run, memory, monkeypatch):
    def report(folder, manifest):
        Storage(memory).write(".progress/lock", json.dumps({"owner": "other"}).encode())
        lost.wait(5)
        return ""

    lost = threading.Event()
    monkeypatch.setattr(lease, "BEAT", 0.01)
    live = lease.Lease._live

    def watched(self):
        live(self)
        lost.set()

    monkeypatch.setattr(lease.Lease, "_live", watched)
    with pytest.raises(BuildError, match="another process has taken over"):
        run(memory, report=report)
    assert "manifest.json" not in lying_at(memory)


@pytest.mark.parametrize("name", ["data/train-00002-of-00004.jsonl", "README.md"])
def test_verify_names_a_changed_file(run, memory, name):
    run(memory)
    content = bytearray(lying_at(memory)[name])
    content[len(content) // 2] ^= 1
    Storage(memory).write(name, bytes(content))
    with pytest.raises(BuildError, match=f"^memory://bucket/builds/m is not what.*\n{name} was"):
        verify(memory)


def test_verify_names_missing_and_added_files(run, memory):
    run(memory)
    storage = Storage(memory)
    storage.remove(["data/train-00001-of-00004.jsonl"])
    storage.write("extra.txt", b"x")
    with pytest.raises(BuildError, match="00001-of-00004.jsonl is missing\nextra.txt is not in"):
        verify(memory)


def test_a_place_where_two_could_build_is_refused(run):
    with pytest.raises(BuildError, match="nothing can be built at local://there/x: local://"):
        run(Address("local://there/x"))


def test_such_a_place_is_refused_before_anything_is_read():
    with pytest.raises(BuildError, match="nothing can be built at local://there/x: local://"):
        flan_tasks.build("no such mixture", "local://there/x", source="samples")


def test_a_lock_that_was_not_taken_to_the_end_is_given_back(run, memory, monkeypatch):
    create, made = Storage.create, []

    def once(self, name, content):
        if made:
            raise BuildError("the server is gone")
        made.append(name)
        return create(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "create", once)
        with pytest.raises(BuildError, match="the server is gone"):
            run(memory)
    assert lying_at(memory) == {}
