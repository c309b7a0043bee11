"""Packed shards: unpacking gives back exactly the examples."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_catalog
from hypothesis import given, settings
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import Variation
from flan_tasks.engine import run_local
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.verification import verify
from flan_tasks.packing.packed_rows import packed_shard
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_texts, rendered_rows
from flan_tasks.vocabulary import open_vocabulary

VOCABULARY = open_vocabulary("bytes")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    catalog = make_catalog(folder, {"birds": 34, "fish": 24})
    from flan_tasks.store.store import Store

    prepared = prepare(
        Mixture(name="m"), catalog, source=SourceChoice(), store=Store(folder / "store")
    )
    return make_plan(prepared, seed=3, num_examples=150)


def wanted(plan, start, stop, lengths):
    """The examples a shard must hold, by row of the plan: encoded one by one, cut, closed."""
    rows = [row for chunk in rendered_rows(plan, start, stop) for row in chunk]
    fitted = fit_rows(rows, Budget(VOCABULARY, lengths["inputs"]))

    def ids(text, limit):
        return [byte + 3 for byte in text.encode()][: limit - 1] + [1]

    return {
        start + number: (ids(row.inputs, lengths["inputs"]), ids(row.targets, lengths["targets"]))
        for number, row in enumerate(fitted)
        if row is not None
    }


def unpack(arrays, arch):
    """Examples by row of the plan, read from the stored arrays alone."""
    found = {}
    for row, (first, last) in enumerate(
        zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)
    ):
        for segment, number in enumerate(arrays["examples"][first:last].tolist(), start=1):
            if arch == "decoder":
                here = arrays["segment_ids"][row] == segment
                mask = arrays["loss_mask"][row][here] == 1
                tokens = arrays["tokens"][row][here]
                assert mask.any(), "a row without a trained token"
                assert (np.diff(mask.astype(int)) >= 0).all(), "targets come after inputs"
                example = tokens[~mask].tolist(), tokens[mask].tolist()
            else:
                example = tuple(
                    arrays[part][row][arrays[f"{part}_segment_ids"][row] == segment].tolist()
                    for part in ("inputs", "targets")
                )
            assert number not in found, "an example twice"
            found[number] = example
    return found


@settings(max_examples=30, deadline=None)
@given(
    start=st.integers(0, 100),
    size=st.integers(1, 50),
    inputs=st.integers(12, 120),
    targets=st.integers(2, 30),
    room=st.integers(0, 100),
    arch=st.sampled_from(["encoder-decoder", "decoder"]),
)
def test_unpacking_gives_back_exactly_the_examples(plan, start, size, inputs, targets, room, arch):
    lengths = {"inputs": inputs, "targets": targets}
    given = lengths | ({"row": inputs + targets + room} if arch == "decoder" else {})
    expected = wanted(plan, start, start + size, lengths)
    stop = start + size
    packed = packed_shard(plan, start, stop, vocabulary=VOCABULARY, lengths=given, arch=arch)
    assert unpack(packed.arrays, arch) == expected


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_what_is_no_example_is_padding(plan, arch):
    lengths = {"inputs": 100, "targets": 20, "row": 150}
    packed = packed_shard(plan, 0, 90, vocabulary=VOCABULARY, lengths=lengths, arch=arch)
    arrays = packed.arrays
    for name, segments in (
        [("tokens", "segment_ids")]
        if arch == "decoder"
        else [("inputs", "inputs_segment_ids"), ("targets", "targets_segment_ids")]
    ):
        tokens, ids = arrays[name], arrays[segments]
        assert (tokens[ids == 0] == 0).all()
        assert (tokens[ids > 0] > 0).all()
        # Segments stand in order, from the left, with no hole.
        steps = np.diff(ids.astype(int), axis=1)
        assert set(np.unique(steps[ids[:, 1:] > 0])) <= {0, 1}
        assert (ids[:, 0] == 1).all()


def test_tasks_are_those_of_the_plan(plan):
    lengths = {"inputs": 100, "targets": 20}
    arrays = packed_shard(
        plan, 10, 100, vocabulary=VOCABULARY, lengths=lengths, arch="encoder-decoder"
    ).arrays
    for number, task in zip(arrays["examples"].tolist(), arrays["tasks"].tolist(), strict=True):
        assert plan.rows(number, number + 1).task[0] == task


@pytest.mark.parametrize("order", ["fixed", "shuffled"])
@pytest.mark.parametrize("options", [True, False])
def test_texts_without_examples_are_those_with_them(plan, options, order):
    from flan_tasks.plan.rows import render_chunk

    variation = Variation(options=options, option_order=order)
    items = tuple(replace(item, variation=variation) for item in plan.ingredients)
    plan = replace(plan, ingredients=items)
    rows = plan.rows(0, 150)
    chunk = render_chunk(plan, rows)
    found = render_texts(plan, rows)
    assert found.inputs == [row.inputs for row in chunk]
    assert found.targets == [row.targets for row in chunk]


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


def settings_of(**changes):
    given = {
        "format": "arrays",
        "split": "train",
        "style": "inputs-targets",
        "lengths": {"inputs": 100, "targets": 20},
        "vocabulary": VOCABULARY,
    }
    return BuildSettings(**(given | changes))


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_an_arrays_build_says_what_it_holds(prepared, tmp_path, arch):
    plan = make_plan(prepared, seed=0)
    folder = tmp_path / "out"
    made = settings_of(arch=arch, num_shards=2)
    manifest = run_local.build(prepared, plan, made, folder).manifest
    assert verify(folder) == manifest
    assert manifest["arch"] == arch
    assert manifest["vocabulary_size"] == 259
    assert sum(shard["examples"] for shard in manifest["shards"]) == len(plan)
    found = {}
    for shard in manifest["shards"]:
        arrays = {
            path.split(".")[-2]: np.load(folder / path, mmap_mode="r") for path in shard["paths"]
        }
        assert len(arrays["offsets"]) == shard["rows"] + 1
        found |= unpack(arrays, arch)
    assert found == wanted(plan, 0, len(plan), made.lengths)
    assert manifest["rows"] >= manifest["packing"]["bound"] >= manifest["packing"]["simple_bound"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "jsonl", "arch": "decoder"}, "is for packed formats"),
        ({"lengths": {"inputs": 9, "targets": 9, "row": 20}}, "row is for --arch decoder"),
        (
            {"lengths": {"inputs": 9, "targets": 9, "row": 17}, "arch": "decoder"},
            "must hold the longest inputs and targets together",
        ),
        ({"vocabulary": None}, "needs a vocabulary"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(prepared, tmp_path, changes, message):
    plan = make_plan(prepared, seed=0)
    with pytest.raises(DeclarationError, match=message):
        run_local.build(prepared, plan, settings_of(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_packed_tfrecords_hold_what_the_reader_gives(prepared, tmp_path, arch):
    tf = pytest.importorskip("tensorflow")
    import flan_tasks

    plan = make_plan(prepared, seed=0)
    for form in ("arrays", "packed-tfrecord"):
        made = settings_of(format=form, arch=arch, num_shards=2)
        run_local.build(prepared, plan, made, tmp_path / form)
    reader = flan_tasks.open(tmp_path / "arrays")
    wanted = [reader[row] for row in range(len(reader))]
    lengths = {name: len(array) for name, array in wanted[0].items() if name != "segment_tasks"}
    records = tf.data.TFRecordDataset(
        sorted(map(str, (tmp_path / "packed-tfrecord" / "data").glob("*.tfrecord")))
    )
    spec = {n: tf.io.FixedLenFeature([length], tf.int64) for n, length in lengths.items()}
    found = [
        {name: value.numpy() for name, value in tf.io.parse_single_example(record, spec).items()}
        for record in records
    ]
    assert len(found) == len(wanted)
    for ours, row in zip(found, wanted, strict=True):
        for name in lengths:
            assert (ours[name] == row[name]).all(), name


def test_task_numbers_do_not_wrap(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34})
    (item,) = prepare(Mixture(name="m"), catalog, source=SourceChoice()).ingredients
    few, many = (
        replace(
            make_plan(prepare(Mixture(name="m"), catalog, source=SourceChoice()), seed=0),
            ingredients=(item,) * tasks,
            counts=(1, *(0,) * (tasks - 2), 1),
        )
        for tasks in (1 << 15, 70_000)
    )
    for plan, kind in ((few, np.int16), (many, np.int32)):
        found = packed_shard(
            plan,
            0,
            2,
            vocabulary=open_vocabulary("bytes"),
            lengths={"inputs": 100, "targets": 50},
            arch="encoder-decoder",
        )
        assert found.arrays["tasks"].dtype == kind
        assert sorted(found.arrays["tasks"].tolist()) == [0, len(plan.ingredients) - 1]
        keys = {e for row in rendered_rows(plan, 0, 2) for e in (r.example.key for r in row)}
        assert keys <= {e.key for e in item.examples.take(range(len(item.examples)))}
