"""Averages of suites against numbers computed by hand, and what keeps them from being published."""

import pytest

from flan_tasks.evaluation.records import Record
from flan_tasks.metrics.gold import Gold
from flan_tasks.suites.exemplars import Solved
from flan_tasks.suites.library import open_suite
from flan_tasks.suites.numbers import Average
from flan_tasks.suites.scores import score_suite, score_task
from flan_tasks.suites.tasks import SuiteQuestion, SuiteTask

# Task -> (its group, what was answered; "x" is right).
ANSWERS = {"a": ("g", "xxxx"), "b": ("g", "x-"), "c": ("h", "----xx")}


def suite_of(answers, averages, name="mmlu@hendrycks", **changes):
    suite, protocol = open_suite(name)
    suite = _replaced(suite, averages=averages, **changes)
    scored = []
    for task, (group, said) in answers.items():
        rows = [{"question": "q", **dict.fromkeys("ABCD", "t"), "answer": "A"} for _ in said]
        about = {"task": task, "task_in_words": task}
        facts = {"group": group, "dataset": task}
        one = SuiteTask(suite, protocol, task, "c", "en", facts, about, rows, Solved())
        question = SuiteQuestion(one, range(len(rows)))
        prompts = question.prompts(seed=0, budget=None)
        records = [
            Record(prompt, sums=(-1, -2, -3, -3) if mark == "x" else (-2, -1, -3, -3))
            for prompt, mark in zip(prompts, said, strict=True)
        ]
        scored.append((question, score_task(one, records, left_out=0)))
    return score_suite(suite, protocol, scored, missing={})


def _replaced(suite, **changes):
    import dataclasses

    return dataclasses.replace(suite, published=(), **changes)


def test_micro_macro_and_grouped_averages():
    averages = (
        Average(name="micro", over="examples"),
        Average(name="macro", over="tasks"),
        Average(name="grouped", over="groups", by="group"),
        Average(name="of g", over="examples", by="group", only="g"),
        Average(name="of nobody", over="tasks", by="group", only="z"),
    )
    score = suite_of(ANSWERS, averages)
    values = {one.name: one.value for one in score.averages}
    thirds = 100 * 2 / 6
    assert values == {
        "micro": pytest.approx(100 * 7 / 12),
        "macro": pytest.approx((100 + 50 + thirds) / 3),
        "grouped": pytest.approx((75 + thirds) / 2),
        "of g": pytest.approx(100 * 5 / 6),
    }
    assert [one.num_tasks for one in score.averages] == [3, 3, 3, 2]
    assert all(one.chance == pytest.approx(25) for one in score.averages)


def test_the_error_of_an_average_is_that_of_a_weighted_sum():
    score = suite_of({"b": ("g", "x-"), "c": ("h", "----xx")}, (Average(name="m", over="tasks"),))
    # sqrt(p (1 - p) / (n - 1)) of each task.
    errors = (100 * (0.25 / 1) ** 0.5, 100 * (1 / 3 * 2 / 3 / 5) ** 0.5)
    assert score.averages[0].error == pytest.approx(sum(e**2 for e in errors) ** 0.5 / 2)


def test_what_is_not_the_published_suite_says_so():
    rows = "the rows here are 12, and those published 14,042"
    exemplars = "the exemplars are others than the published ones"
    score = suite_of(ANSWERS, (Average(name="micro", over="examples"),))
    assert score.differs == (rows, exemplars)
    assert score.differs_in_rows == (rows,) and score.differs_in_exemplars == (exemplars,)
    assert score.to_json()["differs_in_exemplars"] == (exemplars,)
    score = suite_of(ANSWERS, (Average(name="m", over="tasks"),), rows=12)
    assert score.differs == (exemplars,) and score.differs_in_rows == ()


def test_what_is_right_is_folded_as_the_answer_is():
    suite, protocol = open_suite("gsm8k")
    rows = [{"question": "q", "annotation": "r\n", "short_answer": "1,250"}]
    task = SuiteTask(suite, protocol, "gsm8k", "c", "en", {}, {}, rows, Solved())
    prompt = SuiteQuestion(task, [0]).prompts(seed=0, budget=None)[0]
    assert prompt.gold == Gold("1,250", ("1,250",), (), {}, "test:0")
    score = score_task(task, [Record(prompt, "so\n#### 1250")], left_out=0)
    assert score.templates[0].scores == {"exact_match": 100}
