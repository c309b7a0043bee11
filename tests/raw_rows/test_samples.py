import pytest

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.raw_rows.base import State
from flan_tasks.raw_rows.samples import SamplesSource


def test_samples_are_read_by_split(tmp_path):
    path = tmp_path / "toy.jsonl"
    path.write_text('{"split": "train", "row": {"a": 1}}\n{"split": "test", "row": {"a": 2}}\n')
    source = SamplesSource("toy", path)
    assert source.splits() == {"train": 1, "test": 1}
    assert list(source.rows("test", [0])) == [{"a": 2}]


def test_a_reader_cannot_change_a_row_for_the_next(tmp_path):
    path = tmp_path / "toy.jsonl"
    path.write_text('{"split": "train", "row": {"a": []}}\n')
    source = SamplesSource("toy", path)
    next(source.rows("train", [0]))["a"].append(1)
    assert next(source.rows("train", [0])) == {"a": []}


def test_a_line_of_another_form_is_named(tmp_path):
    (tmp_path / "toy.jsonl").write_text('{"split": "train"}\n')
    with pytest.raises(RowError, match=r"toy.jsonl, line 1: wanted"):
        SamplesSource("toy", tmp_path / "toy.jsonl").splits()


def test_a_dataset_without_samples_says_so():
    source = SamplesSource("toy", None)
    assert source.status().state is State.NOT_DECLARED
    with pytest.raises(SourceUnavailableError, match="toy: has no embedded rows"):
        source.splits()


def test_a_byte_order_mark_before_samples_is_no_text(tmp_path):
    path = tmp_path / "toy.jsonl"
    path.write_text('{"split": "train", "row": {"a": 1}}\n', encoding="utf-8-sig")
    assert SamplesSource("toy", path).splits() == {"train": 1}
