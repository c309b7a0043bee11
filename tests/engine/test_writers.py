import json
from pathlib import Path

import numpy as np
import pytest
from conftest import make_catalog

import flan_tasks
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.styles import BY_STYLE
from flan_tasks.engine.verification import verify
from flan_tasks.engine.writers.writer import cut, with_eos
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.specs import formats
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"inputs": 200, "targets": 8}


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


def settings(form, **changes):
    given = {
        "format": form,
        "split": "train",
        "style": "inputs-targets",
        "lengths": LENGTHS,
        "vocabulary": open_vocabulary("bytes"),
    }
    return BuildSettings(**(given | changes))


def texts(plan):
    return [(r.inputs, r.targets) for chunk in rendered_rows(plan, 0, len(plan)) for r in chunk]


def run(prepared, folder: Path, form: str, **changes):
    plan = make_plan(prepared, seed=0, grouped=form == "seqio-cache")
    built = build(prepared, plan, settings(form, **changes), folder)
    return plan, built.manifest


def test_jsonl_has_every_row_and_column_in_plan_order(prepared, tmp_path):
    plan, _ = run(prepared, tmp_path / "out", "jsonl")
    (path,) = (tmp_path / "out").glob("data/*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["inputs"], row["targets"]) for row in rows] == texts(plan)
    assert set(rows[0]) == {
        *("inputs", "targets", "task", "dataset", "cluster", "template", "kind"),
        *("num_shots", "key", "split", "options", "license"),
    }
    assert rows[0]["options"] == "yes\nno"


STYLES = {
    "inputs-targets": lambda row: (row["inputs"], row["targets"]),
    "prompt-completion": lambda row: (row["prompt"], row["completion"]),
    "messages": lambda row: turns(row["messages"], "role", "content", ["user", "assistant"]),
    "alpaca": lambda row: (row["instruction"] + row["input"], row["output"]),
    "sharegpt": lambda row: turns(row["conversations"], "from", "value", ["human", "gpt"]),
}


def turns(found, role, content, roles):
    assert [turn[role] for turn in found] == roles and {*found[0]} == {role, content}
    return tuple(turn[content] for turn in found)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("style", STYLES)
def test_text_formats_open_with_datasets(prepared, tmp_path, form, style):
    datasets = pytest.importorskip("datasets")
    plan, _ = run(prepared, tmp_path / "out", form, style=style, num_shards=3)
    kind = {"jsonl": "json", "parquet": "parquet"}[form]
    found = datasets.load_dataset(
        kind,
        data_files=str(tmp_path / "out" / "data" / "*"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert [STYLES[style](row) for row in found] == texts(plan)


def test_every_style_has_a_case():
    assert tuple(STYLES) == formats.STYLES == tuple(BY_STYLE)


def test_tfrecord_is_read_by_tf_data(prepared, tmp_path):
    tf = pytest.importorskip("tensorflow")
    plan, _ = run(prepared, tmp_path / "out", "tfrecord")
    features = {
        "inputs": tf.io.RaggedFeature(tf.int64),
        "targets": tf.io.RaggedFeature(tf.int64),
        "inputs_pretokenized": tf.io.FixedLenFeature([], tf.string),
        "template": tf.io.FixedLenFeature([], tf.string),
        "options": tf.io.RaggedFeature(tf.string),
    }
    data = tf.data.TFRecordDataset([str(p) for p in (tmp_path / "out").glob("data/*.tfrecord")])
    rows = [tf.io.parse_single_example(record, features) for record in data]
    vocabulary = open_vocabulary("bytes")
    assert len(rows) == len(plan)
    for row, (inputs, targets) in zip(rows, texts(plan), strict=True):
        assert row["inputs_pretokenized"].numpy().decode() == inputs
        for text, name in ((inputs, "inputs"), (targets, "targets")):
            ids = vocabulary.encode([text])[0][: LENGTHS[name] - 1].tolist() + [1]
            assert row[name].numpy().tolist() == ids


def test_seqio_cache_has_the_files_seqio_looks_for(prepared, tmp_path):
    run(prepared, tmp_path / "out", "seqio-cache", num_shards=2)
    folder = tmp_path / "out" / "flan" / "birds"
    assert sorted(path.name for path in folder.iterdir()) == [
        "COMPLETED",
        "info.train.json",
        "stats.train.json",
        "train.tfrecord-00000-of-00002",
        "train.tfrecord-00001-of-00002",
    ]
    assert json.loads((folder / "info.train.json").read_text())["num_shards"] == 2
    assert json.loads((folder / "stats.train.json").read_text())["examples"] == 30


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tfrecord", "seqio-cache"])
def test_the_same_build_twice_gives_the_same_bytes(prepared, tmp_path, form):
    for name in ("one", "two"):
        run(prepared, tmp_path / name, form)
    files = sorted(
        p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()
    )
    assert len(files) >= 3
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), (
            name
        )


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tfrecord"])
def test_rows_do_not_depend_on_the_number_of_shards(prepared, tmp_path, form):
    _, manifest = run(prepared, tmp_path / "out", form, num_shards=7)
    assert [shard["rows"] for shard in manifest["shards"]] == [7, 7, 7, 7, 7, 7, 8]
    assert manifest["shards"][3]["name"].startswith("data/train-00003-of-00007.")


@pytest.fixture
def long_ones(tmp_path):
    """A dataset every third row of which is long, and some rows are too long for anything."""
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    rows = [
        {"animal": f"animal number {n}" + " long" * (60 if n % 3 == 0 else 0), "bird": n % 2}
        for n in range(34)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "birds" / "train.jsonl").write_text(text)
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


SHORT = {"inputs": 60, "targets": 400}


def fitted(plan):
    rows = [row for chunk in rendered_rows(plan, 0, len(plan)) for row in chunk]
    return fit_rows(rows, Budget(open_vocabulary("bytes"), SHORT["inputs"]))


@pytest.mark.parametrize("form", ["tfrecord", "arrayrecord", "arrays", "packed-tfrecord"])
def test_long_prompts_are_fitted_and_what_cannot_fit_is_left_out(long_ones, tmp_path, form):
    plan, manifest = run(long_ones, tmp_path / "out", form, lengths=SHORT, num_shards=3)
    found = fitted(plan)
    kept = [row for row in found if row is not None]
    shortened = [row for row in kept if row.shortened]
    assert 0 < len(shortened) < len(kept) < len(plan)
    assert manifest["left_out"] == [n for n, row in enumerate(found) if row is None]
    assert manifest["examples"] == len(kept) and manifest["planned"] == len(plan)
    assert manifest["over_length"]["inputs"] == len(shortened)
    for task in manifest["tasks"]:
        own = [row for row in shortened if row.dataset.name == task["name"]]
        counts = task.get("fitting", {"shortened": {}, "too_long": 0})
        assert counts["shortened"].get("animal", 0) == len(own)
        assert task["realized"] + counts["too_long"] == task["requested"]
    assert verify(tmp_path / "out")["digest"] == manifest["digest"]
    if form != "arrays":  # workers of the others import TensorFlow for longer than they write
        return
    again = build(
        long_ones,
        plan,
        settings(form, lengths=SHORT, num_shards=3),
        tmp_path / "again",
        workers=2,
    )
    assert again.manifest == manifest


def test_the_text_beside_the_ids_is_what_was_encoded(long_ones, tmp_path):
    tf = pytest.importorskip("tensorflow")
    plan, _ = run(long_ones, tmp_path / "out", "tfrecord", lengths=SHORT)
    wanted = [row for row in fitted(plan) if row is not None]
    (path,) = (tmp_path / "out").glob("**/*.tfrecord")
    records = list(tf.data.TFRecordDataset(str(path)))
    vocabulary = open_vocabulary("bytes")
    for record, row in zip(records, wanted, strict=True):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        text = feature["inputs_pretokenized"].bytes_list.value[0].decode()
        assert text == row.inputs
        ids = list(feature["inputs"].int64_list.value)
        assert ids == [*vocabulary.encode([text])[0].tolist(), 1] and len(ids) <= 60


@pytest.mark.parametrize("fit", [None, True])
def test_a_seqio_cache_is_fitted_only_where_lengths_are_asked_for(long_ones, tmp_path, fit):
    _, manifest = run(long_ones, tmp_path / "out", "seqio-cache", lengths=SHORT, fit=fit)
    assert bool(manifest["left_out"]) == bool(fit)
    assert ("--lengths" in manifest["command"]) == bool(fit)
    for name in ("birds", "fish"):
        place = tmp_path / "out" / "flan" / name / "stats.train.json"
        longest = json.loads(place.read_text())["inputs_max_tokens"]
        assert name == "fish" or (longest <= 59) == bool(fit)


def test_text_formats_stay_whole(long_ones, tmp_path):
    plan, manifest = run(long_ones, tmp_path / "out", "jsonl", lengths=SHORT)
    assert manifest["examples"] == len(plan) and not manifest["left_out"]
    assert manifest["over_length"]["inputs"] > 0


@pytest.mark.parametrize("form", ["arrays", "packed-tfrecord", "tfrecord"])
def test_a_shard_of_which_nothing_fits_is_empty(long_ones, tmp_path, form):
    lengths = {"inputs": 48, "targets": 400}
    plan, manifest = run(long_ones, tmp_path / "out", form, lengths=lengths, num_shards=50)
    assert 0 in [shard["examples"] for shard in manifest["shards"]]
    assert manifest["examples"] == len(plan) - len(manifest["left_out"]) > 0
    assert verify(tmp_path / "out")["digest"] == manifest["digest"]
    if form == "arrays":
        reader = flan_tasks.open(tmp_path / "out")
        assert len(reader) == manifest["rows"] and reader[len(reader) - 1]


def test_counts_are_of_the_rows_that_are_left(long_ones, tmp_path):
    plan, manifest = run(long_ones, tmp_path / "out", "tfrecord", lengths=SHORT)
    for task in manifest["tasks"]:
        assert task["repeated"] <= task["realized"]
        assert task["available"] <= task["realized"] + task["never_seen"]
    kept = [row for row in fitted(plan) if row is not None]
    assert manifest["written"]["inputs"] == sum(len(row.inputs.encode()) for row in kept)
    packed = run(long_ones, tmp_path / "packed", "arrays", lengths=SHORT)[1]
    assert packed["written"] == manifest["written"]


def test_a_build_of_which_nothing_fits_is_refused(prepared, tmp_path):
    for form in ("arrays", "tfrecord"):
        with pytest.raises(BuildError, match="give longer --lengths"):
            run(prepared, tmp_path / form, form, lengths={"inputs": 5, "targets": 8})


@pytest.mark.parametrize(
    ("form", "changes", "message"),
    [
        ("tfrecord", {"vocabulary": None}, "needs a vocabulary"),
        ("tfrecord", {"style": "messages"}, "is for jsonl and parquet"),
        ("jsonl", {"lengths": {"inputs": 1, "targets": 8}}, "2 or more"),
        ("arrays", {"lengths": {"inputs": 99_999_999_999, "targets": 8}}, "at most 2,097,152"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(prepared, tmp_path, form, changes, message):
    with pytest.raises(DeclarationError, match=message):
        run(prepared, tmp_path / "out", form, **changes)
    assert not (tmp_path / "out").exists()


def test_cut_makes_nearly_equal_shards_of_every_row():
    shards = cut(5, 30, 4, per_shard=1000, name=lambda i, n: f"{i}/{n}")
    assert [(s.start, s.stop) for s in shards] == [(5, 11), (11, 17), (17, 23), (23, 30)]
    assert len(cut(0, 3, 8, per_shard=1000, name=lambda i, n: "")) == 3


@pytest.mark.parametrize(
    ("rows", "count"), [(0, 1), (9_999, 1), (10_000, 2), (50_000, 8), (199_999, 10), (10**6, 50)]
)
def test_shards_go_by_rows_and_are_some_as_soon_as_it_is_worth_it(rows, count):
    assert len(cut(0, rows, None, per_shard=20_000, name=lambda i, n: "")) == count


def test_with_eos_closes_what_it_cuts():
    ids = np.arange(5, 12, dtype=np.int32)
    assert with_eos(ids, 1, 4).tolist() == [5, 6, 7, 1]
    assert with_eos(ids, 1, 100).tolist() == [*range(5, 12), 1]
    assert with_eos(ids, 1, 100).dtype == np.int32
