"""The reader as a data source of the libraries people load batches with."""

import numpy as np
import pytest
from packed_build import make_rows, write_build

import flan_tasks


@pytest.fixture
def reader(tmp_path):
    return flan_tasks.open(write_build(tmp_path / "b", make_rows(23), shards=3))


def test_grain_shuffles_and_batches_it(reader):
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.source(reader).shuffle(seed=7).batch(4)
    batches = [data[k] for k in range(len(data))]
    tokens = np.concatenate([batch["decoder_target_tokens"] for batch in batches])
    stored = reader.batch(0, 23, shuffle=False)["decoder_target_tokens"]
    assert not np.array_equal(tokens, stored)
    assert sorted(map(tuple, tokens.tolist())) == sorted(map(tuple, stored.tolist()))


@pytest.mark.slow
def test_grain_sends_it_to_processes_of_its_own(reader):
    grain = pytest.importorskip("grain")
    flags = pytest.importorskip("absl.flags")
    flags.FLAGS.mark_as_parsed()  # as absl.app.run does; Grain's workers are told the flags
    sampler = grain.samplers.IndexSampler(len(reader), shuffle=True, seed=1, num_epochs=1)
    loader = grain.DataLoader(data_source=reader, sampler=sampler, worker_count=2)
    tokens = [tuple(row["decoder_target_tokens"].tolist()) for row in loader]
    stored = reader.batch(0, 23, shuffle=False)["decoder_target_tokens"]
    assert sorted(tokens) == sorted(map(tuple, stored.tolist()))


def test_grain_takes_it_for_a_random_access_source(reader):
    grain = pytest.importorskip("grain")
    assert isinstance(reader, grain.sources.RandomAccessDataSource)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_torch_loads_it_as_a_map_style_dataset(reader, workers):
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(
        reader,
        batch_size=5,
        shuffle=True,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    batches = list(loader)
    assert batches[0]["encoder_input_tokens"].dtype == torch.int32
    assert [len(batch["segment_tasks"]) for batch in batches] == [5, 5, 5, 5, 3]
    tokens = torch.cat([batch["decoder_target_tokens"] for batch in batches]).tolist()
    stored = reader.batch(0, 23, shuffle=False)["decoder_target_tokens"].tolist()
    assert sorted(tokens) == sorted(stored)


def test_a_checkpoint_of_grain_opens_through_another_path_to_the_same_build(tmp_path):
    grain = pytest.importorskip("grain")
    build = write_build(tmp_path / "build", make_rows(20), changes={"sha256": "7" * 64})
    (tmp_path / "link").symlink_to(build)
    other = write_build(tmp_path / "other", make_rows(20, seed=5), changes={"sha256": "8" * 64})

    def rows(folder):
        reader = flan_tasks.open(folder)
        sampler = grain.samplers.IndexSampler(len(reader), shuffle=True, seed=3, num_epochs=1)
        return iter(grain.DataLoader(data_source=reader, sampler=sampler))

    first = rows(build)
    for _ in range(5):
        next(first)
    state, resumed = first.get_state(), rows(tmp_path / "link")
    resumed.set_state(state)
    again = next(resumed)
    for name, values in next(first).items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
    with pytest.raises(ValueError, match="DataSource"):
        rows(other).set_state(state)
