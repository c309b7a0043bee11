"""Prepared trees are read without TFDS: its rows to the letter, and damage that is named."""

import json
import sys
from pathlib import Path

import pytest
from conftest import REAL
from prepared_trees import (
    LABEL,
    TEXT,
    example,
    features_dict,
    masked,
    record,
    sequence,
    tensor,
    write_rte,
    write_tree,
)

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows.tfds import TfdsSource

NAME = "a:1.0.0"
BUILDERS = sorted(
    f"{folder.parent.relative_to(REAL / 'tfds')}:{folder.name}"
    for folder in (path.parent for path in (REAL / "tfds").rglob("dataset_info.json"))
)


def direct(root, name=NAME, columns=()):
    source = TfdsSource(Tfds(name), columns=columns, data_dir=root)
    assert source._tree is not None, source._needs_tfds
    return source


def through_tfds(root, name=NAME, columns=()):
    source = TfdsSource(Tfds(name), columns=columns, data_dir=root)
    source._tree = None
    return source


def rows_of(source, split="train", positions=None):
    if positions is None:
        positions = range(source.num_rows(split))
    return list(source.rows(split, positions))


def assert_equal(root, name, most):
    """Compares types and order of keys too: `==` of rows does not, and fails on NaN."""
    source, other = direct(root, name), through_tfds(root, name)
    assert source.labels() == other.labels()
    for split, count in source.splits().items():
        if not count:
            continue
        positions = range(min(count, most))
        pairs = zip(source.rows(split, positions), other.rows(split, positions), strict=True)
        for number, (row, theirs) in enumerate(pairs):
            assert repr(row) == repr(theirs), f"{name}, split {split}, row {number}"


def test_the_first_real_rows_are_those_of_tfds(real_tree):
    pytest.importorskip("tensorflow_datasets")
    assert len(BUILDERS) >= 60
    # A quarter of them, as TFDS takes its time; the slow test has all.
    for name in BUILDERS[::4]:
        source, other = direct(real_tree, name), through_tfds(real_tree, name)
        assert source.labels() == other.labels()
        split, count = next(item for item in source.splits().items() if item[1])
        positions = range(max(0, count - 40), count)
        rows, theirs = (rows_of(one, split, positions) for one in (source, other))
        assert [*map(repr, rows)] == [*map(repr, theirs)], name


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_all_real_rows_are_those_of_tfds(real_tree, name):
    pytest.importorskip("tensorflow_datasets")
    assert_equal(real_tree, name, sys.maxsize)


@pytest.fixture(scope="module")
def every_feature(tmp_path_factory):
    """A tree that TFDS wrote, in three files, with every feature and type that is known."""
    tfds = pytest.importorskip("tensorflow_datasets")
    import numpy as np

    features = tfds.features
    integers = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

    class FlanTasksEvery(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            inside = {"text": features.Text(), "label": features.ClassLabel(names=["no", "yes"])}
            columns = {
                **{name: features.Scalar(getattr(np, name)) for name in integers},
                "truth": features.Scalar(np.bool_),
                "half": features.Tensor(shape=(), dtype=np.float32),
                "double": features.Scalar(np.float64),
                "zebra": inside,
                "apple": {"b": {"d": features.Text(), "c": features.Scalar(np.int16)}},
                "label": features.ClassLabel(names=["red", "green", "blue"]),
                "numbered": features.ClassLabel(num_classes=3),
                "labels": features.Sequence(features.ClassLabel(names=["x", "y"])),
                "texts": features.Sequence(features.Text()),
                "truths": features.Sequence(features.Scalar(np.bool_)),
                "small": features.Sequence(features.Scalar(np.int8)),
                "floats": features.Sequence(features.Scalar(np.float32)),
                "pair": features.Sequence(features.Text(), length=2),
                "records": features.Sequence({"zone": features.Text(), "count": np.int32}),
                "lists": features.Sequence(features.Sequence(features.Text())),
                "deep": features.Sequence(
                    {"inner": features.Sequence({"n": np.int64, "m": features.Sequence(np.int32)})}
                ),
                "matrix": features.Tensor(shape=(2, 3), dtype=np.int32),
                "rows": features.Tensor(shape=(None, 2), dtype=np.float32),
                "columns": features.Tensor(shape=(2, None), dtype=np.int64),
                "points": features.Sequence(features.Tensor(shape=(2,), dtype=np.float32)),
                "words": features.Tensor(shape=(None,), dtype=np.str_),
                "pair_of": features.Translation(languages=["fr", "en"]),
                "a/b": features.Text(),
            }
            return tfds.core.DatasetInfo(builder=self, features=features.FeaturesDict(columns))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(23), "test": self._generate_examples(7)}

        def _generate_examples(self, count):
            for n in range(count):
                few = n % 4
                yield (
                    n,
                    {
                        **{name: np.iinfo(name).max - n for name in integers},
                        "truth": bool(n % 2),
                        "half": (0.1, float("nan"), -0.0, float("inf"))[few],
                        "double": 0.1 + n,
                        "zebra": {"text": f"Zwölf {n} \0\n", "label": n % 2},
                        "apple": {"b": {"d": "", "c": -n}},
                        "label": -1 if n == 3 else n % 3,
                        "numbered": n % 3,
                        "labels": [k % 2 for k in range(few)],
                        "texts": [f"text {k}" for k in range(few)],
                        "truths": [k % 2 == 0 for k in range(few)],
                        "small": [-k for k in range(few)],
                        "floats": [k / 3 for k in range(few)],
                        "pair": [f"{n}", "二"],
                        "records": [{"zone": f"z{k}", "count": k} for k in range(few)],
                        "lists": [[f"{k}{j}" for j in range(k)] for k in range(few)],
                        "deep": [
                            {"inner": [{"n": k, "m": list(range(j))} for j in range(k)]}
                            for k in range(few)
                        ],
                        "matrix": np.arange(n, n + 6, dtype=np.int32).reshape(2, 3),
                        "rows": np.arange(2 * few, dtype=np.float32).reshape(few, 2) / 7,
                        "columns": np.arange(2 * few).reshape(2, few),
                        "points": [[k / 3, -k] for k in range(few)],
                        "words": [f"w{k}" for k in range(few)],
                        "pair_of": {"fr": "Bonjour", "en": f"Hello {n}"},
                        "a/b": "slash",
                    },
                )

    root = tmp_path_factory.mktemp("every")
    config = tfds.download.DownloadConfig(num_shards=3)
    FlanTasksEvery(data_dir=str(root)).download_and_prepare(download_config=config)
    return root


