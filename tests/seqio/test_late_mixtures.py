"""Mixtures whose members are looked up when something of them is asked for."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import seqio

from flan_tasks.core.configuration import Configuration
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.seqio.planned_mixture import EngineMixture
from flan_tasks.seqio.task import Prompts, make_task

SAMPLES = Configuration("samples", None, "bytes")


def late(*include):
    """A mixture, and how often its declaration was asked for."""
    asked = []

    def declare():
        asked.append(include)
        return Mixture(name="late", include=include)

    def tasks_of(declaration):
        members = catalog().members(declaration)
        how = {"prompts": Prompts(), "configuration": lambda: SAMPLES}
        return [make_task(dataset.name, **how) for dataset in members]

    mixture = EngineMixture(
        name="my:late", declare=declare, tasks_of=tasks_of, configuration=lambda: SAMPLES
    )
    return mixture, asked


def test_members_are_looked_up_when_something_of_them_is_asked_for():
    mixture, asked = late("rte", "cb")
    assert mixture.name == "my:late"
    assert set(mixture.output_features) == {"inputs", "targets"}
    assert asked == []
    assert [task.name for task in mixture.tasks] == ["flan:cb", "flan:rte"]
    assert mixture.total_rate > 0 and set(mixture.splits) == {"train", "validation", "test"}
    assert asked == [("rte", "cb")]


def test_a_mixture_that_names_something_unknown_says_so_each_time():
    mixture, _ = late("rte", "rtf")
    for _ in range(2):
        with pytest.raises(UnknownNameError, match='"rtf"'):
            _ = mixture.tasks


def test_threads_that_ask_at_once_all_get_an_answer():
    mixture, asked = late("rte", "cb")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [task.name for task in mixture.tasks], range(64)))
    assert found == [["flan:cb", "flan:rte"]] * 64 and len(asked) == 1


def test_an_error_of_making_it_is_told_to_whoever_asks_next():
    errors = iter([RuntimeError("first"), RuntimeError("second")])

    def tasks_of(declaration):
        raise next(errors)

    mixture = EngineMixture(
        name="my:late",
        declare=lambda: Mixture(name="late", include=("rte",)),
        tasks_of=tasks_of,
        configuration=lambda: SAMPLES,
    )
    for message in ("first", "second"):
        with pytest.raises(RuntimeError, match=message):
            _ = mixture.tasks


def test_what_a_mixture_never_has_is_missing():
    mixture, _ = late("rte")
    assert not hasattr(mixture, "weight")
    with pytest.raises(AttributeError, match="EngineMixture has no attribute weight"):
        _ = mixture.weight


def test_a_copy_is_a_mixture_too():
    mixture, _ = late("rte")
    again = copy.copy(mixture)
    assert [task.name for task in again.tasks] == ["flan:rte"] == [t.name for t in mixture.tasks]


def test_a_users_mixture_takes_one_as_it_takes_any():
    mixture, asked = late("cb")
    mine = seqio.Mixture("my:whole", [(mixture, 1.0)])
    assert asked and [task.name for task in mine.tasks] == ["flan:cb"]
    assert mine.get_rate(mine.tasks[0]) == 1.0
