"""Averages of suites against numbers computed by hand."""

import pytest

from flan_tasks.suites.averages import TaskNumber, averages_of
from flan_tasks.suites.numbers import Average


def number(name, values, *, chance=None, error=1.0, examples=10, **facts):
    return TaskNumber(
        name, {"dataset": name, **facts}, tuple(values), values[0], error, examples, chance
    )


def values_of(numbers, **average):
    found = averages_of([Average(name="a", **average)], lambda _: numbers)
    return {one.group: one for one in found}


def test_parts_of_a_dataset_weigh_as_one_in_a_group():
    numbers = [
        number("anli_r1", [30], dataset="anli", cluster="nli"),
        number("anli_r2", [60], dataset="anli", cluster="nli"),
        number("rte", [75], cluster="nli"),
        number("sst2", [90], cluster="sentiment"),
    ]
    found = values_of(numbers, over="groups", by="cluster", each=True)
    assert found["nli"].value == (45 + 75) / 2 and found["nli"].num_tasks == 3
    assert found["sentiment"].value == 90
    assert found[""].value == ((45 + 75) / 2 + 90) / 2 and found[""].num_tasks == 4
    # Weights of 1/8, 1/8, 1/4 and 1/2 of errors of 1.
    assert found[""].error == pytest.approx((2 / 64 + 1 / 16 + 1 / 4) ** 0.5)
    one = values_of(numbers, over="groups", by="cluster", only="nli")
    assert list(one) == [""] and one[""].value == 60


def test_a_median_is_over_all_templates_of_a_group():
    numbers = [
        number("p1", [10, 20], data_set="rte"),
        number("p2", [60], data_set="rte"),
        number("p3", [50], data_set="rte"),
        number("p4", [80], data_set="cb"),
    ]
    found = values_of(numbers, over="groups", by="data_set", of="median", each=True)
    # Of 10, 20, 50, 60 the quartiles are 17.5 and 52.5, as numpy's.
    assert (found["rte"].value, found["rte"].quartiles) == (35, (17.5, 52.5))
    assert (found["cb"].value, found["cb"].quartiles) == (80, None)
    assert found[""].value == (35 + 80) / 2 and found[""].error is None


def test_above_chance_is_the_share_of_what_could_be():
    # The paper's own example: where guessing gets 50, 55 is 10 and 45 is -10.
    for value, scaled in ((55, 10), (45, -10), (100, 100), (50, 0)):
        one = values_of([number("t", [value], chance=50)], over="tasks", above_chance=True)[""]
        assert one.value == scaled and one.error == 2 and one.chance is None
    # Each task by its own chance; one without options has a chance of 0.
    numbers = [number("a", [40], chance=25), number("b", [40]), number("c", [70], chance=50)]
    assert values_of(numbers, over="tasks", above_chance=True)[""].value == pytest.approx(
        (20 + 40 + 40) / 3
    )


def test_what_has_no_task_is_left_out():
    assert values_of([], over="tasks") == {}
    assert values_of([number("t", [1])], over="tasks", by="cluster", only="x") == {}
