"""Scores of two models on the same prompts, compared."""

import csv
import io
import json

import pytest
from without_model import evaluated, right, wrong

import flan_tasks as ft
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.comparison_tables import HELD_OUT, NEITHER, TRAINED_ON
from flan_tasks.evaluation.paired import JACKKNIFE, MCNEMAR, SIGN_FLIPS
from flan_tasks.metrics.by_name import metric


def half(unit, gold):
    """Right on half of the examples, under each template on others."""
    return (right if hash_text(unit.template, gold.key) % 2 else wrong)(unit, gold)


def test_numbers_are_those_of_the_evaluations(tmp_path):
    names = ("rte", "cb", "squad_v1", "stsb", "wmt16_tren_into_english")
    a, b = (
        evaluated(tmp_path / name, *names, rule=rule, splits=("validation",))
        for name, rule in (("a", half), ("b", right))
    )
    result = ft.compare(a, b)
    assert result.names == ("a", "b")
    (comparison,) = result.comparisons
    for change in comparison.changes:
        for folder, value in ((a, change.before), (b, change.after)):
            kept = _kept(folder, change)
            numbers = [metric(_metric(change))(*one)[change.number] for one in kept]
            assert value == pytest.approx(sum(numbers) / len(numbers))
        assert change.change == pytest.approx(change.after - change.before)
    methods = {change.dataset: change.sureness.method for change in comparison.changes}
    assert methods["rte"] == SIGN_FLIPS
    assert methods["stsb"] == methods["wmt16_tren_into_english"] == JACKKNIFE


def _metric(change):
    from flan_tasks.datasets import catalog

    (name,) = [
        name
        for name in catalog()[change.dataset].metrics
        if change.number in (name, *{"squad": ("em", "f1"), "rouge": ()}.get(name, ()))
    ][:1]
    return name


def _kept(folder, change):
    from flan_tasks.evaluation.answers import Answers

    answers = Answers.of_folder(folder)
    for unit in answers.units:
        if (unit.dataset, unit.split) == (change.dataset, change.split):
            records = answers.kept(unit)
            yield [r.prompt.gold for r in records], [r.prediction(change.way) for r in records]


def test_one_template_is_tested_by_mcnemar_and_flips_are_listed(tmp_path):
    from flan_tasks.core.variation import Variation

    one = Variation(templates=("rte.hence",))
    a = evaluated(tmp_path / "a", "rte", rule=wrong, variation=one, splits=("test",))
    b = evaluated(tmp_path / "b", "rte", rule=right, variation=one, splits=("test",))
    result = ft.compare(a, b)
    change = result.changes[0][0]
    count = change.num_examples
    assert change.sureness.method == MCNEMAR
    assert change.sureness.p == pytest.approx(2 / 2**count)
    assert (change.templates[0].won, change.templates[0].lost) == (count, 0)
    flips = result.comparisons[0].flips
    assert len({flip.key for flip in flips}) == count
    for flip in flips:
        assert flip.predictions[1] == flip.answer != flip.predictions[0]
        assert flip.values == (0.0, 100.0)


def test_a_model_beside_itself_has_not_changed(tmp_path):
    a = evaluated(tmp_path / "a", "rte", "cb", rule=half)
    b = evaluated(tmp_path / "b", "rte", "cb", rule=half)
    (comparison,) = ft.compare(a, b).comparisons
    assert comparison.flips == ()
    for change in comparison.changes:
        # Of very few examples some metrics have no value without a part of them.
        assert change.change == 0 and change.sureness.p in (1, None)


def test_several_models_are_each_compared_with_the_first(tmp_path):
    rules = {"a": wrong, "b": half, "c": right}
    folders = [
        evaluated(tmp_path / n, "rte", "cb", rule=rule, splits=("test",))
        for n, rule in rules.items()
    ]
    result = ft.compare(*folders, names=["zero", "one", "two"])
    assert result.names == ("zero", "one", "two")
    assert [[change.after for change in one] for one in result.changes][1] == [100.0, 100.0]
    lines = list(csv.DictReader(io.StringIO(result.texts()["comparison.csv"])))
    assert {line["model"] for line in lines} == {"one", "two"}
    _, columns, rows = result.tables[0]
    assert [row[columns.index("model")] for row in rows] == ["one", "two"] * 2


def test_roles_tell_gains_from_what_was_forgotten(tmp_path):
    names = ("rte", "cb", "copa", "sst2")
    before = evaluated(tmp_path / "a", *names, rule=lambda unit, gold: gold.answer)
    after = evaluated(
        tmp_path / "b",
        *names,
        rule=lambda unit, gold: (wrong if unit.dataset == "sst2" else right)(unit, gold),
    )
    result = ft.compare(before, after, held_out="nli", trained_on=["commonsense"])
    assert result.roles == {
        "rte": HELD_OUT,
        "cb": HELD_OUT,
        "copa": TRAINED_ON,
        "sst2": NEITHER,
    }
    gains = {mean.name: mean.gain for mean in result.gains[0]}
    assert gains == {HELD_OUT: 0, TRAINED_ON: 0, NEITHER: -100}
    assert {mean.name for mean in result.clusters[0]} == {"nli", "all datasets"}
    with pytest.raises(EvaluationError, match="cb.*held out, and trained on"):
        ft.compare(before, after, held_out="nli", trained_on="cb")
    with pytest.raises(ft.UnknownNameError):
        ft.compare(before, after, trained_on="nothing_known")


