"""The numbers of a page of results are those of the evaluation, its answers and its comparison."""

import json
import math
import shutil
import subprocess

import pytest
from conftest import ROOT
from constructed_results import block, scored
from without_model import right, wrong

import flan_tasks as ft
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import EvaluationError
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.records import Prompt, Record
from flan_tasks.evaluation.score_tables import overview
from flan_tasks.jobs.compare import wholes_of
from flan_tasks.metrics.gold import Gold
from flan_tasks.results_page.gather import gather
from flan_tasks.results_page.scores_file import read_scored
from flan_tasks.results_page.shown_answers import Sampler, shared_out
from flan_tasks.results_page.tallies import calibration, confusion, shares

NAMES = ("rte", "cb", "copa", "squad_v1", "gigaword", "wmt16_tren_into_english")


def half(unit, gold):
    """Right on half of the examples, under each template on others."""
    return (right if hash_text(unit.template, gold.key) % 2 else wrong)(unit, gold)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("one") / "scores", *NAMES, rule=half)


@pytest.fixture(scope="module")
def page(folder):
    return ft.results(folder).read_text(encoding="utf-8")


def test_every_number_is_that_of_the_scores(folder, page):
    stated = {one["dataset"]: one for one in _scores(folder)["datasets"]}
    shown = {one["name"]: one["sides"][0] for one in block(page, "summary")["datasets"]}
    assert stated.keys() == shown.keys() and len(stated) == len(NAMES)
    for name, one in stated.items():
        spreads = [{key: line[key] for key in one["spreads"][0]} for line in shown[name]["lines"]]
        assert spreads == one["spreads"]
        assert shown[name]["best"] == one["best"]
        for line in shown[name]["lines"]:
            of_line = {
                t["template"]: t
                for t in one["templates"]
                if (t["split"], t["way"]) == (line["split"], line["way"])
            }
            for place, template in enumerate(shown[name]["templates"]):
                number = line["number"]
                assert line["values"][place] == of_line[template]["scores"][number]
                assert line["errors"][place] == of_line[template]["errors"][number]


def test_scores_come_back_as_they_were_written(folder, page):
    read = read_scored(folder, name="scores")
    written = _scores(folder)["datasets"]
    assert [json.loads(json.dumps(one.to_json())) for one in read.scores] == written
    caption, columns, lines = overview(read.datasets)
    (shown,) = block(page, "summary")["evaluations"]
    assert shown["caption"] == caption and shown["table"] == [columns, lines]


def test_classes_and_calibration_are_of_all_answers(folder, page):
    tallies = block(page, "tallies")
    stated = {one["dataset"]: one for one in _scores(folder)["datasets"]}
    checked = 0
    for name in ("rte", "cb", "copa"):
        for template in stated[name]["templates"]:
            key = f"{template['split']} {template['way']}"
            tally = tallies[name][0][key][template["template"]]
            size, accuracy = template["num_examples"], template["scores"]["accuracy"]
            bins = tally["bins"]
            assert sum(one[0] for one in bins) == size
            assert 100 * sum(one[1] for one in bins) / size == pytest.approx(accuracy)
            for place, (answers, _, confidence) in enumerate(bins):
                assert (
                    answers * place / 10 - 1e-6 <= confidence <= answers * (place + 1) / 10 + 1e-6
                )
            if name == "copa" or size < 2:  # each example has options of its own
                assert tally["classes"] is None
                continue
            cells = tally["classes"]["cells"]
            assert sum(one[2] for one in cells) == size
            diagonal = sum(one[2] for one in cells if one[0] == one[1])
            assert 100 * diagonal / size == pytest.approx(accuracy)
            checked += 1
    assert checked and "squad_v1" not in {name for name, sides in tallies.items() if sides[0]}


def test_all_answers_of_a_small_evaluation_are_shown_with_their_worth(folder, page):
    summary, answers = block(page, "summary"), block(page, "answers")
    stated = {one["dataset"]: one for one in _scores(folder)["datasets"]}
    assert summary["shown"] == summary["of"] == sum(one[4] for one in summary["units"])
    worths = {}
    for unit, side in zip(answers["unit"], answers["sides"][0], strict=True):
        worths.setdefault(tuple(summary["units"][unit][:4]), []).append(side[1])
    for (name, template, split, method), of_unit in worths.items():
        (one,) = (
            t
            for t in stated[name]["templates"]
            if (t["template"], t["split"]) == (template, split) and t["way"] != "normalized"
        )
        number, value = next(iter(one["scores"].items()))
        if number == "bleu":  # which is of all answers together
            assert set(of_unit) == {None} and method == "generate"
        else:
            assert sum(of_unit) / len(of_unit) == pytest.approx(value, abs=1e-3)


