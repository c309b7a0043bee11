"""Evaluations of prompts whose options have labels: ranked, written, exported, read from files."""

import json
from functools import partial

import pytest
from without_model import WithoutModel, ranked

from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.elsewhere import prompt_line
from flan_tasks.evaluation.harness import process_generation, process_rank
from flan_tasks.evaluation.lm_eval import Export, export
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.records import GENERATE, RANK, Record
from flan_tasks.evaluation.units import BOTH, Evaluation, questions
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store, default_store

LABELS = Variation(option_style="capitals_with_period", option_targets="label")
SAMPLES = SourceChoice("samples")


class Answering(WithoutModel):
    """Gives the option that a rule picks, by score or in the words of a rule."""

    def __init__(self, place_of, words):
        super().__init__()
        self._place_of, self._words = place_of, words

    def record(self, unit, prompt):
        place = self._place_of(prompt.gold)
        if unit.method == GENERATE:
            return Record(prompt, self._words(prompt.gold, place))
        places = range(len(prompt.gold.options))
        return ranked(prompt, [-1.0 if number == place else -2.0 for number in places])


def right(gold):
    return gold.options.index(gold.answer)


def by_label(gold, place):
    return f"({gold.labels[place].lower()})" if gold.labels else gold.options[place]


def by_text(gold, place):
    return gold.options[place]


def by_both(gold, place):
    return f"{gold.labels[place]}) {gold.options[place]}" if gold.labels else gold.options[place]


def evaluation(*names, variation=LABELS):
    return Evaluation(
        datasets=catalog().expand(names), source=SAMPLES, variation=variation, method=BOTH
    )


def scores(folder, answerer, asked):
    answers = Answers(folder / "out", {**answerer.settings, **asked.settings})
    outcome = evaluate(asked, catalog(), answers, answerer, store=Store(default_store()))
    return {
        (score.dataset, spread.number, spread.way): spread.mean
        for score in outcome.scores
        for spread in score.spreads
    }


@pytest.mark.parametrize("words", [by_label, by_text, by_both])
def test_right_labels_and_texts_get_everything(words, tmp_path):
    answerer = Answering(right, words)
    numbers = scores(tmp_path, answerer, evaluation("cb", "winogrande"))
    assert set(numbers.values()) == {100.0}
    asked_labels = [prompt.gold.targets for unit, prompt in answerer.asked if unit.method == RANK]
    assert any(targets[:2] == ("A", "B") for targets in asked_labels)
    # Read from the files again, by which the scores are made anew.
    assert scores(tmp_path, answerer, evaluation("cb", "winogrande")) == numbers


def test_what_is_written_is_kept_as_it_is(tmp_path):
    scores(tmp_path, Answering(right, by_label), evaluation("rte"))
    lines = [
        json.loads(line)
        for path in (tmp_path / "out" / "predictions" / "rte").glob("*.generate.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    labeled = [line for line in lines if line.get("labels")]
    assert labeled
    assert {line["prediction"] for line in labeled} <= {"(a)", "(b)"}


def test_a_label_of_another_option_is_wrong(tmp_path):
    def another(gold):
        return (right(gold) + 1) % len(gold.options)

    numbers = scores(tmp_path, Answering(another, by_label), evaluation("cb"))
    assert {value for (_, number, _), value in numbers.items() if number == "accuracy"} == {0.0}


def test_prompts_for_others_name_what_is_scored():
    asked = evaluation("rte")
    dataset = catalog()["rte"]
    listed = set()
    for question in questions(asked, dataset, catalog(), store=Store(default_store())):
        for prompt in question.prompts(seed=0, budget=None):
            line = json.loads(prompt_line(question.unit, prompt))
            assert line["options"] == list(prompt.gold.targets)
            listed.add(tuple(line["options"]))
    assert {("A", "B"), ("yes", "no")} <= listed


@pytest.mark.parametrize("how", ["label", "both"])
def test_exports_rank_and_read_the_labels(how, tmp_path):
    variation = Variation(option_style="letters_with_bracket", option_targets=how)
    settings = Export(variation=variation, split="validation")
    export([catalog()["cb"]], catalog(), tmp_path / "out", settings, source=SAMPLES)
    labeled = 0
    for path in (tmp_path / "out" / "cb").glob("*.jsonl"):
        for doc in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            place = doc["label"]
            assert doc["options"][place] == doc["targets"]
            sums = [(-1.0 if n == place else -2.0, False) for n in range(len(doc["options"]))]
            assert process_rank(doc, sums)["accuracy"] == 100.0
            gold = json.loads(doc["gold"])
            read = partial(process_generation, doc)
            assert read([doc["targets"]])["accuracy"] == 100.0
            assert read([gold["answer"]])["accuracy"] == 100.0
            if "labels" in gold:
                labeled += 1
                assert read([f"({gold['labels'][place].upper()})"])["accuracy"] == 100.0
                wrong = gold["labels"][place - 1]
                assert read([wrong])["accuracy"] == 0.0
    assert labeled
