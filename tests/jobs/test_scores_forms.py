"""The numbers of an evaluation in the forms of others: the same, and read by their tools."""

import csv
import io
import json
import math
import re

import pytest
from commands import flan  # noqa: F401 - a fixture
from conftest import ROOT
from suite_runs import MICRO, suite_text
from without_model import ByRule

import flan_tasks as ft
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import DeclarationError, EvaluationError
from flan_tasks.evaluation.summary import DatasetScore
from flan_tasks.jobs.asked_datasets import evaluation_of
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.jobs.evaluate import score
from flan_tasks.jobs.scores import CSV, EVAL_RESULTS, LM_EVAL, MODEL_INDEX, scores_as
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.suites.hub_results import _yaml
from flan_tasks.suites.stored import read_scores

GOLDEN = ROOT / "tests" / "golden" / "scores"
OWN = suite_text(
    """
question = "{a} and {a}?"
answer = "{b}"
stops = ["\\n"]
""",
    rows="sums.jsonl",
    averages=f'{MICRO}, {{ name = "macro, as it is", over = "tasks" }}',
    protocol="short",
)
# Tasks of a dataset by a protocol of ours, and averages of groups of them.
EXAMS = """
description = "Exams."
home = "ours"
layout = "as mmlu"
datasets = ["mmlu"]
rows = 14042
[protocols.letters]
source = "ours"
method = "rank"
question = "{question} {A} {B} {C} {D}"
options = ["A", "B", "C", "D"]
answer = "{answer}"
[[averages]]
name = "micro"
over = "examples"
[[averages]]
name = "STEM, as it is"
over = "tasks"
by = "category"
only = "STEM"
"""
NAMES = {"lm-eval": "results.json", "model-index": "model-index.yaml", "markdown": "scores.md"}


def as_of(folder, place, rows=None, **settings):
    """A copy of the scores in `folder`, as though asked by other settings, of so many examples of
    RTE and SAMSum, or split -> so many; returns its folder."""
    content = json.loads((folder / "scores.json").read_text())
    content["settings"] |= settings
    for dataset in content["datasets"] if rows else ():
        if dataset["dataset"] in ("rte", "samsum"):
            for one in dataset["templates"]:
                one["num_examples"] = rows[one["split"]] if isinstance(rows, dict) else rows
    (place / "scores.json").write_text(json.dumps(content))
    return place


def without_suites(folder):
    """Leaves only RTE and SAMSum in the scores in `folder`; returns it."""
    content = json.loads((folder / "scores.json").read_text())
    content["suites"] = []
    content["datasets"] = [d for d in content["datasets"] if d["dataset"] in ("samsum", "rte")]
    (folder / "scores.json").write_text(json.dumps(content))
    return folder