EVERY = "flan_tasks_every:1.0.0"


def test_every_known_feature_is_read_as_tfds_reads_it(every_feature):
    assert_equal(every_feature, EVERY, sys.maxsize)
    (folder,) = every_feature.glob("flan_tasks_every/*")
    assert len(list(folder.glob("*-train.tfrecord-*-of-00003"))) == 3


def test_slices_go_over_the_files_as_with_tfds(every_feature):
    columns = ("label", "texts", "pair_of")
    source, other = (one(every_feature, EVERY, columns) for one in (direct, through_tfds))
    whole = rows_of(source)
    assert list(whole[0]) == sorted(columns)
    for positions in (range(5, 19), range(22, 23), range(7, 8), range(4, 4)):
        found = rows_of(source, positions=positions)
        assert found == whole[positions.start : positions.stop]
        assert found == (rows_of(other, positions=positions) if len(positions) else [])


def one_column(root, feature, *values, name="v"):
    """A tree whose rows have one column."""
    return write_tree(root, NAME, {name: feature}, {"train": [[*map(example, values)]]})


def test_files_of_no_rows_are_passed_over(tmp_path):
    rows = [example({"v": number}) for number in range(5)]
    files = {"train": [[], rows[:2], [], rows[2:], []]}
    write_tree(tmp_path, NAME, {"v": tensor("int64")}, files)
    assert [row["v"] for row in rows_of(direct(tmp_path))] == [0, 1, 2, 3, 4]
    assert [row["v"] for row in rows_of(direct(tmp_path), positions=range(1, 3))] == [1, 2]


def test_integers_lose_what_their_type_has_no_room_for(tmp_path):
    features = {"a": tensor("int8"), "b": tensor("uint16"), "c": tensor("bool")}
    rows = [example({"a": 130, "b": -1, "c": 7})]
    write_tree(tmp_path, NAME, features, {"train": [rows]})
    assert rows_of(direct(tmp_path)) == [{"a": -126, "b": 65535, "c": True}]


def test_labels_without_names_are_numbers(tmp_path):
    write_tree(tmp_path, NAME, {"v": LABEL, "w": TEXT}, {"train": [[]]})
    assert direct(tmp_path).labels() == {"v": ("0", "1")}


def test_no_tensorflow_is_imported(tmp_path):
    before = {name for name in ("tensorflow", "tensorflow_datasets") if name in sys.modules}
    write_rte(tmp_path)
    assert len(rows_of(direct(tmp_path, "super_glue/rte:1.0.2"))) == 40
    after = {name for name in ("tensorflow", "tensorflow_datasets") if name in sys.modules}
    assert after == before


