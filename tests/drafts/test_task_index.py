"""The index of a folder of task files."""

import json

import pytest
from click.testing import CliRunner
from conftest import REAL

from flan_tasks.cli.index import command
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.family import Family
from flan_tasks.core.family_index import read_member
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.datasets.natural_instructions import NIV2
from flan_tasks.drafts.task_index import TaskFacts, index_folder, members_of

NIV2_FILES = REAL / "flan22" / "niv2"


def task(**changes):
    return {
        "Source": ["snli"],
        "Categories": ["Textual Entailment"],
        "Definition": ["Does it follow?"],
        "Input_language": ["English", "German"],
        "Output_language": ["English"],
        "Positive Examples": [{"input": "a", "output": "yes", "explanation": "why"}],
        "Negative Examples": [],
        "Instances": [{"id": f"x-{n}", "input": f"secret {n}", "output": ["yes"]} for n in "abc"],
        "Instance License": ["CC BY-SA 4.0"],
    } | changes


def checkout(folder, **tasks):
    (folder / "tasks").mkdir()
    for name, value in tasks.items():
        path = folder / "tasks" / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
    return folder


def test_a_line_says_what_the_file_says_of_the_task(tmp_path):
    (member,) = index_folder(checkout(tmp_path, task7_Follows=task()))
    assert member == Member(
        source_name="task7_Follows",
        cluster="nli",
        license="CC-BY-SA-4.0",
        languages=("en", "de"),
        answer_language="en",
        overlaps=("snli",),
        size={"train": 3},
        facts={
            "category": "Textual Entailment",
            "sources": ["snli"],
            "input_languages": ["en", "de"],
            "output_languages": ["en"],
        },
    )


def test_official_test_tasks_have_a_test_split_and_those_from_mmlu_are_named_to_be_used(tmp_path):
    tasks = {f"task{n}_mmmlu_answers": task(Source=["mmlu"]) for n in (1, 2)}
    long = task(Instances=[{"input": str(n), "output": "x"} for n in range(101)])
    folder = checkout(tmp_path, **tasks, task3_short=task(), task4_long=long)
    lists = folder / "splits" / "default"
    lists.mkdir(parents=True)
    (lists / "test_tasks.txt").write_text("task3_short\ntask4_long\n", encoding="utf-8")
    (lists / "train_tasks.txt").write_text("task1_mmmlu_answers", encoding="utf-8")
    members = {member.name: member for member in index_folder(folder)}
    assert [member.in_default_mixtures for member in members.values()] == [False, False, True, True]
    # What is no longer than the test set is all test set.
    assert members["task3_short"].splits == ("test",)
    assert members["task4_long"].splits == ()
    assert members["task1_mmmlu_answers"].facts["split"] == "train"
    assert members["task1_mmmlu_answers"].splits == ("train", "validation")
    assert "split" not in members["task2_mmmlu_answers"].facts


def test_listed_tasks_without_a_file_have_what_the_list_says(tmp_path):
    folder = checkout(tmp_path, task1_a=task())
    line = "`task2_b`\t| Gives | a\t| Translation\t| News\t| Greek\t| English, French\n"
    (folder / "tasks" / "README.md").write_text(f"Name | Summary\n---\n{line}", encoding="utf-8")
    other = index_folder(folder)[1]
    assert (other.source_name, other.cluster, other.size) == ("task2_b", "translation", {})
    assert (other.languages, other.license) == (("en", "fr", "el"), "unknown")


def test_faults_of_all_files_are_told_with_their_names(tmp_path):
    folder = checkout(tmp_path, a=task(Definition=3), b=task(), c=task(Instances=[{}]))
    with pytest.raises(RowError) as error:
        index_folder(folder)
    assert 'a.json: "Definition" is 3' in str(error.value)
    assert 'c.json: instance 0 has no "input", "output"' in str(error.value)


def test_names_that_would_be_one_here_and_languages_unknown_are_refused():
    twins = [TaskFacts("Task-1", "A"), TaskFacts("task_1", "A")]
    with pytest.raises(DeclarationError, match='"task_1" and "Task-1" would both be called task_1'):
        members_of(twins, {})
    with pytest.raises(DeclarationError, match="x: language Elvish is not known"):
        members_of([TaskFacts("x", "A", input_languages=("Elvish",))], {})


def test_a_folder_without_task_files_is_told_what_it_needs(tmp_path):
    with pytest.raises(SourceUnavailableError, match="natural-instructions"):
        index_folder(tmp_path)


def test_the_command_writes_an_index_that_a_family_of_ones_own_reads(tmp_path):
    folder = checkout(tmp_path, task7_Follows=task())
    out = tmp_path / "mine.index.jsonl"
    arguments = ["mine", "--data-dir", str(folder), "--out", str(out), "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert json.loads(answer.output) == {
        "file": str(out),
        "tasks": 1,
        "clusters": 1,
        "languages": 2,
        "rows": 3,
        "without_file": 0,
    }
    text = out.read_text(encoding="utf-8")
    assert not any(words in text for words in ("secret", "Does it follow", "why"))
    family = Family(
        name="mine",
        source=Files({"train": "tasks/*.json"}, root=str(folder), rows="Instances"),
        index=out,
        splits=Splits(train="train"),
        schema=NIV2.schema,
        normalize=NIV2.normalize,
        fields=NIV2.fields,
        metrics=("rouge",),
        license="MIT",
        citation="Nobody 2026",
    )
    assert list(family.members) == ["task7_follows"]
    again = CliRunner().invoke(command, arguments)
    assert isinstance(again.exception, DeclarationError)
    assert "--replace" in str(again.exception)


@pytest.mark.slow
def test_the_shipped_index_agrees_with_every_real_file_but_for_sizes():
    if not NIV2_FILES.is_dir():
        pytest.skip("no real task files are available (FLAN_TASKS_TEST_DATA names their folder)")
    named = {path.stem for path in (NIV2_FILES / "tasks").glob("*.json")}
    members = {member.source_name: member for member in index_folder(NIV2_FILES)}
    assert len(members) == len(NIV2.members) == 1613
    for member in NIV2.members.values():
        read = members[member.source_name]
        # Files here are cut to their first rows, which decides on sizes and splits.
        names = ("cluster", "languages", "answer_language", "in_default_mixtures")
        names += ("license", "overlaps", "facts") if member.source_name in named else ()
        for name in names:
            assert getattr(read, name) == getattr(member, name), member.source_name


def test_the_shipped_index_has_facts_alone():
    known = {"category", "sources", "input_languages", "output_languages"}
    known |= {"split", "xlingual", "mmlu"}
    for text in NIV2.index.read_text(encoding="utf-8").splitlines():
        member = read_member(text)
        assert set(member.facts) <= known
        assert len(text) < 1000
