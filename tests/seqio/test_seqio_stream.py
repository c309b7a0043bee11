"""Streams: chunks that grow, ids alone as with texts beside them."""

import numpy as np
import pytest
import seqio

import flan_tasks as ft
from flan_tasks.plan.rows import render_texts
from flan_tasks.seqio.stream import Sizes, StreamEncoder
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"inputs": 200, "targets": 12}


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(1), Sizes(3, 2), Sizes(4, 5)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 21, 100, 5000])
def test_chunks_hold_every_row_once_and_grow_to_a_ceiling(sizes, count):
    edges = [sizes.start(number) for number in range(sizes.chunks(count) + 1)]
    assert edges[0] == 0 and edges[-1] >= count
    assert len(edges) == 1 or edges[-2] < count
    rows = np.diff(edges)
    wanted = [sizes.first << min(number, sizes.doublings) for number in range(len(rows))]
    assert rows.tolist() == wanted


def test_endless_streams_have_chunks_to_the_end():
    sizes, count = Sizes(1024, 4), np.iinfo(np.int64).max // 2
    number = sizes.chunks(int(count))
    assert sizes.start(number - 1) < count <= sizes.start(number) < np.iinfo(np.int64).max


def ids(data, take=None):
    data = data if take is None else data.take(take)
    return [(r["inputs"].tolist(), r["targets"].tolist()) for r in data.as_numpy_iterator()]


@pytest.mark.parametrize(
    "variation",
    [{}, {"options": False}, {"option_order": "shuffled"}, {"shots": 2}, {"num_templates": 2}],
)
@pytest.mark.parametrize("asked", [{}, {"trim_output_features": False}, {"shuffle": False}])
def test_ids_alone_are_those_beside_texts(variation, asked):
    mixture = ft.mixture("nli", source="samples", vocab="bytes", **variation)
    shard = seqio.ShardInfo(1, 2)
    common = {"num_epochs": 2, "seed": 4, "shard_info": shard, **asked}
    alone = ids(mixture.get_dataset(LENGTHS, "train", **common))
    beside = ids(mixture.get_dataset(LENGTHS, "train", copy_pretokenized=True, **common))
    assert alone == beside and len(alone) > 30


def test_growing_chunks_change_no_row():
    """The first 7,000 rows of all tasks reach into the third chunk."""
    mixture = ft.mixture("all", source="samples", vocab="bytes")
    plan = mixture.plan("train")
    lengths = {"inputs": 20_000, "targets": 12}
    found = ids(mixture.get_dataset(lengths, "train", num_epochs=None), take=7000)
    some = [0, 1023, 1024, 3071, 3072, 6999]
    texts = render_texts(plan, plan.rows_at(np.asarray(some)))
    vocabulary = open_vocabulary("bytes")
    for place, prompt, target in zip(some, texts.inputs, texts.targets, strict=True):
        wanted = tuple(
            [*vocabulary.encode([text])[0].tolist()[: length - 1], 1]
            for text, length in ((prompt, 20_000), (target, 12))
        )
        assert found[place] == wanted


@pytest.mark.parametrize("length", [None, 1, 2, 5, 100])
def test_encoders_cut_and_close_each_text(length, t5_model):
    texts = ["", "a heron sleeps in the reeds", "no", "so does a duck, if it may"]
    for vocab in ("bytes", str(t5_model)):
        vocabulary = open_vocabulary(vocab)
        flat, lengths = StreamEncoder.open(vocab, {"targets": length}).targets(texts)
        found = np.split(flat, np.cumsum(lengths)[:-1])
        stop = None if length is None else length - 1
        wanted = [[*one.tolist()[:stop], 1] for one in vocabulary.encode(texts)]
        assert [one.tolist() for one in found] == wanted
        whole, lengths = StreamEncoder.open(vocab, None).targets(texts)
        assert whole.dtype == np.int32 and lengths.sum() == len(whole)
        assert whole.tolist() == [i for one in vocabulary.encode(texts) for i in one]
