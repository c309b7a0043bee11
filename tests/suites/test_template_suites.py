"""Suites that ask the templates of datasets, answered rightly and wrongly on embedded rows."""

import json

import pytest
import suite_runs
from suite_runs import suite_text
from without_model import Told

from flan_tasks.core.errors import (
    DeclarationError,
    SourceUnavailableError,
    UnknownNameError,
)
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.suites.library import published_suite, suite_names

ALL = [
    f"{name}@{protocol.name}"
    for name in suite_names()
    for protocol in published_suite(name).protocols
    # All clusters of FLAN 2021 at once are its clusters, one by one.
    if protocol.templates and f"{name}@{protocol.name}" != "flan2021@all"
]
# So few examples of a split of these, whose prompts or answers are long.
FEW = {"flan2021@summarization": 2, "flan2021@translation": 2, "flan2021@reading_comprehension": 4}

# What the right answers of embedded rows are worth where that is not 100: STS-B's gold scores have
# decimals, which its options have not; of QuAC's annotators each is left out once.
MOST = {"stsb": 99.70, "quac": 84.22}
# The same by Pearson's correlation alone, as FLAN has it.
BY_PEARSON = {"stsb": 99.40}


def scored(folder, *names, right=True, answerer=None, **fields):
    return suite_runs.scored(
        folder / f"out-{right}",
        suite_runs.asked(*names, **fields),
        answerer or Told(right=right),
        store=folder / "store",
    )


# The clusters of FLAN 2021 are asked alike; one has a metric of which less is better.
QUICK = ("flan2021@misc", "flan2021@coreference")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[pytest.mark.slow] if name.startswith("flan2021") and name not in QUICK else [],
        )
        for name in ALL
    ],
)
def test_right_answers_have_the_most_and_wrong_ones_nothing(name, tmp_path):
    examples = {"num_examples": FEW[name]} if name in FEW else {}
    best = scored(tmp_path, name, **examples).suites[0]
    assert best.name == name and best.averages and best.lines
    for line in best.lines:
        if line.numbers == ("edit_distance",):
            assert line.mean == 0
        else:
            known = BY_PEARSON if line.numbers == ("pearson",) else MOST
            assert known.get(line.dataset, 100) == pytest.approx(line.mean, abs=0.005), line
            assert line.lowest <= line.median <= line.highest
    of_whole = [one for one in best.averages if not one.group]
    assert len(of_whole) == len(published_suite(best.suite).averages)
    if not MOST.keys() & {line.dataset for line in best.lines}:
        # Logarithms of BLEU leave 4e-14 above 100.
        wanted = [pytest.approx(100, abs=1e-9) if "translation" in name else 100]
        assert [one.value for one in best.averages] == wanted * len(best.averages)
    worst = scored(tmp_path, name, right=False, **examples).suites[0]
    for line in worst.lines:
        if line.numbers == ("edit_distance",):
            assert line.mean > 90
        else:
            assert line.mean <= 0, line
    assert all(one.value <= 0 for one in worst.averages if one.name != "calibration error")


def test_glue_is_the_mean_of_nine_tasks_of_which_some_have_two_numbers(tmp_path):
    class OfSome(Told):
        """Right on MNLI's matched set, and on whatever has two numbers or more."""

        def is_right(self, unit):
            return unit.dataset in ("mnli_matched", "glue_mrpc")

    suite = scored(tmp_path, "glue", answerer=OfSome(right=False)).suites[0]
    means = {line.dataset: line.mean for line in suite.lines}
    assert means["mnli_matched"] == means["glue_mrpc"] == 100
    # Matched and mismatched are one task: it has 50.
    nine = [
        (means["mnli_matched"] + means["mnli_mismatched"]) / 2,
        *(value for name, value in means.items() if not name.startswith("mnli")),
    ]
    assert len(nine) == 9
    assert suite.averages[0].value == pytest.approx(sum(nine) / 9)
    mrpc = next(task for task in suite.tasks if task.dataset == "glue_mrpc").templates[0]
    assert set(mrpc.scores) == {"accuracy", "f1"}
    by_name = {line.dataset: line.numbers for line in suite.lines}
    assert by_name["cola"] == ("matthews",) and by_name["stsb"] == ("pearson", "spearman")
    assert suite.differs == ("the rows are embedded ones of ours, in each source's form",)


def test_what_two_suites_share_is_asked_once_and_listed_once(tmp_path):
    answerer = Told(right=True)
    result = scored(tmp_path, "superglue", "t0_heldout@templates", "rte", answerer=answerer)
    units = set(answerer.units)
    asked = [unit for unit in units if unit.dataset == "rte"]
    # One prompt after the other, of a unit that is asked once.
    runs = [a for a, b in zip(answerer.units, [None, *answerer.units], strict=False) if a != b]
    assert len(runs) == len(units)
    # By its own name RTE is asked on both splits, and suites want one of them.
    assert len(asked) == 20
    assert [one.dataset for one in result.scores].count("rte") == 1
    content = json.loads((result.folder / "scores.json").read_text())
    assert [one["name"] for one in content["suites"]] == [
        "superglue@templates",
        "t0_heldout@templates",
    ]
    names = [one["dataset"] for one in content["datasets"]]
    assert len(names) == len(set(names)) and "story_cloze" in names
    assert content["suites"][0]["lines"][0]["numbers"] == ["accuracy"]


