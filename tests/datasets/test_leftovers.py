"""Repairs as the datasets apply them: siblings have the same ones, and answers keep their place."""

from pathlib import Path

import pytest

from flan_tasks.core.example import Example
from flan_tasks.datasets import get
from flan_tasks.raw_rows import open_source


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Sports: Reeve wins", "Reeve wins"),
        ("Business : Reeve sells", "Reeve sells"),
        ("World News: Reeve speaks", "Reeve speaks"),
        ("Olympics: Reeve wins", "Olympics: Reeve wins"),
        ("World Cup: Reeve wins", "World Cup: Reeve wins"),
        ("Reeve lands (reeve.com)", "Reeve lands"),
    ],
)
def test_ag_news_titles_give_no_topic_away(title, shown):
    row = {"title": title, "description": "reeve.com - Ann Reeve did it.", "label": 1}
    assert get("ag_news").normalize(row).fields["title"] == shown


@pytest.mark.parametrize("name", ["qnli", "squad_v1", "bool_q", "quac"])
def test_sets_of_wikipedia_drop_its_notes(name):
    page, text = (
        "Tin melts[citation needed] at 232.:10–13 It is soft [note 1].",
        ("Tin melts at 232. It is soft."),
    )
    answers = {"text": ["melts[citation needed] at 232"], "answer_start": [4]}
    rows = {
        "qnli": {"question": "Is it?", "sentence": page, "label": 0},
        "squad_v1": {
            "id": "1",
            "title": "Tin",
            "context": page,
            "question": "Does it ?",
            "answers": answers,
        },
        "bool_q": {"title": "Tin", "passage": page, "question": "is it", "answer": True},
        "quac": {
            "title": "Tin",
            "section_title": "Heat",
            "background": "",
            "context": f"{page} CANNOTANSWER",
            "question": "Does it melt ?",
            "orig_answer": {"text": "melts[citation needed] at 232"},
            "answers": answers,
        },
    }
    example = get(name).normalize(rows[name])
    assert text in example.fields.values()
    if name in ("squad_v1", "quac"):
        assert example.answer == "melts at 232"


def test_dart_names_a_relation_of_two_names_once():
    row = {
        "tripleset": ["Ann ASSOCIATED_BAND_ASSOCIATED_MUSICAL_ARTIST The Gulls"],
        "target": "Ann plays.",
        "references": [],
    }
    facts = get("dart").normalize(row).fields["facts"]
    assert facts == "Ann | associated band or musical artist | The Gulls"


@pytest.mark.parametrize(
    ("name", "split", "field"),
    [
        ("squad_v1", "validation", "context"),
        ("quac", "train", "article"),
        ("record", "train", "passage"),
    ],
)
def test_answers_of_real_rows_stay_parts_of_their_texts(
    real_tree: Path, name: str, split: str, field: str
):
    dataset = get(name)
    source = open_source(dataset, kind="tfds", data_dir=real_tree, samples=None)
    rows = source.rows(split, range(min(300, source.num_rows(split))))
    examples = [dataset.normalize(row) for row in rows]
    assert any(isinstance(example, Example) for example in examples)
    for example in examples:
        if isinstance(example, Example) and example.answer != "the text does not say":
            assert example.answer in example.fields[field]
