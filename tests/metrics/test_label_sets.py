"""Answers that list labels, against numbers computed by hand."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, toy_dataset

from flan_tasks.core.errors import DeclarationError, EvaluationError
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.label_sets import labels_of


def golds(*answers):
    return [Gold(answer, (answer,), key=str(n)) for n, answer in enumerate(answers)]


def test_numbers_are_those_of_their_definitions():
    found = metric("multilabel")(
        golds("joy, love", "anger", "joy"), ["Love; joy.", "anger, fear", "sadness"]
    )
    # Right: love and joy of the first, anger. Too many: fear, sadness. Missing: joy of the last.
    assert found == {
        "em": pytest.approx(100 / 3),
        "micro_f1": pytest.approx(100 * 2 * 3 / (2 * 3 + 2 + 1)),
        # anger 1, joy 2 / (2 + 1), love 1; fear and sadness are no label of an answer.
        "macro_f1": pytest.approx(100 * (1 + 2 / 3 + 1) / 3),
        # Both; 2 / (2 + 1); none.
        "samples_f1": pytest.approx(100 * (1 + 2 / 3 + 0) / 3),
    }


@pytest.mark.parametrize("said", ["joy, anger", "anger\njoy", "Anger; JOY.", "joy | anger, joy,"])
def test_order_case_marks_and_repetition_do_not_matter(said):
    found = metric("multilabel")(golds("joy, anger"), [said])
    assert found == {"em": 100, "micro_f1": 100, "macro_f1": 100, "samples_f1": 100}


@pytest.mark.parametrize("said", ["", "joy anger", "fear", ", ;"])
def test_nothing_right_is_zero_for_a_single_label_too(said):
    found = metric("multilabel")(golds("joy"), [said])
    assert found == {"em": 0, "micro_f1": 0, "macro_f1": 0, "samples_f1": 0}


def test_marks_of_other_scripts_part_labels():
    assert labels_of("喜悦、愤怒，悲伤。") == {"喜悦", "愤怒", "悲伤"}
    assert labels_of("فرح، غضب؛ حزن") == {"فرح", "غضب", "حزن"}


def test_an_answer_without_labels_is_refused():
    with pytest.raises(EvaluationError, match='example "1" lists no label: ","; .* "none"'):
        metric("multilabel")(golds("joy", ","), ["joy", "joy"])


def test_a_list_is_no_option():
    with pytest.raises(DeclarationError, match="declare no options"):
        toy_dataset(metrics=("multilabel",))
    assert toy_dataset(metrics=("multilabel",), options=()).metrics == ("multilabel",)


def test_the_declaration_of_the_page_is_scored_by_flan_eval(tmp_path):
    page = (ROOT / "docs" / "adding_a_dataset.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(LABELS = .*?)```", page, re.S)
    head = "from pathlib import Path\nimport flan_tasks as ft\nHERE = Path(__file__).parent\n"
    add = 'ft.add(FEELINGS, templates=HERE / "feelings.toml", cluster="own")\n'
    (tmp_path / "feelings.py").write_text(head + code + add)
    (tmp_path / "feelings.toml").write_text(
        "# Feelings.\n\n[example]\ntext = 'Oh.'\nlabels = 'joy, fear'\nanswer = 'joy'\n\n"
        "[[template]]\nid = 'which'\ninputs = \"Which of {labels}? {text}\"\ntargets = '{answer}'\n"
    )
    right = (["joy", "fear"], [], ["anger"])
    lines = [json.dumps({"text": f"Text {n}.", "labels": labels}) for n, labels in enumerate(right)]
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    said = ("Fear; joy.", "none", "anger, joy")
    names = {"dataset": "feelings", "template": "which", "split": "test"}
    lines = [names | {"key": f"test:{n}", "prediction": text} for n, text in enumerate(said)]
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    words = ["eval", "feelings", "--module", "feelings", "--split", "test", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "flan_tasks", *words]
        + ["--predictions", "said.jsonl", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "out" / "scores.json").read_text())["datasets"]
    assert found["templates"][0]["scores"] == {
        "em": pytest.approx(100 * 2 / 3),
        # joy, fear, none and anger, and one joy too many.
        "micro_f1": pytest.approx(100 * 8 / 9),
        "macro_f1": pytest.approx(100 * (1 + 1 + 1 + 2 / 3) / 4),
        "samples_f1": pytest.approx(100 * (1 + 1 + 2 / 3) / 3),
    }
