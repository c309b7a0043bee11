"""Beam: the same function, the same bytes; skipped where apache-beam is not installed."""

import sys
import threading

import pytest
from conftest import make_catalog
from prepared_trees import write_rte

from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.engine import filling, run_beam
from flan_tasks.engine.filling import fill
from flan_tasks.engine.run_beam import Beam
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import BytesVocabulary

MULTI = "--direct_num_workers=2 --direct_running_mode=multi_processing"


@pytest.fixture
def run(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    prepared = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(prepared, seed=0)

    def go(name, form="jsonl", **options):
        settings = BuildSettings(
            format=form,
            split="train",
            style="inputs-targets",
            lengths={"inputs": 64, "targets": 16},
            vocabulary=BytesVocabulary(),
            num_shards=5,
        )
        return build(prepared, plan, settings, tmp_path / name, **options)

    return go


@pytest.fixture
def beam():
    return pytest.importorskip("apache_beam", exc_type=ImportError)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("form", ["jsonl", "arrays"])
@pytest.mark.parametrize("arguments", ["", MULTI])
def test_beam_gives_the_same_bytes(beam, run, tmp_path, form, arguments):
    run("local", form)
    run("beam", form, runner=Beam(arguments.split()))
    assert files(tmp_path / "beam") == files(tmp_path / "local")


def test_beam_goes_on_with_what_a_local_build_began(beam, run, tmp_path, monkeypatch):
    run("whole")
    built = []

    def stops(plan, shard, settings, folder):
        if len(built) == 2:
            raise KeyboardInterrupt
        built.append(shard)
        return original(plan, shard, settings, folder)

    from flan_tasks.engine import work

    original = work.build_shard
    with monkeypatch.context() as patched:
        patched.setattr(work, "build_shard", stops)
        with pytest.raises(KeyboardInterrupt):
            run("out")
    assert run("out", runner=Beam([])).kept == 2
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize("arguments", ["", MULTI])
def test_what_a_worker_raises_is_said_in_its_own_words(beam, run, tmp_path, arguments):
    for path in (tmp_path / "store").glob("birds-*.arrow"):
        path.unlink()
    with pytest.raises(BuildError, match="stored examples .*birds.* cannot be read") as caught:
        run("out", runner=Beam(arguments.split()))
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_the_store_has_the_bytes_that_one_process_writes(beam, tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "_WORTH", 1)
    monkeypatch.setattr(filling, "_PART_ROWS", 300)
    write_rte(tmp_path / "tree", count=1_500)
    source, mixture, told = SourceChoice("tfds", tmp_path / "tree"), catalog().mixture("rte"), []
    fill(
        mixture,
        catalog(),
        source=source,
        store=Store(tmp_path / "beam"),
        split="train",
        runner=Beam([]),
        progress=told.append,
    )
    assert told == ["read rte, one of 1 dataset"] * 5
    prepare(mixture, catalog(), source=source, store=Store(tmp_path / "one"))
    assert files(tmp_path / "beam") == files(tmp_path / "one")


def test_shards_are_counted_as_they_are_done(beam, run, tmp_path):
    seen = []
    run("beam", runner=Beam([]), watch=seen.append)
    assert {status.done for status in seen} == set(range(6))


def test_workers_that_never_begin_are_missed_in_time(beam, run, monkeypatch):
    ends = threading.Event()
    monkeypatch.setattr(run_beam._Pipeline, "_run", lambda self: ends.wait(60))
    monkeypatch.setattr(run_beam, "_GRACE", 0.1)
    with pytest.raises(BuildError, match=r"no Beam worker has begun within 0.3 s: look at the log"):
        run("out", runner=Beam([], patience=0.3))
    ends.set()


def test_a_pipeline_that_fails_before_a_worker_begins_is_said(beam, run):
    arguments = ["--runner=PortableRunner", "--job_endpoint=localhost:9", "--job_server_timeout=1"]
    with pytest.raises(BuildError, match="the Beam pipeline failed: .*What is complete is kept"):
        run("out", runner=Beam(arguments))


def test_beam_that_is_not_installed_is_said_with_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "apache_beam"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(DeclarationError, match=r'pip install -e ".*\[beam\]"'):
        Beam([])
