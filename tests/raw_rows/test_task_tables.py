"""Families whose tasks are tables, and texts that lie beside the files of tasks."""

from pathlib import Path

import pytest

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.family import Family
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import open_source, task_files

MMLU = catalog().families["mmlu"]
BBH = catalog().families["bbh"]


def opened(name, folder):
    family = name.partition(":")[0]
    return open_source(
        catalog()[name], data_dir=Path(f"{family}={folder}"), samples=None, opened={}
    )


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def mmlu(folder, name="anatomy", test='"Why?\nNow",0.10,None,NA,"a, b",C\n'):
    for split in ("dev", "val", "test"):
        write(folder / split / f"{name}_{split}.csv", test if split == "test" else "q,1,2,3,4,A\n")


def test_a_file_is_the_task_that_stands_for_the_star(tmp_path):
    mmlu(tmp_path)
    write(tmp_path / "test" / "alchemy_test.csv", "q,1,2,3,4,A\n")
    source = opened("mmlu:anatomy", tmp_path)
    assert source.splits() == {"dev": 1, "val": 1, "test": 1}
    (row,) = source.rows("test", [0])
    assert row == {
        "question": "Why?\nNow",
        **dict(zip("ABCD", ("0.10", "None", "NA", "a, b"), strict=True)),
        "answer": "C",
    }
    assert source.of_family.unknown("test") == {"alchemy_test.csv": 1}
    with pytest.raises(
        SourceUnavailableError, match="its file is missing; the folder has those of"
    ):
        opened("mmlu:virology", tmp_path).splits()


def test_what_is_read_is_pinned_by_its_content_and_not_by_its_place(tmp_path):
    mmlu(tmp_path / "one")
    mmlu(tmp_path / "two")
    mmlu(tmp_path / "three", test="Why?,a,b,c,d,A\n")
    one, two, three = (
        opened("mmlu:anatomy", tmp_path / name).identity("test") for name in ("one", "two", "three")
    )
    assert one == two != three and one["columns"] == ["question", "A", "B", "C", "D", "answer"]


def test_files_are_digested_once_a_command(tmp_path, monkeypatch):
    mmlu(tmp_path)
    source, calls = opened("mmlu:anatomy", tmp_path), []
    real = task_files.digests
    monkeypatch.setattr(task_files, "digests", lambda paths: calls.append(paths) or real(paths))
    assert source.identity("test") == source.identity("test") and len(calls) == 1


def test_a_row_with_a_cell_too_few_names_its_file_and_row(tmp_path):
    mmlu(tmp_path, test="q,1,2,3,4,A\nq,1,2\n")
    with pytest.raises(RowError, match=r"anatomy_test\.csv, row 1"):
        list(opened("mmlu:anatomy", tmp_path).rows("test", range(2)))


def test_texts_beside_the_tasks_are_in_their_record(tmp_path):
    write(tmp_path / "bbh" / "snarks.json", '{"canary": "c", "examples": []}')
    write(tmp_path / "bbh" / "web_of_lies.json", '{"examples": []}')
    write(tmp_path / "cot-prompts" / "snarks.txt", "About snarks.")
    # A folder of the family's own name lies in the checkout, and is not the checkout.
    assert opened("bbh:snarks", tmp_path).record("test") == {
        "canary": "c",
        "prompt": "About snarks.",
    }
    assert opened("bbh:web_of_lies", tmp_path).record("test") == {}
    mmlu(tmp_path / "mmlu")
    write(tmp_path / "mmlu" / "some" / "where" / "mmlu-cot.json", "{}")
    assert opened("mmlu:anatomy", tmp_path).record("test") == {"chain_of_thought": "{}"}


def test_a_text_beside_that_is_no_text_is_named(tmp_path):
    write(tmp_path / "bbh" / "snarks.json", '{"examples": []}')
    (tmp_path / "cot-prompts").mkdir()
    (tmp_path / "cot-prompts" / "snarks.txt").write_bytes(b"caf\xe9")
    with pytest.raises(RowError, match=r"snarks\.txt is not UTF-8"):
        opened("bbh:snarks", tmp_path).record("test")


def test_a_family_of_files_says_how_its_rows_are_found(tmp_path):
    with pytest.raises(DeclarationError, match=r"names the columns of tables without a header"):
        Family(
            name="toys",
            source=Files({"test": "*.csv"}),
            index=tmp_path / "index.jsonl",
            splits=Splits(train=None, test="test"),
            schema={"q": str},
            normalize=lambda row, member: None,
            fields=("q",),
            metrics=("accuracy",),
            license="MIT",
            citation="none",
        )