def test_the_best_template_is_chosen_on_validation(tmp_path):
    class ByTemplate(Told):
        """One template is right on validation alone, another on test alone."""

        def is_right(self, unit):
            return (unit.template, unit.split) in (GOOD, BAD)

    copa = scored(tmp_path, "flan2021@commonsense").scores[0]
    ids = list(dict.fromkeys(one.template for one in copa.templates))
    GOOD, BAD = (ids[0], "validation"), (ids[1], "test")
    suite = scored(
        tmp_path / "two", "flan2021@commonsense", answerer=ByTemplate(right=False)
    ).suites[0]
    line = next(one for one in suite.lines if one.dataset == "copa")
    assert (line.best, line.best_value, line.highest) == (ids[0], 0, 100)
    assert line.mean == pytest.approx(10)
    by_name = {(one.name, one.group): one.value for one in suite.averages}
    assert by_name["best template on validation", ""] == 0
    assert by_name["mean template", "commonsense"] > 0


def test_less_is_better_stands_in_no_average(tmp_path):
    suite = scored(tmp_path, "flan2021@misc").suites[0]
    assert suite.notes == ("in no average, as less is better: fix_punct (edit_distance)",)
    assert suite.averages[0].num_tasks == len(suite.lines) - 1


def test_prompts_of_p3_are_asked_where_their_folder_is_named(tmp_path):
    def protocol(**fields):
        spec = QuestionSpec(mixture_or_task_name="t0_heldout", **fields)
        return suites_of(spec).suites[0][1].name

    assert protocol() == "templates"
    assert protocol(data_dir=str(tmp_path)) == "templates"
    assert protocol(data_dir={"p3": str(tmp_path)}) == "p3"
    by_name = QuestionSpec(mixture_or_task_name="t0_heldout@p3")
    assert suites_of(by_name).suites[0][1].name == "p3"


def test_medians_are_over_the_prompts_of_a_data_set(tmp_path):
    suite = scored(tmp_path, "t0_heldout@p3").suites[0]
    named = {one.group: one for one in suite.averages if one.group}
    assert "super_glue/rte" in named and named["super_glue/rte"].quartiles == (100, 100)
    assert "P3" in suite.source and not any("p3:" in name for name in named)


def test_without_rows_a_suite_says_where_they_are_from(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught:
        scored(
            tmp_path, "glue", source="tfds", data_dir=str(tmp_path / "none"), allow_missing=False
        )
    said = "\n".join([str(caught.value), *caught.value.__notes__])
    assert "https://gluebenchmark.com" in said and "flan sources cola" in said


def test_helm_measures_calibration_and_robustness(tmp_path):
    class OnlyAsWritten(Told):
        """Right, and sure of it, where nothing is misspelt."""

        def is_right(self, unit):
            return not unit.template.endswith("+typos")

    suite = scored(tmp_path, "helm", answerer=OnlyAsWritten(right=True)).suites[0]
    values = {one.name: one.value for one in suite.averages if not one.group}
    assert values["calibration error"] == pytest.approx(0, abs=1e-6)
    assert values["with typos"] == values["robustness to typos"] == 0
    # HELM asks for calibration of what is chosen among, and for no typos in what is summarized.
    assert set(suite.measures["bool_q"]) == {"calibration", "typos", "worst"}
    assert set(suite.measures["natural_questions"]) == {"typos", "worst"}
    assert "xsum" not in suite.measures and "xsum" in {line.dataset for line in suite.lines}
    assert any("TruthfulQA" in line for line in suite.notes)
    wrong = scored(tmp_path, "helm", right=False).suites[0]
    values = {one.name: one.value for one in wrong.averages if not one.group}
    # Sure of the other of two options (BoolQ, IMDB), and a third sure of each of three wrong ones.
    assert values["calibration error"] == pytest.approx(100 * (1 + 1 + 1 / 3 + 1 / 3) / 4)


def test_models_are_compared_with_typos_and_without(tmp_path):
    import flan_tasks as ft

    for right in (True, False):
        scored(tmp_path, "helm", right=right)
    result = ft.compare(tmp_path / "out-False", tmp_path / "out-True")
    changes = {change.dataset: change for change in result.changes[0]}
    assert changes["bool_q"].change == changes["bool_q with typos"].change == 100
    assert "xsum with typos" not in changes
    assert changes["bool_q"].num_templates == 10


OWN = suite_text(
    "templates = true", datasets=["copa"], averages='{ name = "macro", over = "tasks" }'
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["copa"]', '["coppa"]', 'unknown mixture or dataset "coppa"'),
        ("[protocols", 'numbers = { coppa = ["accuracy"] }\n[protocols', "numbers name coppa"),
        ("[protocols", 'numbers = { copa = ["f1"] }\n[protocols', "copa has no number f1; it has"),
        ("templates = true", 'templates = true\ntypos = ["coppa"]', 'or dataset "coppa"'),
        ('"generate"', '"rank"', ""),
    ],
)
def test_a_suite_of_ones_own_names_what_it_gets_wrong(tmp_path, old, new, said):
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new))
    if not said:
        assert scored(tmp_path, str(path)).suites[0].averages[0].value == 100
        return
    with pytest.raises((DeclarationError, UnknownNameError)) as caught:
        scored(tmp_path, str(path))
    assert said in str(caught.value)
