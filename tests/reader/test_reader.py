import json
import os
import pickle
import resource
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_build import LENGTHS, TASKS, make_rows, write_build, write_manifest

import flan_tasks
from flan_tasks.core.errors import BuildError, DeclarationError, VocabularyError
from flan_tasks.reader import Reader
from flan_tasks.reader.order import Place, epoch_and_row

ARCHS = ("encoder-decoder", "decoder")


@pytest.fixture(params=ARCHS)
def arch(request):
    return request.param


@pytest.fixture
def rows():
    return make_rows(23)


@pytest.fixture
def reader(tmp_path, rows, arch) -> Reader:
    return flan_tasks.open(write_build(tmp_path / "b", rows, arch=arch, shards=3))


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_unpacking_gives_back_every_example(reader, rows):
    assert len(reader) == 23
    assert reader.num_examples == sum(map(len, rows))
    found = [reader.unpack(k) for k in range(len(reader))]
    assert [len(row) for row in found] == [len(row) for row in rows]
    for row, wanted in zip(found, rows, strict=True):
        for example, other in zip(row, wanted, strict=True):
            assert example.inputs.tolist() == other.inputs.tolist()
            assert example.targets.tolist() == other.targets.tolist()
            assert (example.task, example.plan_row) == (other.task, other.plan_row)


def test_examples_are_counted_through_the_rows(reader, rows):
    flat = [example for row in rows for example in row]
    for number, wanted in enumerate(flat):
        assert reader.example(number).plan_row == wanted.plan_row
    assert reader.example(-1).plan_row == flat[-1].plan_row


def test_features_of_two_examples_spelled_out(tmp_path):
    rows = make_rows(1)
    one, two = (
        type(rows[0][0])(np.asarray(i, np.int32), np.asarray(t, np.int32), task, 0)
        for i, t, task in (([7, 8, 1], [9, 1], 2), ([5, 1], [1], 0))
    )
    row = flan_tasks.open(write_build(tmp_path / "e", [[one, two]], shards=1))[0]
    assert {name: array.tolist() for name, array in row.items()} == {
        "encoder_input_tokens": [7, 8, 1, 5, 1, *[0] * 7],
        "encoder_segment_ids": [1, 1, 1, 2, 2, *[0] * 7],
        "encoder_positions": [0, 1, 2, 0, 1, *[0] * 7],
        "decoder_target_tokens": [9, 1, 1, *[0] * 5],
        "decoder_input_tokens": [0, 9, 0, *[0] * 5],
        "decoder_loss_weights": [1, 1, 1, *[0] * 5],
        "decoder_segment_ids": [1, 1, 2, *[0] * 5],
        "decoder_positions": [0, 1, 0, *[0] * 5],
        "segment_tasks": [2, 2, 0, *[-1] * 5],
    }
    row = flan_tasks.open(write_build(tmp_path / "d", [[one, two]], arch="decoder", shards=1))[0]
    assert {name: array.tolist() for name, array in row.items()} == {
        "decoder_target_tokens": [7, 8, 1, 9, 1, 5, 1, 1, *[0] * 12],
        "decoder_input_tokens": [0, 7, 8, 1, 9, 0, 5, 1, *[0] * 12],
        "decoder_loss_weights": [0, 0, 0, 1, 1, 0, 0, 1, *[0] * 12],
        "decoder_segment_ids": [1, 1, 1, 1, 1, 2, 2, 2, *[0] * 12],
        "decoder_positions": [0, 1, 2, 3, 4, 0, 1, 2, *[0] * 12],
        "decoder_causal_attention": [1, 1, 1, 1, 0, 1, 1, 1, *[0] * 12],
        "segment_tasks": [2, 2, 2, 2, 2, 0, 0, 0, *[-1] * 12],
    }


def test_features_are_int32_and_contiguous(reader):
    for array in reader.batch(0, 4).values():
        assert array.dtype == np.int32
        assert array.flags.c_contiguous
        assert len(array) == 4


def test_batch_is_the_rows_it_says(reader):
    _, numbers = reader.epoch_and_row(5, 6, seed=3)
    batch = reader.batch(5, 6, seed=3)
    for place, number in enumerate(numbers):
        same({name: array[place] for name, array in batch.items()}, reader[int(number)])


def test_batch_without_shuffle_goes_through_as_stored(reader):
    _, numbers = reader.epoch_and_row(2, 10, shuffle=False)
    assert numbers.tolist() == [20, 21, 22, 0, 1, 2, 3, 4, 5, 6]


