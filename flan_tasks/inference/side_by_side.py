"""Batches that a CPU answers two at a time.

A step of writing is hundreds of small products, and most of them keep one core busy. A second batch
beside it takes what is idle: two cores answer 1.2 to 1.3 times as much (docs/benchmarks.md,
"Evaluation beside lm-evaluation-harness").
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import jax

from flan_tasks.inference.programs import Programs

Result = TypeVar("Result")


def batches_at_once(devices: int) -> int:
    """Returns how many batches are answered at once: two on a CPU of several cores, else one.

    Not on several devices: programs that wait for each other there must begin in one order.
    """
    is_cpu = jax.default_backend() == "cpu" and devices == 1
    return 2 if is_cpu and len(os.sched_getaffinity(0)) > 1 else 1


def side_by_side(
    jobs: Iterable[Callable[[], Result]], *, width: int, programs: Programs
) -> Iterator[Result]:
    """Yields what jobs return, in their order, having up to `width` of them at work.

    Jobs are taken from their iterator by the caller's thread alone. Where the caller stops, or a
    job fails, those at work end with the program that they are in, and no other is begun.

    Args:
      jobs: what is to be done; none depends on another.
      width: how many are done at once.
      programs: what the jobs call.
    """
    if width < 2:
        for job in jobs:
            yield job()
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(width) as threads:
        try:
            for job in jobs:
                waiting.append(threads.submit(job))
                if len(waiting) == width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            if waiting:
                with programs.stopped():
                    threads.shutdown(cancel_futures=True)
