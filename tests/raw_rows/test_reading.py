import json
from pathlib import Path

import pytest
from conftest import toy_dataset, toy_rows
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError, SourceUnavailableError, TooFewRowsError
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.reading import positions, read_examples


class Memory(Source):
    """Rows in memory."""

    kind = "memory"

    def __init__(self, rows, *, is_shuffled=False, labels=None):
        self._rows = rows
        self.is_shuffled = is_shuffled
        self._labels = labels or {}

    def status(self):
        return Status(State.AVAILABLE)

    def splits(self):
        return {split: len(rows) for split, rows in self._rows.items()}

    def rows(self, split, positions):
        return (self._rows[split][i] for i in positions)

    def identity(self, split):
        return {"source": "memory"}

    def labels(self):
        return self._labels


@given(st.integers(2, 400), st.booleans())
def test_train_validation_and_test_share_no_row(size, is_shuffled):
    source = Memory({"train": toy_rows(size), "test": toy_rows(5)}, is_shuffled=is_shuffled)
    dataset = toy_dataset()
    train = set(positions(dataset, source, "train"))
    try:
        validation = set(positions(dataset, source, "validation"))
    except SourceUnavailableError:
        validation = set()  # too few rows to carve from
    assert not train & validation
    assert train | validation == set(range(size))


def test_rows_in_an_order_of_their_own_are_permuted_before_they_are_sliced():
    dataset = toy_dataset()
    ordered = Memory({"train": toy_rows(40)})
    shuffled = Memory({"train": toy_rows(40)}, is_shuffled=True)
    assert list(positions(dataset, shuffled, "train")) == list(range(36))
    assert sorted(positions(dataset, ordered, "train")) != list(range(36))


def test_datasets_made_from_one_source_cut_it_up_in_one_way():
    from flan_tasks.core.origin import Tfds
    from flan_tasks.core.splits import Splits

    source = Memory({"train": toy_rows(90)})
    blocks = [
        toy_dataset(
            f"birds{i}",
            source=Tfds("birds:1.0.0"),
            splits=Splits.carved(validation=5, test=6, block=(i, 3)),
        )
        for i in range(3)
    ]
    seen: list[int] = []
    for dataset in blocks:
        seen += [*positions(dataset, source, "train"), *positions(dataset, source, "validation")]
    assert len(set(seen)) == len(seen) == 84
    assert len({tuple(positions(dataset, source, "test")) for dataset in blocks}) == 1
    assert not set(seen) & set(positions(blocks[0], source, "test"))


def test_read_examples_gives_keys_of_the_source_rows():
    source = Memory({"train": toy_rows(20)})
    for number, (example,) in read_examples(toy_dataset(), source, "train"):
        assert example.key == f"train:{number}"
        assert example.fields["animal"] == f"animal number {number}"


def test_a_split_that_is_not_declared_is_named():
    with pytest.raises(SourceUnavailableError, match="birds: has no dev split; it has train, val"):
        positions(toy_dataset(), Memory({}), "dev")


def test_a_source_too_small_to_carve_from_says_so():
    with pytest.raises(TooFewRowsError, match="too few rows for a validation split") as caught:
        positions(toy_dataset(), Memory({"train": toy_rows(1)}), "validation")
    assert caught.value.__notes__ == ["memory has 1 row in split train"]
    # One without any row is no small one.
    with pytest.raises(SourceUnavailableError, match="too few") as caught:
        positions(toy_dataset(), Memory({"train": []}), "train")
    assert not isinstance(caught.value, TooFewRowsError)


def test_labels_that_differ_from_the_source_are_refused():
    source = Memory({"train": toy_rows(8)}, labels={"bird": ("yes", "no")})
    with pytest.raises(
        DeclarationError, match=r"labels \['no', 'yes'\]; memory states \['yes', 'no"
    ):
        list(read_examples(toy_dataset(), source, "train"))


def test_open_source_of_a_kind_that_is_not_declared_says_what_is():
    with pytest.raises(
        SourceUnavailableError, match='birds: has no source of kind "hf"; it declares'
    ):
        open_source(toy_dataset(), kind="hf", samples=None)


def test_open_source_reads_files_in_a_folder_named_after_the_dataset(tmp_path: Path):
    from flan_tasks.core.origin import Tfds

    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "train.jsonl").write_text('{"animal": "owl", "bird": 1}\n')
    dataset = toy_dataset(source=Tfds("birds:1.0.0"))
    source = open_source(dataset, kind="files", data_dir=tmp_path, samples=None)
    assert source.splits() == {"train": 1}


def test_open_source_reads_the_folder_given_for_a_dataset_that_declares_files(tmp_path: Path):
    for place, count in (("declared", 2), ("given/birds", 5)):
        (tmp_path / place).mkdir(parents=True)
        lines = "".join(json.dumps(row) + "\n" for row in toy_rows(count))
        (tmp_path / place / "train.jsonl").write_text(lines)
    origin = Files({"train": "train.jsonl"}, root=str(tmp_path / "declared"))
    dataset = toy_dataset(source=origin, splits=Splits.given(validation=None, test=None))
    for folder, count in (("given", 5), ("elsewhere", 2)):
        source = open_source(dataset, kind="files", data_dir=tmp_path / folder, samples=None)
        assert source.splits() == {"train": count}