def test_a_missing_column_is_named(tmp_path):
    one_column(tmp_path, TEXT, {"v": "x"})
    with pytest.raises(DeclarationError, match=r"has no column w; it has \['v'\]"):
        rows_of(direct(tmp_path, columns=("v", "w")))


@pytest.fixture
def five(tmp_path):
    """A source of five rows, and its one file."""
    folder = one_column(tmp_path, TEXT, *({"v": f"row {number}"} for number in range(5)))
    (path,) = folder.glob("*.tfrecord-*")
    size = len(record(example({"v": "row 0"})))

    def damaged(*changes):
        data = bytearray(path.read_bytes())
        for place, value in changes:
            data[place] = value
        path.write_bytes(data)
        return TfdsSource(Tfds(NAME), columns=(), data_dir=tmp_path, dataset="five")

    return damaged, path, size


def test_a_record_with_other_data_is_named_and_the_next_are_read(five):
    damaged, path, size = five
    source = damaged((2 * size + 14, 255))
    with pytest.raises(RowError) as raised:
        rows_of(source)
    assert str(raised.value) == (
        f"five: TFDS a:1.0.0, split train, row 2: {path.name}, record 2: its data is not what its "
        "checksum says"
    )
    assert rows_of(source, positions=range(3, 5)) == [{"v": "row 3"}, {"v": "row 4"}]
    assert len(rows_of(source, positions=range(2))) == 2


def told(source, positions=None):
    with pytest.raises(SourceUnavailableError) as raised:
        rows_of(source, positions=positions)
    assert any(note.startswith("it is /") for note in raised.value.__notes__)
    assert "Remove it and prepare it again" in str(raised.value)
    assert "/" not in str(raised.value).replace("a:1.0.0", "")
    return str(raised.value)


def test_a_file_whose_records_cannot_be_found_is_named(five):
    damaged, path, size = five
    source = damaged((3 * size, 255))
    where = f"TFDS a:1.0.0: its prepared folder is damaged: {path.name}, record 3: "
    assert f"{where}its length is not what its checksum says" in told(source)
    # Also where it is only passed over.
    assert f"{where}its length is not" in told(source, range(4, 5))
    assert rows_of(source, positions=range(3)) == [{"v": f"row {n}"} for n in range(3)]


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        (0, "record 4: the file ends before it"),
        (7, "record 4: the file ends in it"),
        (15, "record 4: the file ends in it"),
        (-2, "record 4: the file ends in it"),
    ],
)
def test_a_file_that_ends_early_is_named(five, cut, problem):
    damaged, path, size = five
    path.write_bytes(path.read_bytes()[: 4 * size + cut if cut >= 0 else cut])
    assert problem in told(damaged())


def test_a_file_with_more_records_than_stated_is_named(five):
    damaged, path, _ = five
    path.write_bytes(path.read_bytes() + record(example({"v": "one more"})))
    assert "record 5: the file should end before it, after 5" in told(damaged())
    assert len(rows_of(damaged(), positions=range(4))) == 4


def test_a_file_that_is_gone_is_named(five):
    damaged, path, _ = five
    source = damaged()
    source.num_rows("train")
    path.unlink()
    assert f"{path.name}: No such file" in told(source)


@pytest.mark.parametrize(
    ("feature", "values", "problem"),
    [
        (TEXT, {}, "its feature v has no values; wanted 1 in bytes_list"),
        (TEXT, {"v": 3}, "its feature v has 1 value in its int64_list; wanted 1 in bytes_list"),
        (LABEL, {"v": [1, 2]}, "its feature v has 2 values in its int64_list; wanted 1 in int64"),
        (sequence(TEXT), {"v": [1, 2]}, "2 values in its int64_list; wanted values in bytes_list"),
        (sequence(TEXT, 2), {"v": ["x"]}, "1 value in its bytes_list; wanted 2 in bytes_list"),
        (
            tensor("int64", shape={"dimensions": ["-1", "2"]}),
            {"v": [1, 2, 3]},
            "3 values in its int64_list; wanted a multiple of 2 in int64_list",
        ),
        (
            sequence(sequence(TEXT)),
            {"v/ragged_flat_values": ["x"], "v/ragged_row_lengths_0": [1, 1]},
            "its v/ragged_row_lengths_0 adds up to 2, for 1 value",
        ),
    ],
)
def test_an_example_that_is_not_as_its_features_say_is_named(tmp_path, feature, values, problem):
    one_column(tmp_path, feature, {"v": "x"} if feature is TEXT else values, values)
    with pytest.raises(RowError) as raised:
        rows_of(direct(tmp_path), positions=range(1, 2))
    assert "row 1: a-train.tfrecord-00000-of-00001, record 1: " in str(raised.value)
    assert problem in str(raised.value)


