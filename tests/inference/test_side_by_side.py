"""Jobs at work two at a time: in order, and ended where nobody waits for them."""

import threading

import jax.numpy as jnp
import numpy as np
import pytest

from flan_tasks.core.errors import EvaluationError
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.side_by_side import batches_at_once, side_by_side

WAIT = 60


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_the_order_of_their_jobs(width, count):
    jobs = [lambda number=number: number for number in range(count)]
    found = side_by_side(jobs, width=width, programs=Programs())
    assert list(found) == list(range(count))


def test_two_jobs_are_at_work_and_the_third_waits():
    begun, meeting = [], threading.Barrier(2, timeout=WAIT)

    def meets(number):
        begun.append(number)
        meeting.wait()  # ends only if another is at work
        return number

    jobs = (lambda number=number: meets(number) for number in range(4))
    found = side_by_side(jobs, width=2, programs=Programs())
    assert next(found) == 0
    assert set(begun) == {0, 1}
    assert list(found) == [1, 2, 3]


def test_jobs_are_taken_by_the_callers_thread():
    names = []

    def jobs():
        for _ in range(5):
            names.append(threading.current_thread().name)
            yield lambda: None

    assert len(list(side_by_side(jobs(), width=2, programs=Programs()))) == 5
    assert set(names) == {threading.current_thread().name}


def test_where_one_fails_the_others_end_with_their_program():
    programs, is_stopped, calls = Programs(), threading.Event(), []
    is_at_work = threading.Event()

    def double(x):
        return 2 * x

    def fails():
        assert is_at_work.wait(WAIT)
        raise ValueError("no such batch")

    def goes_on():
        calls.append(programs.call(("double",), double, jnp.ones(2)))
        is_at_work.set()
        while True:  # as long as it may
            try:
                programs.call(("double",), double, jnp.ones(2))
            except EvaluationError:
                is_stopped.set()
                raise

    with pytest.raises(ValueError, match="no such batch"):
        list(side_by_side([fails, goes_on, goes_on], width=2, programs=programs))
    assert is_stopped.is_set()
    assert len(calls) == 1
    # What is asked next is answered.
    np.testing.assert_array_equal(programs.call(("double",), double, jnp.ones(2)), [2, 2])


def test_a_caller_that_stops_leaves_nothing_at_work():
    programs, ended, is_at_work = Programs(), threading.Semaphore(0), threading.Event()

    def goes_on():
        is_at_work.set()
        try:
            while True:
                programs.call(("double",), lambda x: 2 * x, jnp.ones(2))
        finally:
            ended.release()

    found = side_by_side([lambda: 1, goes_on], width=2, programs=programs)
    assert next(found) == 1
    assert is_at_work.wait(WAIT)
    found.close()
    assert ended.acquire(timeout=WAIT)


def test_a_program_that_two_threads_want_is_compiled_once():
    lines, meeting = [], threading.Barrier(2, timeout=WAIT)
    programs = Programs(log=lines.append)

    def job():
        meeting.wait()
        return programs.call(("triple",), lambda x: 3 * x, jnp.ones(3))

    results = list(side_by_side([job, job], width=2, programs=programs))
    assert len(programs) == len(lines) == 1
    for result in results:
        np.testing.assert_array_equal(result, [3, 3, 3])


def test_several_devices_have_one_batch_at_once(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert batches_at_once(1) == 2
    assert batches_at_once(8) == 1
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert batches_at_once(1) == 1
