"""Builds of a family and of a mixture of parts with one: the same bytes from everyone."""

import json

import pytest
from five_parts import five_parts

import flan_tasks as ft
from flan_tasks.jobs import build as job
from flan_tasks.specs.build_spec import build_spec_of

SHARED = {
    "source": "samples",
    "allow_missing": True,
    "vocab": "bytes",
    "seed": 5,
    "shards": 4,
    "examples": 200,
}
MULTI = "--direct_num_workers=2 --direct_running_mode=multi_processing"


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module", params=["niv2", "five parts"])
def built(request, tmp_path_factory):
    """What is built, its store, and the files that one process makes of it."""
    place = tmp_path_factory.mktemp("built")
    what = "niv2" if request.param == "niv2" else five_parts(place)
    shared = {**SHARED, "store": place / "store"}
    ft.build(what, place / "one", **shared)
    return what, shared, files(place / "one")


def test_two_workers_give_the_same(built, tmp_path):
    what, shared, whole = built
    tasks = json.loads(whole["manifest.json"])["tasks"]
    assert sum(task["task"].startswith("flan:niv2:") for task in tasks) >= 10
    ft.build(what, tmp_path / "two", workers=2, **shared)
    assert files(tmp_path / "two") == whole


@pytest.mark.parametrize("arguments", ["", MULTI])
def test_beam_gives_the_same(built, tmp_path, arguments):
    pytest.importorskip("apache_beam", exc_type=ImportError)
    from flan_tasks.engine.run_beam import Beam

    what, shared, whole = built
    spec = build_spec_of(what, shared)
    job.build(spec, tmp_path / "beam", runner=Beam(arguments.split()))
    assert files(tmp_path / "beam") == whole