def test_hosts_share_a_batch_one_behind_the_other(reader):
    whole = reader.batch(3, 8, seed=1)
    parts = [reader.batch(3, 8, host=host, hosts=4, seed=1) for host in range(4)]
    same(whole, {name: np.concatenate([part[name] for part in parts]) for name in whole})


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 4), st.integers(0, 2**63 - 1))
def test_every_epoch_has_every_row_once_whatever_the_batch(rows, share, hosts, seed):
    size, epochs = share * hosts, 3
    seen = Counter()
    for step in range(-(-rows * epochs // size)):
        for host in range(hosts):
            place = Place(step, size, host, hosts, seed)
            seen.update(zip(*(a.tolist() for a in epoch_and_row(place, rows)), strict=True))
    whole = {(epoch, row): 1 for epoch in range(epochs) for row in range(rows)}
    assert {place: n for place, n in seen.items() if place[0] < epochs} == whole
    assert max(seen.values()) == 1


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [epoch_and_row(Place(e, 50, seed=s), 50)[1].tolist() for e in (0, 1) for s in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_the_order_never_changes():
    assert epoch_and_row(Place(0, 10), 10)[1].tolist() == [1, 9, 8, 4, 2, 7, 6, 5, 3, 0]
    assert epoch_and_row(Place(10**18, 4, seed=5), 1000)[1].tolist() == [918, 876, 885, 20]


@pytest.mark.parametrize(
    ("given_arguments", "message"),
    [
        ({"step": -1}, "step -1"),
        ({"batch_size": 0}, "batch of 0"),
        ({"hosts": 3}, "batch of 8 over 3 hosts"),
        ({"host": 2, "hosts": 2}, "host 2 of 2"),
        ({"host": -1}, "host -1 of 1"),
        ({"hosts": 0}, "host 0 of 0"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**63}, "seed 9223372036854775808"),
    ],
)
def test_bad_arguments_of_batch_are_refused(reader, given_arguments, message):
    arguments = {"step": 0, "batch_size": 8} | given_arguments
    step, size = arguments.pop("step"), arguments.pop("batch_size")
    with pytest.raises(DeclarationError, match=message):
        reader.batch(step, size, **arguments)


def test_numbers_outside_are_refused_so_that_iterating_ends(reader):
    for number in (23, -24):
        with pytest.raises(IndexError, match=f"row {number} of a build of 23"):
            reader[number]
    with pytest.raises(IndexError, match="example"):
        reader.example(reader.num_examples)
    assert len(list(reader)) == 23
    same(reader[-1], reader[22])
    same(reader[np.int64(4)], reader[4])


def test_texts_are_decoded(tmp_path):
    rows = make_rows(1)
    words = [
        np.append(np.frombuffer(text, np.uint8) + np.int32(3), 1) for text in (b"is it", b"no")
    ]
    made = [[type(rows[0][0])(*(np.asarray(w, np.int32) for w in words), 0, 0)]]
    reader = flan_tasks.open(write_build(tmp_path, made, shards=1))
    assert reader.text(reader.example(0)) == ("is it", "no")


def test_tasks_are_those_of_the_manifest(reader):
    assert [task["dataset"] for task in reader.tasks] == list(TASKS)
    assert reader.manifest["lengths"] == LENGTHS


def test_a_copy_through_pickle_reads_the_same(reader):
    reader.batch(0, 8)
    data = pickle.dumps(reader)
    assert len(data) < 20_000  # no mapped array travels
    same(pickle.loads(data).batch(1, 8), reader.batch(1, 8))


def test_many_shards_open_at_once_and_read(tmp_path):
    reader_of = write_build(tmp_path / "many", make_rows(1000), shards=1000)
    opened = []
    watching = [True]  # a hook stays for ever
    sys.addaudithook(
        lambda event, args: event == "open" and watching[0] and opened.append(str(args[0]))
    )
    reader = flan_tasks.open(reader_of)
    watching[0] = False
    # What makes it fast, whatever the machine: a shard is opened when it is read.
    assert [name for name in opened if name.endswith(".npy")] == []
    wanted = sorted(reader.epoch_and_row(0, 1000)[1].tolist())
    assert wanted == list(range(1000))
    batch = reader.batch(0, 1000)
    assert len(batch["segment_tasks"]) == 1000


def test_a_process_of_few_files_reads_many_shards(tmp_path):
    folder = write_build(tmp_path / "many", make_rows(60), shards=60)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * open_now + 56, hard))
    try:
        batch = flan_tasks.open(folder).batch(0, 60)  # 300 files
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    same(batch, flan_tasks.open(folder).batch(0, 60))


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tfrecord", "arrayrecord", "seqio-cache"])
def test_other_formats_name_their_reader(tmp_path, rows, form):
    folder = write_build(tmp_path / "b", rows, changes={"format": form})
    with pytest.raises(BuildError, match=f'is of format "{form}".*Read it with .*{folder}'):
        flan_tasks.open(folder)


