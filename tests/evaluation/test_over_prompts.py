"""Numbers of a data set whose prompts are datasets of their own."""

import pytest

from flan_tasks.evaluation.over_prompts import over_prompts, prompts_table
from flan_tasks.evaluation.summary import DatasetScore, TemplateScore


def score(dataset, value, *, split="validation", way="sum"):
    one = TemplateScore(
        template="as_published",
        split=split,
        way=way,
        num_examples=40,
        scores={"accuracy": value},
        errors={"accuracy": 1.0},
    )
    return DatasetScore(dataset, "nli", (one,), (), ())


def test_prompts_of_a_data_set_are_put_together():
    scores = [score(f"p3_rte_{n}", value) for n, value in enumerate((50, 60, 70, 90))]
    scores += [score("p3_cb_0", 30.0), score("other", 1.0)]
    data_sets = {one.dataset: one.dataset[3:-2] for one in scores if one.dataset != "other"}
    spreads = over_prompts(scores, data_sets)
    assert set(spreads) == {"rte", "cb"}
    (rte,) = spreads["rte"]
    assert (rte.median, rte.quartiles, rte.num_templates) == (65, (57.5, 75), 4)
    (cb,) = spreads["cb"]
    assert (cb.median, cb.quartiles) == (30, None)


def test_splits_and_ways_stay_apart():
    scores = [
        score("a", 10.0),
        score("b", 20.0),
        score("a", 30.0, way="normalized"),
        score("b", 40.0, split="test"),
    ]
    spreads = over_prompts(scores, {"a": "d", "b": "d"})["d"]
    assert [(one.way, one.split, one.median) for one in spreads] == [
        ("sum", "validation", pytest.approx(15)),
        ("normalized", "validation", 30),
        ("sum", "test", 40),
    ]


def test_a_table_has_data_sets_of_several_prompts():
    scores = [score("a", 10.0), score("b", 20.0), score("c", 30.0)]
    columns, lines = prompts_table(scores, {"a": "d", "b": "d", "c": "e"})
    cells = ["d", "accuracy", "validation", "sum", "2", "15.0", "12.5-17.5", "10.0-20.0"]
    assert lines == [cells] and len(columns) == len(cells)
    assert prompts_table(scores, {})[1] == []
