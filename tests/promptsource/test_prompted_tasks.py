"""Prompts of promptsource as datasets and mixtures of the engine."""

import json
import pickle
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.example import Skip
from flan_tasks.core.lint import lint_set
from flan_tasks.core.origin import Files
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.splits import Splits
from flan_tasks.core.template_files import read_template_set
from flan_tasks.promptsource import tasks

SHORT = {"source": Files({"train": "x.jsonl"}), "splits": Splits(), "license": "CC0-1.0"}


@pytest.fixture
def rows(prompt_folder):
    return prompt_folder.parent / "rows"


def note(prompt_folder, **given):
    file = prompt_folder / "tea_shop" / "templates.yaml"
    return tasks.prompted_dataset("notes", file=file, template="note", **SHORT | given)


def examples(dataset, path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        item
        for number, line in enumerate(lines)
        for item in normalize_row(dataset, json.loads(line), source_split="train", number=number)
    ]


def test_a_template_makes_examples_of_rows(prompt_folder, rows):
    file = prompt_folder / "tea_shop" / "templates.yaml"
    pot = tasks.prompted_dataset("pot", file=file, template="what goes into the pot?", **SHORT)
    made = examples(pot, rows / "tea_shop" / "train.jsonl")
    # A separator within a list parts two answers, as in promptsource.
    assert [one.options for one in made if not isinstance(one, Skip)] == [
        ("sencha", "oolong", "rooibos"),
        ("milk", "sugar", "nothing"),
        ("assam", "ceylon"),
    ]
    assert [one.answer for one in made if not isinstance(one, Skip)] == ["sencha", "milk", "ceylon"]
    assert made[2].reason == "there are fewer than two allowed answers"
    assert pot.metrics == ("accuracy",) and pot.options_per_example
    assert pot.summary == 'Prompts as "what goes into the pot?" of promptsource asks of tea_shop.'


@pytest.mark.parametrize("path", [tasks.AS_PUBLISHED, tasks.WITH_OPTIONS])
def test_its_templates_have_no_faults(prompt_folder, rows, path):
    file = prompt_folder / "tea_shop" / "templates.yaml"
    pot = tasks.prompted_dataset("pot", file=file, template="what goes into the pot?", **SHORT)
    made = examples(pot, rows / "tea_shop" / "train.jsonl")
    filled = [one for one in made if not isinstance(one, Skip)]
    findings = lint_set(pot, read_template_set(path), filled, own=True)
    assert [one for one in findings if not one.is_hint] == []


def test_draws_are_those_of_the_row_wherever_it_stands(prompt_folder, rows):
    dataset = note(prompt_folder)
    row = json.loads((rows / "tea_shop" / "train.jsonl").read_text().splitlines()[0])
    first = normalize_row(dataset, row, source_split="train", number=0)[0]
    other = normalize_row(dataset, row, source_split="test", number=7)[0]
    assert first.fields == other.fields
    assert (first.key, other.key) == ("train:0", "test:7")


def test_a_dataset_goes_to_other_processes(prompt_folder, rows):
    dataset = note(prompt_folder)
    again = pickle.loads(pickle.dumps(dataset.normalize))
    row = json.loads((rows / "tea_shop" / "train.jsonl").read_text().splitlines()[0])
    assert again(dict(row)) == dataset.normalize(dict(row))


def test_another_wording_is_another_normalizer_for_the_store(prompt_folder, tmp_path):
    from flan_tasks.store.key import _code_hash

    text = (prompt_folder / "tea_shop" / "templates.yaml").read_text()
    (tmp_path / "templates.yaml").write_text(text.replace("Write a note", "Write a word"))
    other = tasks.prompted_dataset(
        "notes", file=tmp_path / "templates.yaml", template="note", **SHORT
    )
    assert _code_hash(note(prompt_folder)) != _code_hash(other)
    assert _code_hash(note(prompt_folder)) == _code_hash(note(prompt_folder))
    assert _code_hash(note(prompt_folder, cut=100)) != _code_hash(note(prompt_folder))


def test_an_unknown_template_is_named_at_once(prompt_folder):
    file = prompt_folder / "tea_shop" / "templates.yaml"
    with pytest.raises(UnknownNameError, match='template of tea_shop "notes". Did you mean note'):
        tasks.prompted_dataset("notes", file=file, template="notes", **SHORT)


def test_identity_templates_are_read():
    for path in (tasks.AS_PUBLISHED, tasks.WITH_OPTIONS):
        (template,) = read_template_set(path).templates
        assert template.id == "as_published"


def test_the_page_builds_a_template_file_of_ones_own(prompt_folder, tmp_path):
    page = (ROOT / "docs" / "promptsource.md").read_text(encoding="utf-8")
    code = page.split("## A template file of your own")[1].split("```python\n")[1].split("```")[0]
    (tmp_path / "my_prompts.py").write_text(code)
    for name in ("templates", "rows"):
        (tmp_path / name).symlink_to(prompt_folder.parent / name)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "flan_tasks", "build", "pot", "--module", "my_prompts"),
            *("--format", "jsonl", "--out", "out", "--no-report"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "FLAN_TASKS_STORE": str(tmp_path / "store"), "HOME": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out" / "data").glob("train-*")
    built = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["targets"] for row in built} <= {"sencha", "ceylon", "milk"}
    assert any(row["inputs"].startswith("Mina asks for something green.") for row in built)