def test_no_build_is_said_to_be_none(tmp_path):
    with pytest.raises(BuildError, match="is no build directory"):
        flan_tasks.open(tmp_path / "nowhere")
    (tmp_path / ".progress").mkdir()
    with pytest.raises(BuildError, match="unfinished build"):
        flan_tasks.open(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "encoder"}, "arch is 'encoder'; it should be one of"),
        ({"rows": 24}, "23 rows; the manifest says 24"),
        ({"lengths": {"inputs": 12}}, "it lacks lengths.targets"),
        ({"shards": [{"name": "a"}]}, r"it lacks shards\[0\].rows"),
        ({"files": []}, 'files lacks "train-00000-of-00002.inputs.npy"'),
        ({"shards": [], "rows": 0, "examples": 0, "tasks": []}, "it has no rows"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path, rows, changes, message):
    folder = write_build(tmp_path / "b", rows, changes=changes)
    with pytest.raises(BuildError, match=message):
        flan_tasks.open(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '"a"', "7"])
def test_a_manifest_that_is_none_is_refused(tmp_path, rows, text):
    folder = write_build(tmp_path / "b", rows)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BuildError, match="manifest.json is damaged"):
        flan_tasks.open(folder)


def test_manifests_without_a_key_of_arrays_are_refused(tmp_path, rows):
    folder = write_build(tmp_path / "b", rows)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["eos_id"]
    write_manifest(folder, manifest)
    with pytest.raises(BuildError, match="it lacks eos_id"):
        flan_tasks.open(folder)


def test_truncated_and_missing_files_are_named_on_opening(tmp_path, rows):
    folder = write_build(tmp_path / "b", rows)
    name = "train-00001-of-00002.targets.npy"
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1])
    (folder / "train-00000-of-00002.tasks.npy").unlink()
    with pytest.raises(BuildError) as caught:
        flan_tasks.open(folder)
    assert f"{name} has {len(data) - 1} bytes; manifest.json says {len(data)}" in str(caught.value)
    assert "train-00000-of-00002.tasks.npy: No such file" in str(caught.value)


@pytest.mark.parametrize(
    "values", [np.zeros((11, 12), np.int16), np.zeros((12, 11), np.uint16), None]
)
def test_arrays_of_another_kind_are_named_when_read(tmp_path, rows, values):
    folder = write_build(tmp_path / "b", rows)
    path = folder / "train-00000-of-00002.inputs.npy"
    size = path.stat().st_size
    if values is not None:
        np.save(path, values)
    path.write_bytes(path.read_bytes()[:size] if values is not None else b"0" * size)
    reader = flan_tasks.open(folder)
    with pytest.raises(BuildError, match=str(path)):
        reader[0]


def test_a_vocabulary_must_be_the_one_of_the_build(tmp_path, rows):
    folder = write_build(tmp_path / "b", rows, changes={"vocabulary": "sha256:" + "a" * 64})
    with pytest.raises(VocabularyError, match='vocabulary "bytes" does not belong to'):
        flan_tasks.open(folder, vocab="bytes")
    reader = flan_tasks.open(folder)
    with pytest.raises(VocabularyError, match="give its file"):
        reader.text(reader.example(0))


def test_large_vocabularies_have_wider_ids(tmp_path, rows):
    folder = write_build(tmp_path / "b", rows, shards=1, changes={"vocabulary_size": 100_000})
    with pytest.raises(BuildError, match=r"inputs.npy has .* bytes; uint32\[23, 12\] takes"):
        flan_tasks.open(folder)[0]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_features_agree_with_the_examples(tmp_path_factory, data):
    rows = make_rows(data.draw(st.integers(1, 6)), seed=data.draw(st.integers(0, 10**6)))
    arch = data.draw(st.sampled_from(ARCHS))
    reader = flan_tasks.open(write_build(tmp_path_factory.mktemp("b"), rows, arch=arch, shards=1))
    for row, examples in zip(reader, rows, strict=True):
        for number, example in enumerate(examples, start=1):
            here = row["decoder_segment_ids"] == number
            tokens = row["decoder_target_tokens"][here]
            weights = row["decoder_loss_weights"][here]
            assert tokens[weights > 0].tolist() == example.targets.tolist()
            assert row["decoder_input_tokens"][here].tolist() == [0, *tokens[:-1]]
            assert row["decoder_positions"][here].tolist() == list(range(len(tokens)))
            assert set(row["segment_tasks"][here].tolist()) == {example.task}
        padded = row["decoder_segment_ids"] == 0
        assert not row["decoder_loss_weights"][padded].any()
        assert (row["segment_tasks"][padded] == -1).all()


def test_rows_may_be_any_numbers_of_rows_and_no_others(tmp_path):
    reader = Reader(write_build(tmp_path / "out", make_rows(9)))
    several = reader.rows([3, 1])
    for name, values in reader.rows(np.asarray([3, 1])).items():
        np.testing.assert_array_equal(several[name], values)
    assert all(len(values) == 0 for values in reader.rows([]).values())
    last = reader.rows([len(reader) - 1])
    for name, values in reader.rows([-1]).items():
        np.testing.assert_array_equal(values, last[name])
    with pytest.raises(IndexError, match="9"):
        reader.rows([0, len(reader)])
    with pytest.raises(TypeError, match="want a list of whole numbers"):
        reader.rows([0.5])