def test_of_many_answers_the_same_examples_are_shown_under_each_template(folder):
    page = ft.results(folder, out=folder / "few.html", answers=150).read_text()
    summary, answers = block(page, "summary"), block(page, "answers")
    assert summary["shown"] == len(answers["unit"]) <= 150 < summary["of"]
    keys = {}
    for unit, key in zip(answers["unit"], answers["key"], strict=True):
        name, template, split, _, _ = summary["units"][unit]
        keys.setdefault((name, split), {}).setdefault(template, []).append(key)
    for templates in keys.values():
        shortest = min(map(len, templates.values()))
        common = set.intersection(*map(set, templates.values()))
        assert len(common) == shortest and len(templates) > 1


def test_answers_are_shared_out_evenly_and_completely():
    assert shared_out([100, 2, 100], 22) == [10, 2, 10]
    assert shared_out([3, 4], 100) == [3, 4]
    assert sum(shared_out([7] * 9, 20)) == 20 and set(shared_out([7] * 9, 20)) == {2, 3}
    assert shared_out([], 5) == []


def test_texts_of_a_page_have_a_limit_and_each_unit_something(folder):
    read = read_scored(folder, name="s")
    wholes = wholes_of([read.answers], sorted(read.units), catalog())
    for characters in (10**9, 60_000):
        sampler = Sampler(dict(sorted(read.units.items())), 10**6, characters=characters)
        gather([read], wholes, sampler, changed={})
        shown = sampler.shown
        assert {one.unit for one in shown} == set(read.units)
        if characters == 10**9:
            assert len(shown) == sum(read.units.values())
    first = {}
    for one in shown:
        first.setdefault(one.unit, one)
    more = [one for one in shown if one is not first[one.unit]]
    assert more and sum(one.size for one in more) <= characters
    assert len(shown) < sum(read.units.values())


def test_the_page_of_two_has_the_tables_of_the_comparison(tmp_path):
    before = scored(tmp_path / "before", "rte", "cb", "sst2", rule=half)
    after = scored(tmp_path / "after", "rte", "cb", "sst2", rule=right)
    path = ft.results(before, after, out=tmp_path / "two.html", held_out=["nli"], answers=70)
    compared = ft.compare(before, after, held_out="nli")
    summary, answers = (block(path.read_text(), name) for name in ("summary", "answers"))
    changes = summary["changes"]
    assert changes["tables"] == json.loads(json.dumps(compared.tables))
    assert [one["change"] for one in changes["changes"]] == [c.change for c in compared.changes[0]]
    flips = [flip for flip in compared.comparisons[0].flips if flip.way != "normalized"]
    assert changes["flips"] == len(flips)
    # What changed goes first: of a unit nothing else is shown while something of it is not.
    changed = {(f.unit.dataset, f.unit.template, f.unit.split, f.key): f.values for f in flips}
    rest = {}
    for place, unit in enumerate(answers["unit"]):
        name, template, split, _, _ = summary["units"][unit]
        worth = tuple(side[place][1] for side in answers["sides"])
        values = changed.pop((name, template, split, answers["key"][place]), None)
        assert worth == values or (values is None and worth[0] == worth[1])
        rest.setdefault((name, template, split), []).append(values is None)
    unseen = {key[:3] for key in changed}
    assert unseen and not any(any(rest.get(unit, ())) for unit in unseen)


def test_a_suite_is_shown_beside_published_numbers_with_its_texts_read(tmp_path):
    from flan_tasks.jobs.evaluate import suites_of
    from flan_tasks.specs.eval_config import QuestionSpec

    asked = suites_of(
        QuestionSpec(mixture_or_task_name="gsm8k", source="samples", allow_missing=True)
    )
    folder = scored(
        tmp_path / "s", rule=lambda unit, gold: f"so it is\n#### {gold.answer}", suites=asked
    )
    page = ft.results(folder).read_text(encoding="utf-8")
    summary, answers = block(page, "summary"), block(page, "answers")
    (stated,) = _scores(folder)["suites"]
    (shown,) = summary["evaluations"][0]["suites"]
    assert shown["averages"] == stated["averages"] and shown["name"] == stated["name"]
    assert summary["datasets"][0]["name"] == "gsm8k@lm_eval_first_n"
    assert summary["datasets"][0]["suite"] == stated["name"]
    for answer, worth, written, *_ in answers["sides"][0]:
        assert worth == 100 and written.endswith(f"#### {answer}") and answer


