"""Prompts of promptsource as datasets and mixtures of the engine."""

import dataclasses
import json
import pickle
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from test_subtask_examples import POT

from flan_tasks.core.dataset import normalize_row
from flan_tasks.core.errors import SourceUnavailableError, UnknownNameError
from flan_tasks.core.example import Skip
from flan_tasks.core.lint import lint_set
from flan_tasks.core.origin import Files, HuggingFace
from flan_tasks.core.splits import Splits
from flan_tasks.core.template import read_template_set
from flan_tasks.promptsource import index, tasks

SHORT = {"source": Files({"train": "x.jsonl"}), "splits": Splits(), "license": "CC0-1.0"}


@pytest.fixture
def rows(prompt_folder):
    return prompt_folder.parent / "rows"


@pytest.fixture
def our_index(monkeypatch):
    """Facts of our data sets in place of P3's."""
    facts = index.PromptedDataset(
        dataset="tea_shop",
        subset="",
        category="tea",
        t0_part="t0",
        held_out=False,
        train_rows=4,
        license="",
        splits={},
    )
    monkeypatch.setattr(tasks, "prompted_datasets", lambda: (facts,))


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


def test_subtasks_are_datasets_where_their_rows_are(prompt_folder, rows, our_index):
    (task,) = tasks.p3_tasks([POT], prompts=prompt_folder, rows=rows)
    assert task.dataset.name == "p3_tea_shop_what_goes_into_the_pot_"
    assert task.dataset.license == "not stated by a source known here"
    assert (task.cluster, task.templates) == ("tea", tasks.AS_PUBLISHED)
    assert isinstance(task.dataset.source, Files)
    (task,) = tasks.p3_tasks([POT], prompts=prompt_folder)
    assert task.dataset.source == HuggingFace("tea_shop")


def test_a_data_set_without_train_is_evaluated_only(prompt_folder, rows, our_index, tmp_path):
    (tmp_path / "tea_shop").mkdir()
    path = tmp_path / "tea_shop" / "validation.jsonl"
    path.write_bytes((rows / "tea_shop" / "validation.jsonl").read_bytes())
    pot = dataclasses.replace(POT, rows={"train": 4, "validation": 1})
    (task,) = tasks.p3_tasks([pot], prompts=prompt_folder, rows=tmp_path)
    assert task.dataset.splits == Splits(train=None, validation="validation")
    (task,) = tasks.p3_tasks([pot], prompts=prompt_folder, rows=rows)
    assert task.dataset.splits == Splits(validation="validation")


def test_a_folder_without_rows_of_any_says_what_it_should_have(prompt_folder, tmp_path, our_index):
    with pytest.raises(SourceUnavailableError, match="wanted folders such as tea_shop with train"):
        tasks.p3_tasks([POT], prompts=prompt_folder, rows=tmp_path)


def test_names_here_are_as_many_as_subtasks():
    names = [tasks.task_name(one) for one in index.subtasks()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,99}", name) for name in names)


def test_rounds_of_anli_are_scored_apart():
    data_sets = tasks.data_sets()
    assert len(data_sets) == 544
    assert data_sets["p3_anli_should_assume_r2"] == "anli r2"
    assert data_sets["p3_super_glue_rte_should_assume"] == "super_glue/rte"


def test_identity_templates_are_read():
    for path in (tasks.AS_PUBLISHED, tasks.WITH_OPTIONS):
        (template,) = read_template_set(path).templates
        assert template.id == "as_published"


def test_all_subtasks_of_t0sf_are_declared(real_p3):
    declared = tasks.p3_tasks("t0sf", prompts=real_p3 / "templates")
    mixture = tasks.p3_mixture("t0sf", only=declared)
    assert len(declared) == len(mixture.include) == 193
    shown = [one for one in declared if one.templates == tasks.WITH_OPTIONS]
    assert (len(shown), mixture.cap) == (19, 20_000)


def test_mixtures_of_t0_have_its_rates(prompt_folder, our_index, monkeypatch):
    declared = tasks.p3_tasks([POT], prompts=prompt_folder)
    monkeypatch.setattr(tasks, "collection", lambda name: (POT,))
    monkeypatch.setattr(tasks, "t0_rates", lambda name: {POT.name: 4})
    mixture = tasks.p3_mixture("t0", only=declared)
    assert mixture.rates == {"p3_tea_shop_what_goes_into_the_pot_": 4.0}


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
