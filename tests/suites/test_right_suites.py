"""Whoever answers rightly, in the form of a protocol, has 100 on every suite; others have 0."""

import json

import pytest
import suite_runs
from without_model import Told

from flan_tasks.suites.library import open_suite, published_suite, suite_names

ALL = [
    f"{name}@{protocol.name}"
    for name in suite_names()
    for protocol in published_suite(name).protocols
    if not protocol.templates
]
# What stands around a written answer: as the protocol wants it, and as it does not.
REASONED = "First this, then that. So the answer is {}.\n\nQ: And then? the answer is 77."
FORMS = {
    "mmlu@flan": ("{}\nQ: more", "The answer is {}"),
    "mmlu@flan_cot": ("Let us see. The answer is {}.\n\nQ: x\nA: The answer is (E).", "{} it is"),
    "bbh@suzgun": (REASONED, "{}"),
    "bbh@suzgun_direct": ("{}\n\nQ: more", "My answer: {}"),
    "bbh@lm_eval": ("First this. So the answer is {}.", "{}"),
    "bbh@lm_eval_direct": ("{}\n\nmore", "My answer: {}"),
    "tydiqa@lm_eval": ("{}\nMore: none", "Here:\n{}"),
    "tydiqa@open_instruct_first": (" {}\n\nMore", "zzz\n{}"),
    "mgsm@shi": ("12 + 1 = 13. Die Antwort ist {}.\n\nFrage: 99?", "{} Murmeln, 1 zu viel: -5"),
    "gsm8k@lm_eval_first_n": ("3 + 4 = 7\n#### {}\n\nQuestion: more #### 99", "It is {}."),
    "gsm8k@lm_eval_first_n_flexible": ("So we get ${}.\n\nQuestion: 99", "{}, and 777777 more"),
}


def scored(name, folder, answerer):
    return suite_runs.scored(folder, suite_runs.asked(name), answerer)


def test_every_written_protocol_has_its_forms():
    written = {n for n in ALL if open_suite(n)[1].method == "generate"}
    assert written == FORMS.keys()


@pytest.mark.parametrize("name", ALL)
def test_right_answers_have_100_and_the_wrong_form_0(name, tmp_path):
    right, wrong = FORMS.get(name, ("", ""))
    best = scored(name, tmp_path / "right", Told(right, right=True)).suites[0]
    assert [one.value for one in best.averages] == [100] * len(best.averages) and best.averages
    worst = scored(name, tmp_path / "wrong", Told(wrong, right=False)).suites[0]
    scaled = {one.name for one in published_suite(worst.suite).averages if one.above_chance}
    plain = [one.value for one in worst.averages if one.name not in scaled]
    assert plain == [0] * len(plain) and plain
    # Worse than guessing.
    assert all(one.value < 0 for one in worst.averages if one.name in scaled)


def test_the_same_folder_is_read_again_without_being_asked(tmp_path):
    first = scored("bbh", tmp_path, Told(REASONED, right=True))

    nobody = Told(REASONED, right=True)
    again = scored("bbh", tmp_path, nobody)
    assert again.suites == first.suites and not nobody.asked
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["suites"][0]["name"] == "bbh@suzgun" and len(content["datasets"]) == 7
    assert "scores.svg" not in [path.name for path in first.files]
    shown = first._repr_html_()
    assert "bbh@suzgun" in shown and "macro of 23 tasks" in shown and "100.0" in shown
    line = json.loads(
        (tmp_path / "predictions" / "bbh:word_sorting" / "bbh@suzgun.test.generate.jsonl")
        .read_text()
        .splitlines()[0]
    )
    # What was written is kept whole, so that reading it another way needs no model.
    assert line["prediction"].endswith("the answer is 77.") and line["stops"] == ["\n\nQ:"]