def mixed(unit, gold):
    """Right by a rule of the example and template."""
    if hash_text(unit.template, gold.key) % 3:
        return gold.answer
    others = [option for option in gold.options if option not in gold.references]
    return others[0] if others else "nothing of the kind"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A folder of results: two splits, two ways, ranking and writing, a suite of several tasks."""
    folder = tmp_path_factory.mktemp("scores")
    rows = [{"a": str(n), "b": str(2 * n)} for n in range(4)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sums.toml").write_text(OWN)
    (folder / "exams.toml").write_text(EXAMS)
    how = {"source": "samples", "allow_missing": True}
    templates = ("rte.hence", "rte.bare_labels", "samsum.bare_labels")
    datasets = QuestionSpec(mixture_or_task_name="rte,samsum", templates=templates, **how)
    named = f"{folder}/exams.toml,{folder}/sums.toml"
    suites = QuestionSpec(mixture_or_task_name=named, **how)
    result = score(
        evaluation_of(datasets),
        ByRule(mixed, "a model"),
        folder / "out",
        suites=suites_of(suites),
        store=folder / "store",
    )
    return folder / "out", result


def test_reading_is_the_inverse_of_writing(evaluated):
    folder, result = evaluated
    stored = read_scores(folder)
    suites = [one.score for one in stored.suites]
    plain = [json.loads(json.dumps(one.to_json())) for one in (*result.scores, *result.suites)]
    read = [json.loads(json.dumps(one.to_json())) for one in (*stored.datasets, *suites)]
    assert read == plain
    assert [type(one) for one in stored.datasets] == [DatasetScore] * 2
    assert [one.tasks for one in suites] == [one.tasks for one in result.suites]
    assert stored.datasets == result.scores
    assert stored.model == "a model"


def test_the_harness_gets_every_number_of_every_template(evaluated):
    folder, result = evaluated
    values = json.loads(scores_as(folder, LM_EVAL))
    content = json.loads((folder / "scores.json").read_text())
    numbers = [
        (one["way"], number, value, one["errors"][number])
        for score in content["datasets"]
        for one in score["templates"]
        for number, value in one["scores"].items()
    ]
    tasks = [name for name in values["results"] if name not in values["groups"]]
    theirs = []
    for name in tasks:
        of_task = values["results"][name]
        for key, value in of_task.items():
            number, comma, way = key.partition(",")
            if comma and not number.endswith("_stderr"):
                error = of_task[f"{number}_stderr,{way}"]
                theirs.append((way, number, value, None if error == "N/A" else error))
    assert sorted(theirs, key=str) == sorted(numbers, key=str)
    assert {"flan_rte_hence_rank", "flan_rte_hence_rank_validation"} <= set(tasks)
    means = {
        (score.dataset, one.split, one.way, one.number): one.mean
        for score in result.scores
        for one in score.spreads
    }
    group = values["groups"]["flan_rte_rank"]
    assert group["accuracy,sum"] == means["rte", "test", "sum", "accuracy"]
    assert group["accuracy_stderr,sum"] == "N/A"
    assert len(values["group_subtasks"]["flan_rte_rank"]) == 2
    for suite in result.suites:
        for place, average in enumerate(suite.averages):
            name = suite.scored_name + (f", {average.name}" if place else "")
            assert (name in values["groups"]) != (name == "sums@short")
            there = values["results"][name]
            assert there[f"{suite.number},{suite.way}"] == average.value
            assert there[f"{suite.number}_stderr,{suite.way}"] == average.error
    # Embedded rows are no whole split.
    assert values["n-samples"]["flan_rte_hence_rank"] == {"effective": 6}


@pytest.mark.parametrize(
    ("settings", "limit", "reason"),
    [
        ({"source": "tfds", "examples": 50}, 50, "50 examples of a split were asked at most"),
        ({"source": "samples", "examples": None}, 6, "the rows are embedded ones of ours"),
        ({"source": "tfds", "examples": None}, 6, "of validation was asked"),
    ],
)
def test_the_harness_is_told_what_is_a_part_of_a_split(
    evaluated, tmp_path, settings, limit, reason
):
    said = []
    part = as_of(evaluated[0], tmp_path, **settings)
    values = json.loads(scores_as(part, LM_EVAL, say=said.append))
    of_rte = values["n-samples"]["flan_rte_hence_rank"]
    assert of_rte == {"effective": 6} and values["config"]["limit"] == limit
    said = [line.removeprefix("not the whole, and marked so ") for line in said]
    assert any("rte" in line and reason in line for line in said)
    # Of files of one's own all rows were asked, and of exams not all tasks.
    assert values["n-samples"]["sums@short"] == {"original": 4, "effective": 4}
    (exams,) = [line for line in said if "exams@letters: " in line]
    assert "tasks are missing" in exams
    names = [name for name in values["n-samples"] if "@letters" in name]
    assert names and not any("original" in values["n-samples"][name] for name in names)


def test_whole_splits_have_no_limit(evaluated, tmp_path):
    whole = as_of(evaluated[0], tmp_path, rows=30_000, source="tfds", examples=None)
    said = []
    values = json.loads(scores_as(without_suites(whole), LM_EVAL, say=said.append))
    assert values["config"]["limit"] is None and len(said) == 1
    assert {tuple(one) for one in values["n-samples"].values()} == {("original", "effective")}


# Of SAMSum 818 rows are declared for validation, and 819 for test.
CAPPED, REVERSE = {"validation": 200, "test": 819}, {"validation": 818, "test": 200}


def test_a_capped_validation_leaves_test_whole_in_every_form(evaluated, tmp_path):
    folder = as_of(evaluated[0], tmp_path, rows=CAPPED, source="tfds", examples=None)
    reason = "samsum: 200 of the 818 examples of validation were asked"
    said = []
    values = json.loads(scores_as(without_suites(folder), LM_EVAL, say=said.append))
    counts = values["n-samples"]
    assert counts["flan_samsum_bare_labels"] == {"original": 819, "effective": 819}
    assert counts["flan_samsum_bare_labels_validation"] == {"effective": 200}
    assert values["config"]["limit"] is None
    assert [line.partition("): ")[2] for line in said[1:]] == [reason]
    # Of RTE, 200 rows of train are all of validation.
    assert _splits(folder) == {"samsum": {"test"}, "rte": {"validation", "test"}}
    said = []
    named = {"samsum": ("me/samsum", "samsum")}
    assert "me/samsum" in scores_as(folder, EVAL_RESULTS, benchmarks=named, say=said.append)
    assert not any("samsum" in line for line in said)


def test_a_part_of_test_leaves_validation_whole_in_every_form(evaluated, tmp_path):
    folder = as_of(evaluated[0], tmp_path, rows=REVERSE, source="tfds", examples=None)
    reason = "samsum: 200 of the 819 examples of test were asked"
    said = []
    values = json.loads(scores_as(without_suites(folder), LM_EVAL, say=said.append))
    counts = values["n-samples"]
    assert counts["flan_samsum_bare_labels"] == {"effective": 200}
    whole = {"original": 818, "effective": 818}
    assert counts["flan_samsum_bare_labels_validation"] == whole
    assert values["config"]["limit"] == 200
    assert any(line.endswith(reason) for line in said)
    assert _splits(folder) == {"samsum": {"validation"}, "rte": {"validation"}}
    named = {"samsum": ("me/samsum", "samsum"), "rte": ("me/rte", "rte")}
    with pytest.raises(EvaluationError, match=reason):
        scores_as(folder, EVAL_RESULTS, benchmarks=named)


def test_a_part_of_validation_alone_has_a_limit(evaluated, tmp_path):
    folder = as_of(evaluated[0], tmp_path, rows=CAPPED, source="tfds", examples=None)
    folder = without_suites(folder)
    content = json.loads((folder / "scores.json").read_text())
    for dataset in content["datasets"]:
        for name in ("templates", "spreads"):
            dataset[name] = [one for one in dataset[name] if one["split"] == "validation"]
        dataset["best"] = []
    (folder / "scores.json").write_text(json.dumps(content))
    assert json.loads(scores_as(folder, LM_EVAL))["config"]["limit"] == 200
    named = {"samsum": ("me/samsum", "samsum"), "rte": ("me/rte", "rte")}
    text = scores_as(folder, EVAL_RESULTS, benchmarks=named)
    assert "me/rte" in text and "me/samsum" not in text


EXEMPLARS = "the exemplars are others than the published ones"


@pytest.mark.parametrize("lines", [(), ("the rows here are 4, and those published 5",)])
def test_other_exemplars_limit_no_suite_in_the_harness(evaluated, tmp_path, lines):
    content = json.loads((evaluated[0] / "scores.json").read_text())
    (suite,) = [one for one in content["suites"] if one["name"] == "sums@short"]
    suite |= {"differs": [*lines, EXEMPLARS], "differs_in_exemplars": [EXEMPLARS]}
    (tmp_path / "scores.json").write_text(json.dumps(content))
    said = []
    values = json.loads(scores_as(tmp_path, LM_EVAL, say=said.append))
    assert ("original" in values["n-samples"]["sums@short"]) == (not lines)
    assert [line for line in said if "exemplars" in line] == []
    assert any("sums@short" in line for line in said) == bool(lines)
    # It is the published suite nowhere.
    assert "sums@short" not in _splits(tmp_path)
    named = {"sums": ("me/sums", "default")}
    with pytest.raises(EvaluationError, match=f"not the published suite: .*{EXEMPLARS}"):
        scores_as(tmp_path, EVAL_RESULTS, benchmarks=named)


def test_the_harness_makes_its_table_of_it(evaluated):
    utils = pytest.importorskip("lm_eval.utils")
    folder, result = evaluated
    values = json.loads(scores_as(folder, LM_EVAL, model="me/model"))
    table = utils.make_table(values)
    assert utils.sanitize_model_name("me/model") == values["model_name_sanitized"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    by_name, name = {}, ""
    for row in rows:
        name = row[0] or name
        by_name.setdefault(name, []).append(row)
    one = next(t for t in result.scores[0].templates if (t.template, t.split) == ("hence", "test"))
    (row,) = [row for row in by_name["- rte.hence"] if row[2] == "sum" and row[6] != ""][:1]
    assert row[6] == f"{one.scores['accuracy']:.4f}" and row[8] == f"{one.errors['accuracy']:.4f}"
    groups = utils.make_table(values, "groups")
    average = result.suites[0].averages[0]
    assert f"{average.value:.4f}" in groups and f"{average.error:.4f}" in groups


def test_a_model_card_has_the_means_and_averages(evaluated):
    hub = pytest.importorskip("huggingface_hub")
    folder, result = evaluated
    text = scores_as(folder, MODEL_INDEX, model='the "best": #1')
    card = hub.ModelCard(f"---\n{text}license: mit\n---\n\n# A model\n")
    assert card.data.model_name == 'the "best": #1'
    entries = card.data.eval_results
    expected = [(one.number, one.mean) for score in result.scores for one in score.spreads] + [
        (suite.number, one.value) for suite in result.suites for one in suite.averages
    ]
    assert sorted((e.metric_type, e.metric_value) for e in entries) == sorted(expected)
    assert {e.task_type for e in entries} == {"text-generation"}
    samsum = [e for e in entries if e.dataset_name == "samsum"]
    assert {e.dataset_type for e in samsum} == {"knkarthick/samsum"}
    # Written again by their library it is the same.
    again = hub.repocard_data.eval_results_to_model_index(card.data.model_name, entries)
    assert hub.repocard_data.model_index_to_eval_results(again)[1] == entries


def test_leaderboards_of_the_hub_get_what_they_have(evaluated, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    yaml = pytest.importorskip("yaml")
    folder, result = evaluated
    said = []
    named = {"sums@short": ("me/sums", "default"), "rte": ("me/rte", "rte")}
    whole = as_of(folder, tmp_path, source="tfds", rows=30_000)
    text = scores_as(whole, EVAL_RESULTS, benchmarks=named, say=said.append)
    entries = hub.parse_eval_result_entries(yaml.safe_load(text))
    assert yaml.safe_load(text) == hub.eval_result_entries_to_yaml(entries)
    mean = next(s.mean for s in result.scores[0].spreads if s.split == "test")
    assert [(e.dataset_id, e.task_id, e.value) for e in entries] == [
        ("me/sums", "default", result.suites[1].averages[0].value),
        ("me/rte", "rte", mean),
    ]
    reason = "it is no benchmark of the hub that is known here"
    assert said[1:] == [f"left out: exams@letters, samsum: {reason}"]


def test_a_part_of_a_suite_is_on_no_leaderboard(evaluated):
    said = []
    named = {"exams": ("cais/mmlu", "all"), "sums": ("me/sums", "default")}
    text = scores_as(evaluated[0], EVAL_RESULTS, benchmarks=named, say=said.append)
    assert "cais/mmlu" not in text and "me/sums" in text
    assert any("exams@letters: it is not the published suite: " in line for line in said)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source": "tfds", "examples": 50}, "50 examples of a split were asked at most"),
        ({"source": "samples", "examples": None}, "the rows are embedded ones of ours"),
    ],
)
def test_a_part_of_a_split_is_on_no_leaderboard_and_no_split(evaluated, tmp_path, settings, reason):
    said = []
    named = {"rte": ("me/rte", "rte"), "sums": ("me/sums", "default")}
    part = as_of(evaluated[0], tmp_path, **settings)
    text = scores_as(part, EVAL_RESULTS, benchmarks=named, say=said.append)
    assert "me/rte" not in text and "me/sums" in text
    assert any(f"rte: {reason}" in line for line in said)
    # A suite of files of one's own says itself whether it is all of them.
    assert _splits(part) == {"sums@short": {"test"}}
    whole = as_of(evaluated[0], tmp_path, source="tfds", examples=None, rows=30_000)
    assert "me/rte" in scores_as(whole, EVAL_RESULTS, benchmarks=named)
    both = {"validation", "test"}
    assert _splits(whole) == {"rte": both, "samsum": both, "sums@short": {"test"}}


def test_what_is_no_benchmark_is_refused_with_what_to_name(evaluated):
    with pytest.raises(EvaluationError, match="--benchmark NAME=OWNER/DATASET:TASK"):
        scores_as(evaluated[0], EVAL_RESULTS)
    with pytest.raises(DeclarationError, match="benchmarks are of eval-results"):
        scores_as(evaluated[0], LM_EVAL, benchmarks={"rte": ("a/b", "c")})


def test_the_table_of_templates_is_the_one_of_the_evaluation(evaluated):
    text = scores_as(evaluated[0], CSV)
    assert text == (evaluated[0] / "scores.csv").read_text()
    assert len(list(csv.reader(io.StringIO(text)))) > 20


@pytest.mark.parametrize("form", NAMES)
def test_forms_are_as_they_were(evaluated, form, request):
    text = scores_as(evaluated[0], form)
    if request.config.getoption("--update-golden"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / NAMES[form]).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / NAMES[form]).read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [1e-05, 2.5e-07, 66.66666666666667, 1e16, 0.0, 100.0])
def test_numbers_of_yaml_are_read_as_the_same_numbers(value):
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(_yaml([{"value": value}]))
    assert read == [{"value": value}] and isinstance(read[0]["value"], float)


def test_numbers_that_are_none_are_on_no_card(tmp_path, evaluated):
    content = json.loads((evaluated[0] / "scores.json").read_text())
    content["datasets"][0]["spreads"][0]["mean"] = math.nan
    (tmp_path / "scores.json").write_text(json.dumps(content))
    assert "nan" not in scores_as(tmp_path, MODEL_INDEX)


def test_from_python_it_is_the_text_of_the_command(evaluated, tmp_path):
    folder, _ = evaluated
    said, out = [], tmp_path / "card.yaml"
    text = ft.scores(folder, "model-index", model="me", out=out, say=said.append)
    assert text == scores_as(folder, MODEL_INDEX, model="me") == out.read_text()
    assert said[0].startswith("no place in it for: ")
    assert any("without a split" in line and "rte" in line for line in said)
    assert ft.scores(folder, "csv") == (folder / "scores.csv").read_text()
    with pytest.raises(DeclarationError, match='format "xml" must be one of markdown'):
        ft.scores(folder, "xml")
    with pytest.raises(ft.ConfigError, match="folder"):
        ft.scores(None, "csv")


def test_a_folder_without_scores_and_a_damaged_one_are_named(tmp_path):
    with pytest.raises(EvaluationError, match="holds no scores.json; wanted the --out"):
        read_scores(tmp_path)
    for text in ("{", "[]", '{"datasets": [1]}', '{"datasets": [{"dataset": "x"}]}'):
        (tmp_path / "scores.json").write_text(text)
        with pytest.raises(EvaluationError, match="scores.json"):
            read_scores(tmp_path)


def test_the_command_prints_and_writes(evaluated, tmp_path, flan):  # noqa: F811
    folder, _ = evaluated
    shown = flan("scores", folder)
    assert "rte" in shown.out and "exams@letters" in shown.out
    printed = flan("scores", folder, "--format", "lm-eval")
    assert json.loads(printed.out)["model_name"] == "a model"
    assert "no place in it for: spreads over templates" in printed.err
    out = tmp_path / "results_x.json"
    flan("scores", folder, "--format", "lm-eval", "--out", out)
    assert out.read_text() == printed.out
    wrong = flan("scores", folder, "--format", "eval-results", "--benchmark", "rte=x", code=2)
    assert "NAME=OWNER/DATASET:TASK" in wrong.err
    flan("scores", folder, "--out", out, code=2)


def _splits(folder):
    """Returns dataset or suite -> the splits that a model card names of it."""
    splits = {}
    for result in scores_as(folder, MODEL_INDEX).split("  - task:")[1:]:
        name, split = (re.search(rf'      {key}: "(.*)"\n', result) for key in ("name", "split"))
        if split:
            splits.setdefault(name[1], set()).add(split[1])
    return splits
