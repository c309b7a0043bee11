import random
import sys

import pytest
from conftest import make_catalog

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"inputs": 200, "targets": 8}


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


def run(prepared, folder, form="arrayrecord", num_shards=2):
    plan = make_plan(prepared, seed=0)
    settings = BuildSettings(
        format=form,
        split="train",
        style="inputs-targets",
        lengths=LENGTHS,
        vocabulary=open_vocabulary("bytes"),
        num_shards=num_shards,
    )
    build(prepared, plan, settings, folder)
    return plan


def test_grain_reads_every_row_by_number(prepared, tmp_path):
    grain = pytest.importorskip("grain")
    tf = pytest.importorskip("tensorflow")
    plan = run(prepared, tmp_path / "out")
    source = grain.sources.ArrayRecordDataSource(
        sorted(map(str, (tmp_path / "out" / "data").glob("*.arrayrecord")))
    )
    rows = [row for chunk in rendered_rows(plan, 0, len(plan)) for row in chunk]
    assert len(source) == len(rows) == 50
    order = random.Random(0).sample(range(50), 50)
    vocabulary = open_vocabulary("bytes")
    for number in order:
        feature = tf.train.Example.FromString(source[number]).features.feature
        assert feature["inputs_pretokenized"].bytes_list.value[0].decode() == rows[number].inputs
        ids = vocabulary.encode([rows[number].inputs])[0][: LENGTHS["inputs"] - 1].tolist()
        assert list(feature["inputs"].int64_list.value) == [*ids, 1]
        assert feature["template"].bytes_list.value[0].decode() == rows[number].template.id
        assert feature["split"].bytes_list.value == [b"train"]


def test_records_are_those_of_tfrecord(prepared, tmp_path):
    module = pytest.importorskip("array_record.python.array_record_module")
    tf = pytest.importorskip("tensorflow")
    run(prepared, tmp_path / "a", num_shards=1)
    run(prepared, tmp_path / "t", "tfrecord", num_shards=1)
    (path,) = (tmp_path / "a" / "data").glob("*.arrayrecord")
    (other,) = (tmp_path / "t" / "data").glob("*.tfrecord")
    wanted = [record.numpy() for record in tf.data.TFRecordDataset(str(other))]
    assert module.ArrayRecordReader(str(path)).read_all() == wanted


def test_the_same_build_twice_gives_the_same_bytes(prepared, tmp_path):
    pytest.importorskip("array_record")
    for name in ("one", "two"):
        run(prepared, tmp_path / name)
    files = sorted(
        str(path.relative_to(tmp_path / "one"))
        for path in (tmp_path / "one").rglob("*")
        if path.is_file()
    )
    assert "data/train-00001-of-00002.arrayrecord" in files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_missing_library_is_told_before_the_build_begins(prepared, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record", None)
    with pytest.raises(DeclarationError, match=r'pip install -e ".*\[arrayrecord\]"'):
        run(prepared, tmp_path / "out")
    assert not (tmp_path / "out").exists()