def test_a_record_that_is_no_example_is_named(tmp_path):
    write_tree(tmp_path, NAME, {"v": TEXT}, {"train": [[b"\xff\xff\xff"]]})
    with pytest.raises(RowError, match="record 0: it is no tf.train.Example"):
        rows_of(direct(tmp_path))


def test_a_text_that_is_not_utf_8_is_named_by_its_row(tmp_path):
    one_column(tmp_path, TEXT, {"v": "x"}, {"v": b"\xff"})
    with pytest.raises(RowError, match="TFDS a:1.0.0, split train, row 1: not UTF-8: .*0xff"):
        rows_of(direct(tmp_path))


IMAGE = {"pythonClassName": "tensorflow_datasets.core.features.image_feature.Image", "image": {}}


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (IMAGE, "its column v is a image_feature.Image"),
        ({"pythonClassName": "mine.Own", "json": {}}, "its column v is a mine.Own"),
        ({"type": "x", "content": {}}, "its features.json has another form at v"),
        (tensor("int64", encoding="zlib"), "has an encoding"),
        (tensor("int64", optional=True), "is optional"),
        (tensor("complex64"), "its column v is a Tensor of complex64"),
        (sequence(sequence(TEXT, 2)), r"its column v has the shape \(any, 2\)"),
        (sequence(TEXT, 0), r"its column v has the shape \(0\)"),
        (features_dict({}), "its column v is an empty FeaturesDict"),
        ({"pythonClassName": 3, "text": {}}, "another form"),
    ],
)
def test_what_is_not_known_is_left_to_tfds(tmp_path, monkeypatch, feature, why):
    one_column(tmp_path, feature)
    source = TfdsSource(Tfds(NAME), columns=(), data_dir=tmp_path)
    assert source._tree is None
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(
        SourceUnavailableError, match=rf"Reading TFDS a:1.0.0 \(.*{why}.*\) needs tensorflow-datas"
    ):
        rows_of(source, positions=range(1))


def test_columns_that_are_not_asked_for_need_not_be_known(tmp_path):
    rows = [example({"v": "x", "w": b"\x89PNG"})]
    write_tree(tmp_path, NAME, {"v": TEXT, "w": IMAGE}, {"train": [rows]})
    assert rows_of(direct(tmp_path, columns=("v",))) == [{"v": "x"}]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fileFormat": "array_record"}, "its files are in the format array_record"),
        ({"splits": [{"name": "train"}]}, "its metadata has another form"),
        (
            {"splits": [{"name": "t", "shardLengths": ["1"], "filepathTemplate": "{SPLIT}"}]},
            "its files are called {SPLIT}",
        ),
    ],
)
def test_metadata_of_another_form_is_left_to_tfds(tmp_path, change, why):
    path = one_column(tmp_path, TEXT, {"v": "x"}) / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    source = TfdsSource(Tfds(NAME), columns=(), data_dir=tmp_path)
    assert source._tree is None and why in source._needs_tfds


def test_a_tree_without_features_is_left_to_tfds(tmp_path):
    (one_column(tmp_path, TEXT, {"v": "x"}) / "features.json").unlink()
    source = TfdsSource(Tfds(NAME), columns=(), data_dir=tmp_path)
    assert source._tree is None and source._needs_tfds == "its features.json cannot be read"


def test_checksums_are_those_of_the_format():
    # RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 8a9136aa.
    assert masked(bytes(32)).hex() == struct_of(0x8A9136AA)


def struct_of(checksum: int) -> str:
    value = ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return value.to_bytes(4, "little").hex()


def test_the_store_is_the_same_bytes_as_through_tfds(tmp_path, real_tree, monkeypatch):
    pytest.importorskip("tensorflow_datasets")
    from flan_tasks.datasets import catalog
    from flan_tasks.raw_rows import open_source
    from flan_tasks.store.store import Store

    dataset = catalog()["rte"]
    source = open_source(dataset, kind="tfds", data_dir=real_tree, samples=None)
    assert source._tree is not None
    stored = Store(tmp_path / "one").open(dataset, source, "train", limit=500).path
    source._tree = None
    other = Store(tmp_path / "other").open(dataset, source, "train", limit=500).path
    assert stored.name == other.name
    assert Path(stored).read_bytes() == Path(other).read_bytes()
