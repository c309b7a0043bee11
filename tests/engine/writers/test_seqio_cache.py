import os

import pytest
from conftest import make_catalog

from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.vocabulary import open_vocabulary


@pytest.mark.parametrize("cut_off", ["info.train.json", "stats.train.json", "COMPLETED"])
def test_a_cache_cut_off_is_not_called_complete(tmp_path, monkeypatch, cut_off):
    catalog = make_catalog(tmp_path, {"birds": 34})
    prepared = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    settings = BuildSettings(
        format="seqio-cache",
        split="train",
        style="inputs-targets",
        lengths={"inputs": 64, "targets": 64},
        vocabulary=open_vocabulary("bytes"),
    )
    plan = make_plan(prepared, seed=0, grouped=True)
    replace = os.replace

    def stops(source, target):
        if target.name == cut_off:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stops)
    with pytest.raises(KeyboardInterrupt):
        build(prepared, plan, settings, tmp_path / "out")
    place = tmp_path / "out" / "flan" / "birds"
    there = {path.name for path in place.iterdir()}
    assert cut_off not in there and "COMPLETED" not in there
    assert not any(name.endswith(".tmp") for name in there)
    monkeypatch.undo()
    build(prepared, plan, settings, tmp_path / "out")
    assert {"info.train.json", "stats.train.json", "COMPLETED"} < {p.name for p in place.iterdir()}
