"""Dask: the same function, the same bytes; skipped where dask.distributed is not installed."""

import sys
from types import SimpleNamespace

import pytest
from conftest import make_catalog
from prepared_trees import write_rte

from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.engine import filling, handed
from flan_tasks.engine.filling import fill
from flan_tasks.engine.run_dask import Dask
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.specs.formats import FORMATS
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import BytesVocabulary

# Those that are written without TensorFlow, whose import takes longer than all else here.
QUICK = ("jsonl", "arrays")


@pytest.fixture(scope="module")
def distributed():
    return pytest.importorskip("distributed", exc_type=ImportError)


@pytest.fixture(scope="module")
def cluster(distributed):
    """Two workers, threads of this process."""
    import dask

    # Else it writes what workers spill beside the tests.
    with (
        dask.config.set({"logging.distributed": "critical"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def dask(cluster):
    return Dask(cluster.scheduler_address, patience=60)


@pytest.fixture
def run(tmp_path):
    prepared = prepare(
        Mixture(name="m"),
        make_catalog(tmp_path, {"birds": 34, "fish": 24}),
        source=SourceChoice(),
    )
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


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "form",
    [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in FORMATS],
)
def test_dask_gives_the_same_bytes(dask, run, tmp_path, form):
    run("local", form)
    seen = []
    run("dask", form, runner=dask, watch=seen.append)
    assert files(tmp_path / "dask") == files(tmp_path / "local")
    # Shard by shard, and not all at once at the end.
    assert {status.done for status in seen} == set(range(seen[0].shards + 1))


def test_dask_goes_on_with_what_a_local_build_began(dask, run, tmp_path, monkeypatch):
    run("whole")

    def stops(status):
        if status.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("out", watch=stops)
    assert run("out", runner=dask).kept == 2
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_relative_paths_mean_the_same_to_workers(dask, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from flan_tasks.engine.work import Work

    prepared = prepare(
        Mixture(name="m"), make_catalog(tmp_path, {"birds": 4}), source=SourceChoice()
    )
    settings = BuildSettings("jsonl", "train", "inputs-targets", {"inputs": 64, "targets": 16})
    work = Work(make_plan(prepared, seed=0), settings, tmp_path.relative_to(tmp_path) / "out")
    received = Work.from_bytes(work.to_bytes())
    assert received.folder == tmp_path / "out"
    assert all(item.examples.path.is_absolute() for item in received.plan.ingredients)


def test_what_a_worker_raises_is_said_in_its_own_words(dask, run, tmp_path):
    for path in (tmp_path / "store").glob("birds-*.arrow"):
        path.unlink()
    with pytest.raises(BuildError, match="stored examples .*birds.* cannot be read") as caught:
        run("out", runner=dask)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_the_store_has_the_bytes_that_one_process_writes(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "_WORTH", 1)
    monkeypatch.setattr(filling, "_PART_ROWS", 300)
    write_rte(tmp_path / "tree", count=1_500)
    source, told = SourceChoice("tfds", tmp_path / "tree"), []
    mixture = catalog().mixture("rte")
    fill(
        mixture,
        catalog(),
        source=source,
        store=Store(tmp_path / "dask"),
        split="train",
        runner=dask,
        progress=told.append,
    )
    assert told == ["read rte, one of 1 dataset"] * 6
    prepare(mixture, catalog(), source=source, store=Store(tmp_path / "one"))
    assert files(tmp_path / "dask") == files(tmp_path / "one")


def test_rows_that_workers_do_not_have_are_read_here(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "_WORTH", 1)
    monkeypatch.setattr(filling, "_PART_ROWS", 300)
    # As where a folder of that name has other files there.
    monkeypatch.setattr(filling, "SplitFile", lambda *_: SimpleNamespace(key="another"))
    write_rte(tmp_path / "tree", count=1_500)
    told = []
    fill(
        catalog().mixture("rte"),
        catalog(),
        source=SourceChoice("tfds", tmp_path / "tree"),
        store=Store(tmp_path / "dask"),
        split="train",
        runner=dask,
        progress=told.append,
    )
    assert told[0].startswith("rte is going to be read here: ") and "has other rows" in told[0]
    assert not files(tmp_path / "dask")


def test_a_worker_with_other_versions_is_named_before_the_first_shard(
    dask, run, tmp_path, monkeypatch
):
    calls = []
    original = handed.versions_of

    def versions_of(libraries):
        calls.append(libraries)
        return original(libraries) | ({"pyarrow": "1.0"} if len(calls) == 1 else {})

    monkeypatch.setattr(handed, "versions_of", versions_of)
    with pytest.raises(BuildError, match="has pyarrow .* and not 1.0; the bytes depend") as caught:
        run("out", runner=dask)
    assert str(caught.value).startswith("worker inproc://") and "(and 1 more)" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list((tmp_path / "out").rglob("*.jsonl"))


def test_no_scheduler_is_said_in_time(distributed, run, tmp_path):
    with pytest.raises(BuildError, match="no Dask scheduler answers at tcp://127.0.0.1:9 within 0"):
        run("out", runner=Dask("tcp://127.0.0.1:9", patience=0.2))
    with pytest.raises(BuildError, match="no Dask scheduler answers at nowhere://"):
        run("out", runner=Dask("nowhere://a", patience=0.2))
    with pytest.raises(BuildError, match="none.json is no file of a Dask scheduler"):
        run("out", runner=Dask(str(tmp_path / "none.json")))


def test_a_scheduler_without_workers_is_said_in_time(distributed, run):
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        with pytest.raises(BuildError, match=r"has no worker after 0.3 s: start some \(dask wor"):
            run("out", runner=Dask(cluster.scheduler_address, patience=0.3))


def test_dask_that_is_not_installed_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DeclarationError, match=r'Building with Dask needs .*\[dask\]"'):
        Dask("tcp://localhost:8786")