def test_less_is_better_counts_as_a_gain(tmp_path):
    from flan_tasks.datasets import catalog
    from flan_tasks.metrics.by_name import LOWER_IS_BETTER

    names = [d.name for d in catalog().expand(["all"]) if LOWER_IS_BETTER & set(d.metrics[:1])][:2]
    a = evaluated(tmp_path / "a", *names, "rte", rule=wrong, splits=("test",))
    b = evaluated(tmp_path / "b", *names, "rte", rule=right, splits=("test",))
    for mean in ft.compare(a, b).clusters[0]:
        assert mean.gain > 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seed": 1, "examples": 3}, "the examples differ"),
        ({"option_order": "shuffled"}, "the options, or their order, differ"),
        ({"shots": 1}, "0 exemplars stand before one and 1 before the other"),
    ],
)
def test_answers_to_other_prompts_are_refused(tmp_path, changes, why):
    from flan_tasks.core.variation import Variation

    common = {"splits": ("test",), "examples": 3}
    a = evaluated(tmp_path / "a", "rte", rule=right, **common)
    of_prompts = {k: v for k, v in changes.items() if k in ("option_order", "shots")}
    others = {k: v for k, v in changes.items() if k not in of_prompts}
    if of_prompts:
        others["variation"] = Variation(**of_prompts)
    b = evaluated(tmp_path / "b", "rte", rule=right, **{**common, **others})
    with pytest.raises(EvaluationError, match=why):
        ft.compare(a, b)


def test_other_datasets_are_refused_or_left_out(tmp_path):
    a = evaluated(tmp_path / "a", "rte", "cb", rule=half)
    b = evaluated(tmp_path / "b", "rte", rule=right)
    with pytest.raises(EvaluationError, match=r"(?s)lacks cb, template .*--common") as error:
        ft.compare(a, b)
    assert len(str(error.value).splitlines()) < 15
    result = ft.compare(a, b, common=True)
    assert result.left_out == ("cb",)
    assert {change.dataset for change in result.changes[0]} == {"rte"}
    c = evaluated(tmp_path / "c", "copa", rule=right)
    with pytest.raises(EvaluationError, match="no dataset, template, split and method in common"):
        ft.compare(b, c, common=True)


def test_what_is_no_evaluation_is_said(tmp_path):
    a = evaluated(tmp_path / "a", "rte", rule=half)
    with pytest.raises(EvaluationError, match="two evaluations or more"):
        ft.compare(a)
    with pytest.raises(EvaluationError, match=r"wanted the --out of a `flan eval`"):
        ft.compare(a, tmp_path)
    with pytest.raises(EvaluationError, match="given twice"):
        ft.compare(a, a)
    file = next((a / "predictions").glob("*/*.jsonl"))
    file.write_text(file.read_text().replace('"prediction"', '"prediction" '))
    b = evaluated(tmp_path / "b", "rte", rule=half)
    with pytest.raises(EvaluationError, match="was changed after it was written"):
        ft.compare(a, b)


def test_files_hold_everything_and_escape_names(tmp_path):
    a = evaluated(tmp_path / "a", "rte", "cb", rule=wrong)
    b = evaluated(tmp_path / "b", "rte", "cb", rule=right)
    result = ft.compare(a, b, names=["base_model", "50%|<b>tuned</b>"])
    result.write(tmp_path / "out")
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert content["models"][0]["flips"] == len(result.comparisons[0].flips)
    markdown = (tmp_path / "out" / "comparison.md").read_text()
    assert "50%\\|&lt;b&gt;tuned&lt;/b&gt;" in markdown and "base\\_model" in markdown
    lines = markdown.splitlines()
    header = next(line for line in lines if line.startswith("| dataset"))
    assert {line.replace("\\|", "").count("|") for line in lines if line.startswith("| ")} >= {
        header.replace("\\|", "").count("|")
    }
    latex = (tmp_path / "out" / "comparison.tex").read_text()
    assert r"base\_model" in latex and r"50\%|$<$b$>$" in latex
    flips = [json.loads(x) for x in (tmp_path / "out" / "flips.jsonl").read_text().splitlines()]
    assert {flip["after"] == flip["answer"] for flip in flips} == {True}
    assert "<b>" not in result._repr_html_()


def test_questions_on_one_passage_are_one_group(tmp_path):
    a = evaluated(tmp_path / "a", "bool_q", "squad_v1", "multirc", rule=half)
    b = evaluated(tmp_path / "b", "bool_q", "squad_v1", "multirc", rule=right)
    changes = {(c.dataset, c.split): c for c in ft.compare(a, b).comparisons[0].changes}
    multirc = changes["multirc", "test"]
    assert multirc.num_groups < multirc.num_examples
