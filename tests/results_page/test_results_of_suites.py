"""Pages of suites that ask templates, and of suites of suites, as `flan eval` makes them."""

import json

import pytest
from constructed_results import block, scored
from without_model import right

import flan_tasks as ft
from flan_tasks.jobs.evaluate import suites_of
from flan_tasks.results_page.scores_file import read_scored
from flan_tasks.specs.eval_config import QuestionSpec

COT = {"mmlu@flan_cot": "So. The answer is {}.", "bbh@suzgun": "So the answer is {}."}


def in_form(unit, gold):
    """What is right, in the words that a protocol reads."""
    return COT.get(unit.template, "{}").format(right(unit, gold))


def of_suites(folder, *names):
    """Has suites answered rightly on embedded rows; returns the folder."""
    how = {"source": "samples", "allow_missing": True}
    asked = suites_of(QuestionSpec(mixture_or_task_name=",".join(names), **how))
    return scored(folder, rule=in_form, suites=asked)


SLOW = ["glue", "superglue", "flan2021@nli", "t0_heldout@templates", "niv2_test", "helm"]


@pytest.mark.parametrize(
    "name",
    [
        "flan2021@commonsense",
        "flan2022_heldout",
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_a_suite_of_datasets_or_of_suites_reads_back_and_has_a_page(tmp_path, name):
    folder = of_suites(tmp_path / "out", name)
    content = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    read = read_scored(folder, name="out")
    assert len(read.suites) == len(content["suites"])
    for suite, written in zip(read.suites, content["suites"], strict=True):
        again = json.loads(json.dumps(suite.to_json()))
        # Datasets whose templates are asked are shown as datasets, not as tasks of the suite.
        for values in (again, written):
            values["tasks"] = values["tasks"] if not written.get("lines") else []
        assert again == written
    whole = read.suites[0]
    assert whole.parts if name == "flan2022_heldout" else whole.lines
    summary = block(ft.results(folder).read_text(encoding="utf-8"), "summary")
    (shown,) = summary["evaluations"]
    assert [one["name"] for one in shown["suites"]] == [one.name for one in read.suites]
    assert shown["suites"][0]["averages"] == content["suites"][0]["averages"]
    assert len(summary["datasets"]) == len(content["datasets"])


def test_a_dataset_that_a_suite_asks_too_keeps_its_own_number(tmp_path):
    how = {"source": "samples", "allow_missing": True}
    asked = suites_of(QuestionSpec(mixture_or_task_name="bbh@suzgun", **how))
    folder = scored(
        tmp_path / "out", "bbh:boolean_expressions", rule=in_form, suites=asked, method="generate"
    )
    page = ft.results(folder).read_text(encoding="utf-8")
    summary, answers = block(page, "summary"), block(page, "answers")
    worths = {}
    for unit, side in zip(answers["unit"], answers["sides"][0], strict=True):
        worths.setdefault(summary["units"][unit][0], set()).add(side[1])
    assert {"bbh:boolean_expressions", "bbh:boolean_expressions@suzgun"} <= worths.keys()
    assert set.union(*worths.values()) == {100}
