"""MMLU, BIG-Bench Hard, MGSM and TyDiQA as families: outside training, with wordings of ours."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from without_model import evaluated, right

from flan_tasks.core.example import Skip
from flan_tasks.core.family import family_of
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.raw_rows import open_source

ROW = {"question": "Why? ", "A": "one", "B": "two ", "C": "3", "D": "0.10", "answer": "B"}
FAMILIES = ("mmlu", "bbh", "mgsm", "tydiqa")
PASSAGE = {"id": "telugu-1", "context": "c", "question": "q", "answers": {"text": ["c"]}}


def normalized(name, row):
    family, member = family_of(catalog()[name])
    return family.normalize(row, member)


def test_there_are_as_many_tasks_as_are_published():
    families = catalog().families
    sizes = {name: len(families[name].members) for name in FAMILIES}
    assert sizes == {"mmlu": 57, "bbh": 27, "mgsm": 11, "tydiqa": 9}
    facts = [member.facts for member in families["bbh"].members.values()]
    assert len({one["task"] for one in facts}) == 23
    assert sum(m.size["test"] for m in families["bbh"].members.values()) == 6511
    by_category = {}
    for member in families["mmlu"].members.values():
        category = member.facts["category"]
        by_category[category] = by_category.get(category, 0) + 1
    assert by_category == {"STEM": 18, "humanities": 13, "social sciences": 12, "other": 14}


def test_nothing_is_trained_on_them():
    for name in ("mmlu:anatomy", "bbh:snarks", "mgsm:de", "tydiqa:korean"):
        assert not catalog()[name].is_trained_on
    for mixture in catalog().mixtures:
        members = catalog().members(mixture)
        assert not {dataset.family for dataset in members} & {*FAMILIES}, mixture.name
        assert "dialogsum" not in {dataset.name for dataset in members}, mixture.name


@pytest.mark.parametrize("name", (*FAMILIES, "gsm8k", "dialogsum"))
def test_each_has_ten_wordings_of_ours(name):
    assert len(catalog().templates(name).of_kind("forward")) == 10


@pytest.mark.parametrize(("name", "number"), [("mgsm:de", 10), ("tydiqa:arabic", 10)])
def test_the_spread_over_them_is_scored(name, number, tmp_path):
    evaluated(tmp_path / "out", name, rule=right)
    templates = {unit.template for unit in Answers.of_folder(tmp_path / "out").units}
    assert templates == {one.id for one in catalog().templates(name.split(":")[0])}
    assert len(templates) == number


def test_a_language_of_tydiqa_is_that_of_the_ids():
    family = catalog().families["tydiqa"]
    assert family.task_of("finnish-123-0") == "finnish"
    assert sum(member.size["validation"] for member in family.members.values()) == 5077
    assert {m.facts["language"][:3].lower(): m.languages for m in family.members.values()} == {
        **{"ara": ("ar",), "ben": ("bn",), "eng": ("en",), "fin": ("fi",), "ind": ("id",)},
        **{"kor": ("ko",), "rus": ("ru",), "swa": ("sw",), "tel": ("te",)},
    }


def test_all_answers_to_a_question_of_tydiqa_are_right():
    row = {"id": "finnish-1-0", "context": "a\r\nb ", "question": " q ", "answers": {}}
    row["answers"] = {"text": ["b ", "a\nb", "b"], "answer_start": [0, 0, 0]}
    example = normalized("tydiqa:finnish", row)
    assert example.references == ("b", "a b") and example.answer == "b"
    assert example.fields == {"question": "q", "context": "a\nb"}


@pytest.fixture
def hub_copy(tmp_path, monkeypatch):
    """TyDiQA as the hub has it: both of its tasks, all languages of one in one table."""
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    folder = tmp_path / "hub" / "google-research-datasets" / "tydiqa"
    samples = catalog().samples("tydiqa:finnish").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in samples.splitlines()]
    for split in ("train", "validation"):
        rows = [line["row"] for line in lines if line["split"] == split]
        rows.sort(key=lambda row: row["id"][::-1])
        for task, table in (
            ("secondary_task", pa.Table.from_pylist(rows)),
            ("primary_task", pa.table({"document_plaintext": ["of another task"]})),
        ):
            (folder / task).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, folder / task / f"{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n"
        + "".join(
            f"- config_name: {task}\n  data_files:\n"
            + "".join(
                f"  - split: {split}\n    path: {task}/{split}-*\n"
                for split in ("train", "validation")
            )
            for task in ("primary_task", "secondary_task")
        )
        + "---\n"
    )
    return tmp_path / "hub", lines


def test_tydiqa_is_read_from_a_copy_in_the_form_of_the_hub(hub_copy):
    folder, lines = hub_copy
    opened = {}
    for name in catalog().families["tydiqa"].members:
        dataset = catalog()[f"tydiqa:{name}"]
        source = open_source(dataset, kind="hf", data_dir=folder, samples=None, opened=opened)
        # Nothing is trained on it, so its rows of training are not looked at.
        own = [one["row"] for one in lines if (one["task"], one["split"]) == (name, "validation")]
        assert source.splits() == {"validation": len(own)} and own
        read = list(source.rows("validation", range(len(own))))
        by_id = {one["id"]: one for one in own}
        assert {one["id"] for one in read} == by_id.keys()
        for row in read:
            assert normalized(dataset.name, row) == normalized(dataset.name, by_id[row["id"]])


def test_answers_to_sample_rows_of_tydiqa_stand_where_they_say():
    samples = catalog().samples("tydiqa:finnish").read_text(encoding="utf-8")
    for line in samples.splitlines():
        row = json.loads(line)["row"]
        answers = row["answers"]
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert row["context"][start : start + len(text)] == text, row["id"]


def test_choices_are_texts_in_our_wordings():
    example = normalized("mmlu:anatomy", ROW)
    assert example.options == ("one", "two", "3", "0.10") and example.answer == "two"
    assert example.fields == {"question": "Why?"}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("mmlu:anatomy", {**ROW, "D": "3 "}, "two choices are equal"),
        ("mmlu:anatomy", {**ROW, "D": " "}, "no question or an empty choice"),
        ("mmlu:anatomy", {**ROW, "answer": "E"}, "no letter as its answer"),
        ("bbh:snarks", {"input": "q", "target": " "}, "no input or no target"),
        ("mgsm:de", {"question": " ", "answer": "3"}, "no question or no answer"),
        ("tydiqa:telugu", {**PASSAGE, "question": " "}, "no question or no passage"),
        ("tydiqa:telugu", {**PASSAGE, "answers": {"text": [" "]}}, "no answer"),
    ],
)
def test_rows_that_cannot_be_asked_are_skipped_with_a_reason(name, row, reason):
    assert normalized(name, row) == Skip(reason)
