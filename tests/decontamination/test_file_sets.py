"""Evaluation sets out of files: published layouts are known, and what cannot be read is named."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import REAL

from flan_tasks.core.errors import FlanTasksError, RowError, SourceUnavailableError
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.file_sets import file_sets, is_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_mmlu_is_known_by_its_folders(tmp_path):
    write(tmp_path / "mmlu/test/anatomy_test.csv", '"What is\nthis?",0.10,None,"a, b",NA,B\n')
    write(tmp_path / "mmlu/test/high_school_biology_test.csv", "Which?,a,b,c,d,A\n")
    write(tmp_path / "mmlu/val/anatomy_val.csv", "Where?,a,b,c,d,A\n")
    write(tmp_path / "mmlu/dev/anatomy_dev.csv", "Not this?,a,b,c,d,A\n")
    validation, test = file_sets(tmp_path / "mmlu")
    assert (validation.name, validation.split, len(validation)) == ("mmlu", "validation", 1)
    assert (test.name, test.split, len(test)) == ("mmlu", "test", 2)
    assert test.texts(range(1)) == [Texts(("What is\nthis?",), ("0.10", "None", "a, b", "NA"))]
    assert [test.key(n) for n in range(2)] == ["anatomy:0", "high_school_biology:0"]
    (alone,) = file_sets(tmp_path / "mmlu/test")
    assert (alone.split, len(alone)) == ("test", 2)


def test_bbh_and_mgsm_are_known_by_their_files(tmp_path):
    examples = {"canary": "x", "examples": [{"input": "Is it? (A) yes", "target": "(A)"}]}
    write(tmp_path / "BBH/bbh/navigate.json", json.dumps(examples))
    for folder in ("BBH", "BBH/bbh"):
        (bbh,) = file_sets(tmp_path / folder)
        assert (bbh.split, len(bbh), bbh.key(0)) == ("test", 1, "navigate:0")
        assert bbh.texts(range(1)) == [Texts(("Is it? (A) yes",))]
    write(tmp_path / "mgsm/mgsm_th.tsv", 'ไข่ "3" ฟอง?\t18\n')
    (mgsm,) = file_sets(tmp_path / "mgsm")
    assert (mgsm.key(0), mgsm.texts(range(1))) == ("mgsm_th:0", [Texts(('ไข่ "3" ฟอง?',))])


def test_a_row_of_a_table_is_all_its_strings_or_its_text(tmp_path):
    row = {"id": "7", "n": 3, "turns": [{"role": "user", "content": "Hello"}], "more": "there"}
    lines = write(tmp_path / "a.jsonl", json.dumps(row) + "\n" + json.dumps(row | {"text": "x"}))
    (one,) = file_sets(lines)
    assert one.name == "a.jsonl" and one.split == ""
    assert one.texts(range(2)) == [Texts(("user", "Hello", "there")), Texts(("x",))]
    write(tmp_path / "b.csv", "question,key\nWhy?,1\n")
    pyarrow.parquet.write_table(pa.table({"text": ["a", None]}), tmp_path / "c.parquet")
    by_name = {one.name.rpartition("/")[2]: one for one in file_sets(tmp_path)}
    assert list(by_name) == ["a.jsonl", "b.csv", "c.parquet"]
    assert by_name["b.csv"].texts(range(1)) == [Texts(("Why?",))]
    assert by_name["c.parquet"].texts(range(2)) == [Texts(("a",)), Texts(())]


def test_names_of_datasets_are_no_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_path("mmlu") and is_path("./mmlu") and is_path("mine.jsonl")
    (tmp_path / "mmlu").mkdir()
    assert is_path("mmlu")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.jsonl", None, "no such file or folder"),
        ("notes.txt", "a", "unknown ending"),
        ("a.jsonl", '{"text": "a"}\n{', "a.jsonl, row 1: not valid JSON"),
        ("a.csv", b"text\n\xff\xfe", "a.csv"),
        ("mmlu/test/x_test.csv", "Who?,a,b\n", "x_test.csv, row 0: 3 cells; the header has 6"),
        (
            "bbh/x.json",
            '{"examples": [{"input": "a", "target": "b"}, {"input": 3, "target": "b"}]}',
            "row 1: no text in input",
        ),
        ("empty/README.md", "a", "wanted MMLU's test/"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    folder = tmp_path / name.partition("/")[0]
    with pytest.raises(FlanTasksError) as caught:
        file_sets(folder)
    assert message in str(caught.value)
    assert isinstance(caught.value, RowError | SourceUnavailableError)


def test_real_suites_are_read_whole():
    if not (REAL / "suites").is_dir():
        pytest.skip("the real suites are not available (see FLAN_TASKS_TEST_DATA)")
    sizes = {
        (one.name, one.split): len(one)
        for name in ("mmlu", "bbh", "mgsm")
        for one in file_sets(REAL / "suites" / name)
    }
    assert sizes[("mmlu", "test")] == 57 * 50 and sizes[("mmlu", "validation")] == 285
    assert sizes[("bbh", "test")] == 3256 and sizes[("mgsm", "test")] == 11 * 125
