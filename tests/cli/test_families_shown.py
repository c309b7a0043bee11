"""What commands print of a family of a thousand tasks: a few names, and how many more."""

import json

import pytest

SAMPLES = ("--source", "samples", "--allow-missing")


@pytest.fixture
def flan(flan):
    def both(*words, code=0):
        printed = flan(*words, code=code)
        return printed.out + printed.err

    return both


def test_licenses_and_missing_rows_of_a_thousand_tasks_are_a_few_lines(flan, tmp_path):
    out = ("--out", tmp_path / "one")
    printed = flan("build", "niv2", *SAMPLES, "--license-allow", "CC-*", "--wide", *out)
    assert "more of niv2: left out by its license (unknown)" in printed
    assert "more of niv2: it is not among the 14 tasks" in printed
    # Each of the other licenses is a line, as its text is what counts.
    assert len(printed.splitlines()) < 150
    flan("build", "niv2", *SAMPLES, "--out", tmp_path / "two")
    printed = flan("diff", tmp_path / "one", tmp_path / "two")
    assert "more of niv2" in printed and len(printed.splitlines()) < 150
    found = json.loads(flan("diff", tmp_path / "one", tmp_path / "two", "--json"))
    assert len(found["settings"]["mixture.exclude"][0]) > 800


def test_prompts_are_written_of_the_tasks_that_are_there(flan, tmp_path):
    words = ("eval", "natural_instructions", "--source", "samples", "--split", "test")
    prompts = ("--write-prompts", tmp_path / "prompts.jsonl")
    printed = flan(*words, *prompts, code=1)
    assert "more of niv2: it is not among the 14 tasks" in printed
    assert not (tmp_path / "prompts.jsonl").exists()
    printed = flan(*words, *prompts, "--allow-missing")
    assert "not evaluated: niv2:" in printed and len(printed.splitlines()) < 250
    lines = (tmp_path / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines and all(json.loads(line)["dataset"].startswith("niv2:") for line in lines)


NLI = "task1344_glue_entailment_classification"


@pytest.mark.parametrize(
    "name",
    [
        f"flan:niv2:{NLI}.definition_above",
        f"niv2:{NLI}.definition_above",
        f"niv2:{NLI.upper().replace('_', '-')}.definition_above",
    ],
)
def test_one_template_of_a_member_is_asked_by_its_name(flan, tmp_path, name):
    prompts = tmp_path / "prompts.jsonl"
    flan("eval", name, "--source", "samples", "--split", "test", "--write-prompts", prompts)
    lines = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
    assert {(one["dataset"], one["template"]) for one in lines} == {
        (f"niv2:{NLI}", "definition_above")
    }


def test_a_member_too_small_to_train_on_is_shown_by_what_it_has(flan):
    printed = flan("show", "flan:niv2:task1529_scitail1.1_classification", "-n", "1")
    assert "niv2:task1529_scitail1_1_classification · " in printed
