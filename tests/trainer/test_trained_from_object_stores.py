"""Runs on builds at servers of S3 and Google Cloud Storage; slow: servers are waited for."""

import dataclasses

import pytest
from toy_runs import losses, toy_run

from flan_tasks.storage.storage import Storage
from flan_tasks.trainer.train import train


@pytest.mark.slow
@pytest.mark.parametrize("store", ["s3", "gcs"])
def test_a_model_learns_the_same_from_there(tmp_path, request, store):
    address = request.getfixturevalue(store)
    here, there = (toy_run(tmp_path, name=name, train_steps=3) for name in ("here", "there"))
    for path in (tmp_path / "build-t5").iterdir():
        Storage(address).put(path, path.name)
    there = dataclasses.replace(there, data=dataclasses.replace(there.data, build_dir=str(address)))
    train(here)
    train(there)
    assert len(losses(tmp_path / "here")) == 3
    assert losses(tmp_path / "there") == losses(tmp_path / "here")