def test_the_page_of_an_evaluation_is_the_same_whenever_it_is_made(folder, page, tmp_path):
    assert ft.results(folder, out=tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_confidence_is_the_share_of_the_likeliest_option():
    gold = Gold("yes", ("yes",), ("yes", "no", "maybe"))
    sums = (math.log(0.03), math.log(0.06), math.log(0.01))
    record = Record(Prompt("?", gold), sums=sums, tokens=(1, 2, 1))
    assert shares(record, "sum") == pytest.approx([0.3, 0.6, 0.1])
    means = [0.03, math.sqrt(0.06), 0.01]
    assert shares(record, "normalized") == pytest.approx([m / sum(means) for m in means])
    bins = calibration([record], "sum")
    assert bins[5] == [0, 0, 0.0] or bins[5][2] == pytest.approx(0.6)
    assert sum(one[0] for one in bins) == 1 and sum(one[1] for one in bins) == 0
    assert calibration([record], "generated") is None


def test_an_answer_that_is_no_class_has_a_column_of_its_own():
    gold = Gold("no", ("no",), ("yes", "no"))
    records = [
        Record(Prompt("?", gold), "no"),
        Record(Prompt("?", gold), "certainly not"),
        Record(Prompt("?", gold), sums=(-1.0, -1.0), tokens=(1, 1), equal=(0, 0)),
    ]
    assert confusion(records[:2], "generated") == {
        "labels": ["no", "yes"],
        "cells": [[0, 0, 1], [0, 2, 1]],
    }
    assert confusion(2 * records[2:], "sum")["cells"] == [[0, 2, 2]]
    other = Record(Prompt("?", Gold("a", ("a",), ("a", "b"))), "a")
    assert confusion([records[0], other], "generated") is None


def test_numbers_are_rounded_as_a_terminal_rounds_them(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")
    values = [k / 16 for k in range(-400, 1700)] + [k / 7 for k in range(700)] + [0.15, 0.25, 2.675]
    script = (ROOT / "flan_tasks/reports/page_parts/dom.js").read_text(encoding="utf-8")
    script += f"\nconsole.log(JSON.stringify({json.dumps(values)}.map((v) => fixed(v))));"
    path = tmp_path / "round.js"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([node, str(path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [f"{value:.1f}" for value in values]


def test_what_is_no_evaluation_is_refused_in_words(folder, tmp_path):
    def refused(*folders, **settings):
        with pytest.raises(EvaluationError) as error:
            ft.results(*folders, out=tmp_path / "x.html", **settings)
        assert not (tmp_path / "x.html").exists()
        return str(error.value)

    (tmp_path / "empty").mkdir()
    assert "holds neither scores.json of an evaluation nor metrics.jsonl" in refused(
        tmp_path / "empty"
    )
    stopped = tmp_path / "stopped"
    shutil.copytree(folder, stopped)
    (stopped / "scores.json").unlink()
    assert "was stopped. The same `flan eval` goes on with it" in refused(stopped)
    shutil.copytree(folder, tmp_path / "damaged")
    path = tmp_path / "damaged" / "scores.json"
    content = json.loads(path.read_text())
    for damage in ("{", "[]", json.dumps({**content, "datasets": [{"dataset": "rte"}]})):
        path.write_text(damage)
        assert "run the same `flan eval` again" in refused(tmp_path / "damaged")
    assert "is given twice" in refused(folder, folder)
    copies = [tmp_path / name for name in "abc"]
    for copy in copies:
        shutil.copytree(folder, copy)
    assert "a page shows two at most" in refused(*copies)
    other = scored(tmp_path / "other", "rte", rule=right)
    assert "compare what all have: --common" in refused(folder, other)
    path = ft.results(folder, other, out=tmp_path / "common.html", common=True)
    shown = block(path.read_text(encoding="utf-8"), "summary")
    assert [one["name"] for one in shown["datasets"]] == ["rte"]
    assert set(shown["changes"]["left_out"]) == set(NAMES) - {"rte"}


def test_a_file_of_answers_that_was_changed_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "changed")
    answers = Answers.of_folder(tmp_path / "changed")
    path = tmp_path / "changed" / answers.units[0].path
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(EvaluationError, match="was changed after it was written"):
        ft.results(tmp_path / "changed")


def _scores(folder):
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))
