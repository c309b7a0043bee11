import dataclasses
import errno
import json
import logging

import pytest
from conftest import make_catalog, toy_normalize

from flan_tasks.core import example
from flan_tasks.core.errors import BuildError, RowError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative
from flan_tasks.raw_rows import open_source
from flan_tasks.store.key import digest_of_parts, key_parts
from flan_tasks.store.store import Store


@pytest.fixture
def toys(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 44})
    dataset = catalog["birds"]
    return Store(tmp_path / "kept"), dataset, open_source(dataset, samples=None)


def test_store_gives_back_what_the_normalizer_gave(toys):
    store, dataset, source = toys
    found = store.open(dataset, source, "train", limit=None)
    assert len(found) == found.rows == found.rows_at_hand == 40
    example = found[3]
    number = int(example.key.split(":")[1])
    assert example.fields == {"animal": f"animal number {number}"}
    assert (example.options, example.answer) == (("yes", "no"), ("no", "yes")[number % 2])


def test_store_reads_a_source_once(toys, monkeypatch):
    store, dataset, source = toys
    first = store.open(dataset, source, "train", limit=None)
    monkeypatch.setattr(type(source), "rows", None)
    assert store.open(dataset, source, "train", limit=None).path == first.path


def test_a_smaller_limit_is_a_prefix(toys):
    store, dataset, source = toys
    whole = store.open(dataset, source, "train", limit=None)
    some = store.open(dataset, source, "train", limit=7)
    assert some.take(range(7)) == whole.take(range(7))
    assert (len(some), some.rows, some.rows_at_hand) == (7, 7, 40)


def test_rows_are_examples_and_skips(toys, tmp_path):
    store, dataset, _ = toys
    rows = [{"animal": "owl", "bird": i % 3 - 1} for i in range(30)]
    (tmp_path / "birds" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = store.open(dataset, open_source(dataset, samples=None), "train", limit=None)
    assert found.rows == len(found) + found.skipped["no gold label"]


@pytest.mark.parametrize("change", ["source", "normalizer", "split", "limit"])
def test_whatever_changes_makes_another_key_and_is_explained(toys, tmp_path, change):
    store, dataset, source = toys
    before = store.open(dataset, source, "train", limit=None)
    limit = None
    if change == "source":
        (tmp_path / "birds" / "train.jsonl").write_text('{"animal": "owl", "bird": 1}\n' * 50)
    elif change == "normalizer":
        namespace: dict = {"Example": Example}
        exec('def other(row):\n    "Asks."\n    return None', namespace)
        dataset = dataclasses.replace(dataset, normalize=namespace["other"])
    elif change == "split":
        from flan_tasks.core.splits import Splits

        dataset = dataclasses.replace(dataset, splits=Splits.validation_from_train(5, test="test"))
    else:
        limit = 3
    source = open_source(dataset, samples=None)
    (line,) = store.explain(dataset, source, "train", limit=limit)
    assert line.startswith(before.path.name) and change in line.split("differs in ")[1]


def typed_in(text):
    """A function as a notebook has it: its source is in no file."""
    namespace: dict = {"Example": Example, "Skip": Skip}
    exec(text, namespace)
    return namespace["f"]


def test_a_constant_changed_in_a_normalizer_typed_in_makes_another_key(toys):
    store, dataset, source = toys
    text = """def f(row):
        "Asks."
        return Example(fields={"animal": "ANIMAL"}, answer="yes", options=("yes", "no"))"""
    for animal in ("owl", "hen"):
        normalize = typed_in(text.replace("ANIMAL", animal))
        changed = dataclasses.replace(dataset, normalize=normalize)
        found = store.open(changed, source, "train", limit=None)
        assert found[0].fields == {"animal": animal}


def test_a_changed_selection_makes_another_key(toys):
    store, dataset, source = toys
    assert len(store.open(dataset, source, "train", limit=None)) == 40
    for letter in "12":
        select = typed_in(
            f"def f(example, split): return Skip('x') if '{letter}' in example.key else None"
        )
        changed = dataclasses.replace(dataset, select=select)
        found = store.open(changed, source, "train", limit=None)
        assert found.skipped["x"] and not any(
            letter in e.key for e in found.take(range(len(found)))
        )


def test_a_damaged_file_is_written_anew(toys):
    store, dataset, source = toys
    path = store.open(dataset, source, "train", limit=None).path
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    store.open(dataset, source, "train", limit=None)
    assert path.read_bytes() == whole


def test_a_reason_that_is_none_any_more_is_not_taken_from_the_store(toys, monkeypatch, caplog):
    store, _, source = toys
    longest = example.LONGEST_REASON
    dataset = dataclasses.replace(toys[1], normalize=_with_a_long_reason)
    monkeypatch.setattr(example, "LONGEST_REASON", 1000)
    path = store.open(dataset, source, "train", limit=None).path
    monkeypatch.setattr(example, "LONGEST_REASON", longest)
    with caplog.at_level(logging.WARNING), pytest.raises(RowError, match="at most 200 characters"):
        store.open(dataset, source, "train", limit=None)
    assert f"stored examples {path} are damaged" in caplog.text


def _with_a_long_reason(row):
    """Skips what is no bird."""
    return toy_normalize(row) if row["bird"] else Skip("no bird " * 30)


def test_two_examples_with_one_key_are_refused(toys):
    store, dataset, source = toys

    def same(row):
        """Asks."""
        return dataclasses.replace(toy_normalize(row), key="x")

    with pytest.raises(BuildError, match='birds: two examples have the key "x"'):
        store.open(dataclasses.replace(dataset, normalize=same), source, "train", limit=None)


def test_a_bad_row_leaves_nothing_behind(toys, tmp_path):
    store, dataset, _ = toys
    (tmp_path / "birds" / "train.jsonl").write_text('{"animal": "owl"}\n' * 20)
    with pytest.raises(RowError, match="birds, split train, row .*: no column bird"):
        store.open(dataset, open_source(dataset, samples=None), "train", limit=None)
    assert list(store.root.iterdir()) == []


def test_examples_are_on_the_disk_before_the_last_is_read(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 3000})
    store, dataset = Store(tmp_path / "kept"), catalog["birds"]
    sizes = []

    def normalize(row):
        """Asks."""
        sizes.append(sum(path.stat().st_size for path in store.root.glob("*.tmp")))
        return toy_normalize(row)

    dataset = dataclasses.replace(dataset, normalize=normalize)
    found = store.open(dataset, open_source(dataset, samples=None), "train", limit=None)
    assert sizes[0] <= sizes[999] < sizes[1001] < sizes[2001]
    assert len({example.key for example in found.take(range(len(found)))}) == len(found) > 2000
    assert [path.suffix for path in sorted(store.root.iterdir())] == [".arrow", ".sha256"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(toys, monkeypatch):
    store, dataset, source = toys

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("flan_tasks.store.checksum.write", full)
    with pytest.raises(BuildError, match="no space left for the store"):
        store.open(dataset, source, "train", limit=None)
    assert list(store.root.iterdir()) == []


def test_another_adapter_of_a_stated_version_makes_another_key(toys):
    _, dataset, source = toys

    def one(row):
        return row

    def other(row):
        return dict(row)

    keys = set()
    for adapt in (None, one, other):
        places = (Alternative(dataset.source, adapt=adapt),)
        stated = dataclasses.replace(dataset, version=1, alternatives=places)
        keys.add(digest_of_parts(key_parts(stated, source, "train", limit=None)))
    assert len(keys) == 3
